"""What a record stands on: whatever else made it, it is run again; and what could leave no record is never started."""

import os

import pytest
from submitting import INSTANCE, TRAINS, ran, write

from retouch.benchmark import tracks
from retouch.benchmark.cli.main import main
from retouch.benchmark.run import method, plan
from retouch.benchmark.run.resolve import current_record
from retouch.benchmark.submit import check
from retouch.benchmark.support import files


@pytest.fixture
def mine(tmp_path, cache, monkeypatch):
    """A submission that trains, where the command line finds it."""
    monkeypatch.chdir(tmp_path)
    return write(tmp_path / "submissions", "mine")


def planned(folder):
    return plan.plan([folder], tracks.load("tiny"), instances=[INSTANCE], seeds=[0])[0]


def test_a_record_of_another_entry_or_access_is_not_current(mine):
    ran(mine)
    manifest = mine / "submission.toml"
    told = manifest.read_text()
    assert current_record(planned(mine))
    for before, after in (("method:edit", "method:other"), ('"classifier"', '"classifier", "labelled_images"')):
        manifest.write_text(told.replace(before, after))
        assert current_record(planned(mine)) is None
        assert any("`retouch run mine`" in f.remedy for f in check.check(mine).findings if f.level == "error")


def test_a_record_of_another_version_of_the_track_is_not_current(mine, monkeypatch):
    ran(mine)
    monkeypatch.setattr("retouch.benchmark.versions.moved", lambda record: ["track version 1, now 2"])
    assert current_record(planned(mine)) is None


def test_the_methods_hash_covers_its_data_and_what_it_imports_but_not_its_texts(mine):
    hashed = lambda: method.method_sha256(mine, "method:edit")  # noqa: E731
    first = hashed()
    (mine / "README.md").write_text("what it does")
    (mine / "records").mkdir()
    (mine / "records/note.npy").write_bytes(b"1")
    assert hashed() == first
    (mine / "weights").mkdir()
    (mine / "weights/directions.npy").write_bytes(b"1")
    second = hashed()
    (mine / "weights/directions.npy").write_bytes(b"2")
    assert len({first, second, hashed()}) == 3
    (mine / "method.py").write_text(TRAINS + "\n")
    plain = hashed()
    (mine / "method.py").write_text("from retouch.methods.training import continue_training\n" + TRAINS)
    assert {file.stem for file in method._imports(mine / "method.py")} >= {"method", "training"} and hashed() != plain
    (mine / "method.py").write_text("def edit(:\n")
    assert hashed() != plain  # the run says what is wrong with it


def test_what_could_leave_no_record_is_refused_before_it_runs(mine, tmp_path, capsys):
    write(tmp_path / "elsewhere", "mine")
    write(tmp_path, "Mine")
    for arguments, said in (
        (["Mine"], "lower-case"),
        (["mine", "elsewhere/mine"], "the same name"),
        (["mine", "--seed", "-1"], "seeds go from 0"),
    ):
        assert main(["run", *arguments, "--instance", INSTANCE]) == 2
        assert said in capsys.readouterr().err
    assert main(["run", "mine", "mine", "--instance", INSTANCE, "--seed", "0", "--seed", "0"]) == 0
    assert len(list(mine.glob("records/**/*.json"))) == 1


def test_a_file_is_hashed_once_and_again_when_it_changed(mine, monkeypatch):
    file = mine / "weights.npy"
    file.write_bytes(b"1" * 100)
    reads, digest = [], files.hashlib.file_digest
    monkeypatch.setattr(files.hashlib, "file_digest", lambda *of: reads.append(of) or digest(*of))
    first = method.method_sha256(mine, "method:edit")
    assert method.method_sha256(mine, "method:edit") == first and len(reads) == 2  # the code and its weights
    times = file.stat().st_atime_ns, file.stat().st_mtime_ns
    file.write_bytes(b"2" * 100)
    os.utime(file, ns=times)  # of the same size, and with the time of its last change put back
    assert method.method_sha256(mine, "method:edit") != first and len(reads) == 3
