"""What a record stands on: whatever else made it, it is run again; what could leave no record never starts."""

import pytest
from toy_runs import INSTANCE, KEEPS, TRAINS, planned, ran, run, write

from retouch.benchmark import tracks
from retouch.benchmark.cli.main import main
from retouch.benchmark.run import plan
from retouch.benchmark.run.resolve import current_record
from retouch.benchmark.submit import check


@pytest.fixture
def mine(submissions):
    """A submission that trains."""
    return write(submissions, "mine")


def test_a_record_of_another_entry_or_access_is_not_current(mine):
    ran(mine)
    manifest = mine / "submission.toml"
    told = manifest.read_text()
    assert current_record(planned(mine))
    for before, after in (("method:edit", "method:other"), ('"classifier"', '"classifier", "labelled_images"')):
        manifest.write_text(told.replace(before, after))
        assert current_record(planned(mine)) is None
        assert any("`retouch run mine`" in f.remedy for f in check.check(mine).findings if f.level == "error")


def test_a_record_of_another_track_version_is_not_current(mine, monkeypatch):
    ran(mine)
    monkeypatch.setattr("retouch.benchmark.versions.moved", lambda record: ["track version 1, now 2"])
    assert current_record(planned(mine)) is None


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


def test_tuning_instances_run_only_when_asked_for(submissions):
    folder, track = write(submissions, "m", TRAINS), tracks.load("tiny")
    tuned = {one.instance.name for one in plan.plan([folder], track, tuning=True)}
    scored = {one.instance.name for one in plan.plan([folder], track)}
    assert tuned == {"category_redaction/tune-digits-gan"} and scored == {INSTANCE}
    assert plan.plan([folder], track, instances=[*tuned])[0].instance.tuning
    control = write(submissions, "retrained", entry="retouch.methods.retrained:edit", access=["retraining"])
    assert not plan.plan([control], track, tuning=True)  # nobody has trained one


def test_what_is_done_is_skipped_and_what_changed_runs_again(submissions):
    folder = write(submissions, "m", KEEPS)
    assert current_record(planned(folder)) is None
    record = run(folder)
    assert current_record(planned(folder)) == record
    (folder / "method.py").write_text(KEEPS + "# another version\n")
    assert current_record(planned(folder)) is None
