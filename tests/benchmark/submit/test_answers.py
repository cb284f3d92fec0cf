"""Answers beside a release: pushed from one machine, pulled and scored again on another, without a run."""

import numpy as np
import pytest
from toy_runs import copy, record_file

from retouch.benchmark import records, setup
from retouch.benchmark.cli.main import main
from retouch.benchmark.support.cache import keep
from retouch.benchmark.worker.process import Session


@pytest.fixture
def released(honest, submissions, monkeypatch, tmp_path, cache):
    """A submission whose answers were pushed to a folder from the machine that made them; here the cache is empty."""
    folder = copy(honest, submissions)
    with monkeypatch.context() as patch:
        patch.setenv("RETOUCH_CACHE", str(honest.parents[1] / "cache"))
        assert main(["answers", "push", str(tmp_path / "release"), "mine"]) == 0
    monkeypatch.setattr(Session, "__init__", lambda *of, **more: pytest.fail("a worker was started"))
    return folder


def test_what_was_pushed_is_scored_again_elsewhere(released, tmp_path, monkeypatch, capsys):
    before = records.read(record_file(released))
    monkeypatch.setattr(setup, "METRICS", "next")  # the metrics have moved: every record is stale
    assert main(["rescore", "mine"]) == 1
    assert "0 scored again, 2 stale" in capsys.readouterr().out
    assert main(["rescore", "mine", "--from", str(tmp_path / "release")]) == 0
    after = records.read(record_file(released))
    assert after.provenance.versions["metrics"] == "next" and after.metrics == before.metrics
    assert after.cost == before.cost and after.provenance.host == before.provenance.host


def test_pull_fills_the_cache(released, tmp_path, capsys):
    address = str(tmp_path / "release")
    assert main(["answers", "pull", address, "mine"]) == 0
    assert "answers of 2 records fetched, 0 missing" in capsys.readouterr().out
    assert main(["answers", "pull", address, "mine"]) == 0
    assert "answers of 0 records fetched, 0 missing" in capsys.readouterr().out
    assert main(["answers", "push", str(tmp_path / "second"), "mine"]) == 0
    names = [sorted(file.name for file in (tmp_path / place / "answers").iterdir()) for place in ("release", "second")]
    assert names[0] == names[1] and len(names[0]) == 2


def test_other_answers_than_the_records_are_thrown_away(released, tmp_path, cache, capsys):
    """The bucket's owner exchanges them, each whole and with its hash: the record knows its own."""
    first, second = sorted((tmp_path / "release/answers").iterdir())
    first.write_bytes(second.read_bytes())
    assert main(["answers", "pull", str(tmp_path / "release"), "mine"]) == 1
    assert "1 missing" in capsys.readouterr().out
    assert not (cache / "answers" / first.name).exists() and (cache / "answers" / second.name).exists()


def test_other_answers_made_here_make_way_for_the_records(released, tmp_path, cache, capsys):
    for file in (tmp_path / "release/answers").iterdir():
        keep(cache / "answers" / file.name, {"samples": np.zeros(3)})
    assert main(["answers", "pull", str(tmp_path / "release"), "mine"]) == 0
    assert "answers of 2 records fetched, 0 missing" in capsys.readouterr().out
