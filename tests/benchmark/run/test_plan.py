"""What a record stands on: whatever else made it, it is run again; what could leave no record never starts."""

import shutil
from dataclasses import replace

import pytest
from toy_runs import INSTANCE, KEEPS, TRAINS, copy, planned, record_file, write

from retouch.benchmark import records, tracks, weights
from retouch.benchmark.cli.main import main
from retouch.benchmark.run import plan, resume
from retouch.benchmark.run.resolve import current_record, resolve
from retouch.benchmark.submit import check


@pytest.fixture
def mine(submissions):
    """A submission that trains."""
    return write(submissions, "mine")


def test_a_record_of_another_entry_or_access_is_not_current(honest, submissions):
    mine = copy(honest, submissions)
    manifest = mine / "submission.toml"
    told = manifest.read_text()
    assert current_record(planned(mine))
    for before, after in (("method:edit", "method:other"), ('"classifier"', '"classifier", "labelled_images"')):
        manifest.write_text(told.replace(before, after))
        assert current_record(planned(mine)) is None
        assert any("`retouch run mine`" in f.remedy for f in check.check(mine).findings if f.level == "error")


def test_a_record_of_another_track_version_is_not_current(honest, submissions, monkeypatch):
    mine = copy(honest, submissions)
    assert current_record(planned(mine))
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
    assert main(["run", "mine", "mine", "--no-sandbox", "--instance", INSTANCE, "--seed", "0", "--seed", "0"]) == 0
    assert len(list(mine.glob("records/**/*.json"))) == 1


def test_tuning_instances_run_only_when_asked_for(submissions):
    folder, track = write(submissions, "m", TRAINS), tracks.load("tiny")
    tuned = {one.instance.name for one in plan.plan([folder], track, tuning=True)}
    scored = {one.instance.name for one in plan.plan([folder], track)}
    assert tuned == {"category_redaction/tune-digits-gan"} and INSTANCE in scored and not tuned & scored
    assert plan.plan([folder], track, instances=[*tuned])[0].instance.tuning
    control = write(
        submissions, "retrained", entry="retouch.methods.retrained:edit", access=["retrained"], more="control = true"
    )
    assert not plan.plan([control], track, tuning=True)  # nobody has trained one


def test_ladders_run_the_default_point_unless_others_are_asked(submissions):
    points = "[[points]]\nname = 'gentle'\n[[points]]\nname = 'default'"
    folder, track = write(submissions, "m", more=points), tracks.load("tiny")
    division = "category_redaction/digits-gan-at-3"
    runs = {(run.instance.name, run.point) for run in plan.plan([folder], track)}
    assert {(INSTANCE, "gentle"), (INSTANCE, "default"), (division, "default")} <= runs
    assert (division, "gentle") not in runs
    for asked in ({"instances": [division]}, {"points": ["gentle"]}):
        assert (division, "gentle") in {(run.instance.name, run.point) for run in plan.plan([folder], track, **asked)}


def test_what_is_done_is_skipped_and_what_changed_runs_again(honest, submissions):
    mine = copy(honest, submissions)
    assert current_record(planned(mine)) == records.read(record_file(mine))
    assert current_record(planned(mine, seed=2)) is None
    (mine / "method.py").write_text(TRAINS + "# another version\n")
    assert current_record(planned(mine)) is None


def test_the_longest_runs_come_first_in_a_stable_order(submissions):
    runs = [
        planned(write(submissions, family, family=family), f"category_redaction/digits-{family}", seed)
        for family in ("gan", "diffusion")
        for seed in (0, 1)
    ]
    minutes = plan.minutes(runs)
    assert minutes[2] > minutes[0] > 0
    assert [(run.name, run.seed) for run in plan.longest_first(runs)] == [
        (family, seed) for family in ("diffusion", "gan") for seed in (0, 1)
    ]


def test_what_cannot_train_comes_after_what_can(submissions):
    access = {
        "filter": ["classifier"],
        "trains": ["gradients"],
        "again": ["training_data"],
        "control": ["training_data"],
    }
    runs = [
        planned(write(submissions, name, access=words, more="control = true" if name == "control" else ""))
        for name, words in access.items()
    ]
    assert [run.name for run in plan.longest_first(runs)] == ["trains", "again", "filter", "control"]


def test_a_share_of_a_gpu_is_that_of_the_bases_card(submissions, monkeypatch):
    run = planned(write(submissions, "m"))
    on_gpu = replace(run, device="cuda")
    assert plan.gpu_share(run) == 0 and plan.gpu_share(on_gpu) == 1
    base = weights.find("digits-gan")
    shared = replace(base, card=base.card | {"gpu_share": 0.25})
    monkeypatch.setattr(weights, "find", lambda name: shared)
    assert plan.gpu_share(on_gpu) == 0.25
    assert plan.estimate(on_gpu)["gpu_minutes"] == pytest.approx(plan.estimate(on_gpu)["minutes"] / 4)


def test_a_machine_without_the_record_takes_that_of_the_store(honest, submissions, monkeypatch):
    monkeypatch.setenv("RETOUCH_STORE", str(submissions.parent / "store"))
    mine = copy(honest, submissions)
    runs = [planned(mine, seed=seed) for seed in (0, 2)]
    resume.share(resolve(runs[0]))
    before = {file: file.read_bytes() for file in mine.glob("records/**/default.0.*")}
    shutil.rmtree(mine / "records")
    (mine / "method.py").write_text(KEEPS)
    assert resume.missing(runs) == runs and not (mine / "records").exists()
    (mine / "method.py").write_text(TRAINS)
    assert resume.missing(runs) == runs[1:]
    assert {file: file.read_bytes() for file in mine.glob("records/**/default.0.*")} == before and len(before) == 2
