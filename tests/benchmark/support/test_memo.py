"""What is known of files is not made again, until they or what decides it change."""

import os
import time

import pytest

from retouch.benchmark.support import memo
from retouch.benchmark.support.memo import Memo


@pytest.fixture
def file(tmp_path, cache, monkeypatch):
    """A file whose last change is long ago; the package is as it is."""
    monkeypatch.setattr(memo, "FRESH", -1)
    monkeypatch.setattr(memo, "package_key", lambda: "this package")
    (tmp_path / "a").write_text("1")
    return tmp_path / "a"


def read(file, log, *key):
    """Its content, through a memo; `log` grows if it is read."""
    known = Memo("test", *key)
    value = known.of([file, file.with_suffix(".png")], lambda: log.append(1) or file.read_text())
    known.keep()
    return value


def test_a_file_is_read_once_until_it_changes(file, monkeypatch):
    log = []
    assert [read(file, log) for _ in range(3)] == ["1"] * 3 and len(log) == 1
    times = file.stat().st_mtime_ns
    file.write_text("2")
    os.utime(file, ns=(times, times))  # as long, and as old by its own word
    assert read(file, log) == "2" and len(log) == 2
    file.with_suffix(".png").write_text("its picture")
    read(file, log)
    read(file, log, "another manifest")
    monkeypatch.setattr(memo, "package_key", lambda: "another package")
    read(file, log)
    assert len(log) == 5


def test_what_has_just_changed_is_read_again(file, monkeypatch):
    monkeypatch.setattr(memo, "FRESH", 60)
    log = []
    assert [read(file, log) for _ in range(2)] == ["1"] * 2 and len(log) == 2


def test_the_package_is_known_by_every_file(tmp_path, monkeypatch):
    (tmp_path / "tracks").mkdir()
    monkeypatch.setenv("RETOUCH_PATH", str(tmp_path))
    before, began = memo.package_key(), time.perf_counter()
    assert memo.package_key() == before
    (tmp_path / "tracks/track.toml").write_text("")
    assert memo.package_key() != before and time.perf_counter() - began < 5
