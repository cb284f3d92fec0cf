"""Runs end to end on the shipped digits: real workers, real scores, and everything that can go wrong with a method."""

import gc
import json
import re
import shutil
import signal
import subprocess
import sys
import time
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from submitting import INSTANCE, TRAINS, write

from retouch.benchmark import records, submission, tracks, weights
from retouch.benchmark.cli.main import main
from retouch.benchmark.run import grid, plan, reveal
from retouch.benchmark.run.base_answers import base_answers
from retouch.benchmark.run.method import method_sha256
from retouch.benchmark.run.resolve import current_record, resolve
from retouch.benchmark.tasks import identity_removal


@pytest.fixture
def submissions(tmp_path, cache, monkeypatch):
    """A folder of submissions, which the command line finds because the test works there."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "submissions").mkdir()
    return tmp_path / "submissions"


ENDLESS = """
import time
def edit(g, task, budget):
    for _ in budget.steps(10**9):
        time.sleep(0.05)
    return g
"""
ZEROED = """
import torch
def edit(g, task, budget):
    for p in g.module.parameters():
        p.data.zero_()
    return g
"""


def one(folder, name="m", **changes):
    """The record of one run of a submission on the digits' GAN."""
    runs = plan.plan([folder / name], tracks.load("tiny"), instances=[INSTANCE], seeds=[changes.pop("seed", 0)])
    return grid.execute(runs[0])


def frozen(record):
    """What two equal runs share: all but the time and what it took."""
    found = record.model_dump(mode="json", by_alias=True)
    found["provenance"].pop("time")
    found.pop("cost")
    return json.dumps(found)


def test_controls_anchor_the_scale(submissions):
    write(submissions, "unchanged", entry="retouch.methods.unchanged:edit", access=())
    write(
        submissions, "retrained", entry="retouch.methods.retrained:edit", access=["retraining"], more="control = true"
    )
    unchanged, retrained = one(submissions, "unchanged"), one(submissions, "retrained")
    assert unchanged.goal.low <= 0.0 <= unchanged.goal.high and unchanged.goal.value < 0.3
    assert unchanged.quality.high == 1 and unchanged.quality.value > 0.7
    assert retrained.goal.high == 1 and retrained.goal.value > 0.9
    assert retrained.cost.share == pytest.approx(1, abs=0.05)
    assert unchanged.metrics["drift"].value == 0


def test_same_run_twice_is_identical_and_the_seed_matters(submissions, cache):
    write(submissions, "m", TRAINS)
    first = one(submissions)
    shutil.rmtree(cache)
    assert frozen(one(submissions)) == frozen(first)
    assert frozen(one(submissions, seed=1)) != frozen(first)
    assert first.cost.gradient_steps == 5 and not first.cost.cut


def test_scores_do_not_depend_on_workers(submissions, monkeypatch):
    write(submissions, "m", entry="retouch.methods.rejection:edit", access=["classifier"])
    runs = plan.plan([submissions / "m"], tracks.load("tiny"), instances=[INSTANCE], seeds=[0, 1])
    apart = [frozen(record) for record in sorted(grid.grid(runs, 1), key=lambda r: r.seed)]
    monkeypatch.setenv("RETOUCH_CACHE", str(submissions / "other"))
    together = [frozen(record) for record in sorted(grid.grid(runs, 2), key=lambda r: r.seed)]
    assert apart == together


def test_what_a_method_prints_is_shown_as_plain_text(submissions, capsys):
    write(submissions, "m", "def edit(g, task, budget):\n    print('\\x1b[2J[red]loss 0.25')\n    return g\n")
    assert main(["run", "m", "--instance", INSTANCE, "--seed", "0"]) == 0
    assert f"m default on {INSTANCE} seed 0 printed:\n[2J[red]loss 0.25\n" in capsys.readouterr().out


def test_methods_are_hashed_by_several_threads_at_once():
    before = gc.get_threshold()
    gc.callbacks.append(yields := lambda *_: time.sleep(0))  # threads change in the middle of parsing
    gc.set_threshold(5)
    try:
        with ThreadPoolExecutor(4) as pool:
            found = pool.map(lambda _: method_sha256(Path("none"), "retouch.methods.rejection:edit"), range(24))
            assert len(set(found)) == 1
    finally:
        gc.set_threshold(*before)
        gc.callbacks.remove(yields)


def test_the_script_that_starts_a_run_is_not_run_again_by_its_worker(submissions, monkeypatch):
    script = types.ModuleType("__main__")
    script.__file__ = str(submissions / "script.py")
    Path(script.__file__).write_text("raise SystemExit('the script again')\n")
    monkeypatch.setitem(sys.modules, "__main__", script)
    write(submissions, "m", TRAINS)
    assert one(submissions).status == "ok" and sys.modules["__main__"] is script


BROKEN = {
    "raises": ("def edit(g, task, budget):\n    raise RuntimeError('out of ideas')\n", "out of ideas"),
    "trips inside torch": (
        "import torch\n\ndef edit(g, task, budget):\n"
        "    return torch.nn.Conv2d(1, 2, 3)(torch.zeros(1, 1, 8, 8, dtype=torch.uint8))\n",
        "method.py, line 4: return torch.nn.Conv2d",
    ),
    "returns nothing": ("def edit(g, task, budget):\n    pass\n", "must return a generator"),
    "prints and dies": (
        "import os, signal\ndef edit(g, task, budget):\n    print('\\x1b[2J garbage \\x00', flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n",
        "SIGKILL",
    ),
    "leaves": ("import os\ndef edit(g, task, budget):\n    os._exit(3)\n", "exit code 3"),
    "samples NaN": (
        "import torch\nclass G:\n    def sample(self, n, rng):\n        return torch.full((n, 1, 8, 8), float('nan'))\n"
        "def edit(g, task, budget):\n    return G()\n",
        "NaN",
    ),
    "samples too few": (
        "import torch\nclass G:\n    def sample(self, n, rng):\n"
        "        return torch.zeros(1, 1, 8, 8, dtype=torch.uint8)\n"
        "def edit(g, task, budget):\n    return G()\n",
        "wanted uint8 (2000, 1, 8, 8)",
    ),
    "reads what is hidden": ("def edit(g, task, budget):\n    return task.guide\n", 'add "classifier"'),
    "kills its group": (
        "import os, signal\ndef edit(g, task, budget):\n    os.killpg(0, signal.SIGKILL)\n",
        "ended by SIGKILL",
    ),
    "has another name": ("def change(g, task, budget):\n    return g\n", "method has no function 'edit'"),
    "does not import": ("import no_such_module\n", "no_such_module"),
}


def test_broken_methods_leave_a_record_that_says_why_and_the_others_go_on(submissions, capsys):
    for name, (body, _) in BROKEN.items():
        write(submissions, name.replace(" ", "-").lower(), body, access=["training_data"])
    write(submissions, "sound", "def edit(g, task, budget):\n    return g\n")
    names = sorted(folder.name for folder in submissions.iterdir())
    assert main(["run", *names, "--instance", INSTANCE, "--seed", "0", "--workers", "2"]) == 1
    for name, (_, reason) in BROKEN.items():
        found = records.read(submissions / name.replace(" ", "-").lower() / f"records/tiny/{INSTANCE}/default.0.json")
        assert found.status == "failed" and found.goal is None
        assert reason.replace('"', "'") in found.reason.replace('"', "'"), found.reason
        assert "\x1b" not in found.reason and "\x00" not in found.reason
    sound = records.read(submissions / f"sound/records/tiny/{INSTANCE}/default.0.json")
    assert sound.status == "ok", sound.reason
    said = "".join(capsys.readouterr().out.split())  # the terminal breaks lines
    assert "failed" in said
    tripped = plan.plan([submissions / "trips-inside-torch"], tracks.load("tiny"), instances=[INSTANCE], seeds=[0])[0]
    log = resolve(tripped).log_file
    assert f"allthatitprinted:{log}" in said and "Traceback" in log.read_text()


def damaged(name):
    """The package's weights called `name`, with a byte too many."""
    with next((weights.ROOT / name).rglob("*.safetensors")).open("ab") as file:
        file.write(b"0")


def test_damaged_files_fail_their_own_runs_alone_and_cost_no_record(submissions, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(weights, "ROOT", shutil.copytree(weights.ROOT, tmp_path / "weights"))
    write(submissions, "guided", access=["training_data", "classifier"])
    write(submissions, "flowing", family="flow", access=["training_data"])
    (write(submissions, "empty") / "method.py").unlink()
    (write(submissions, "broken") / "submission.toml").write_text("title = \n")
    write(submissions, "sound", access=["training_data"])
    damaged("digits-guide")
    damaged("digits-flow")
    names = sorted(folder.name for folder in submissions.iterdir())
    asked = ["run", *names, "--task", "category_redaction", "--seed", "0", "--workers", "1"]
    assert main(asked) == 1
    shown = capsys.readouterr()
    assert "left out: " in shown.err and "broken/submission.toml is not TOML" in shown.err
    for name, base, reason in (("guided", "gan", "weights/digits-guide have sha256.*`retouch pretrain digits-guide"),
                               ("flowing", "flow", "weights/digits-flow have sha256"),
                               ("empty", "gan", "empty/method.py does not exist")):  # fmt: skip
        found = records.read(submissions / f"{name}/records/tiny/category_redaction/digits-{base}/default.0.json")
        assert found.status == "failed" and re.search(reason, found.reason), found.reason
    file = submissions / f"sound/records/tiny/{INSTANCE}/default.0.json"
    assert (before := records.read(file)).status == "ok"
    damaged("digits-judge")
    assert main([*asked, "--again"]) == 1
    assert records.read(file) == before and "digits-judge have sha256" in "".join(capsys.readouterr().out.split("\n"))


def test_past_the_budget_the_checkpoint_counts_or_the_run_is_over_budget(submissions, monkeypatch):
    monkeypatch.setattr("retouch.benchmark.run.edit.GRACE", 0.5)
    endless = "import time\ndef edit(g, task, budget):\n{}    while True:\n        time.sleep(0.1)\n"
    write(submissions, "late", endless.format(""), more="[params]")
    write(submissions, "safe", endless.format("    budget.checkpoint(g)\n"))
    track = tracks.load("tiny")
    short = track.model_copy(update={"max_minutes": 0.02})
    late, safe = (grid.execute(plan.plan([submissions / name], short, instances=[INSTANCE], seeds=[0])[0])
                  for name in ("late", "safe"))  # fmt: skip
    assert late.status == "over_budget" and "budget.checkpoint" in late.reason
    assert safe.status == "ok" and safe.cost.cut


def test_budget_steps_end_by_themselves(submissions):
    write(submissions, "m", ENDLESS)
    short = tracks.load("tiny").model_copy(update={"max_minutes": 0.03})
    found = grid.execute(plan.plan([submissions / "m"], short, instances=[INSTANCE], seeds=[0])[0])
    assert found.status == "ok" and found.cost.cut and found.cost.seconds < 4


def test_a_destroyed_generator_has_no_goal(submissions):
    write(submissions, "m", ZEROED)
    found = one(submissions)
    assert found.status == "below_floor" and found.goal is None and found.score is None and "floor" in found.reason


def test_answers_that_cannot_be_scored_fail_that_run_alone(submissions, monkeypatch):
    folders = [write(submissions, name, "def edit(g, task, budget):\n    return g\n") for name in ("a", "b")]
    scored = grid.scored
    broken = lambda one, *rest: scored(one, *rest) if one.run.name == "b" else {}["no such key"]  # noqa: E731
    monkeypatch.setattr(grid, "scored", broken)
    runs = plan.plan(folders, tracks.load("tiny"), instances=[INSTANCE], seeds=[0])
    found = {record.submission: record for record in grid.grid(runs)}
    assert found["b"].status == "ok"
    assert found["a"].status == "failed" and "could not be scored: KeyError" in found["a"].reason


def test_answers_in_the_cache_belong_to_one_entry_and_what_was_revealed_to_it(submissions):
    for name, entry, access in (("a", "edit_data", "forget_images"), ("b", "edit_validity", "forget_images"),
                                ("c", "edit_data", "classifier")):  # fmt: skip
        write(submissions, name, entry=f"retouch.methods.data_redaction:{entry}", access=[access])
    runs = plan.plan([submissions / name for name in "abc"], tracks.load("tiny"), instances=[INSTANCE], seeds=[0])
    assert len({resolve(run).key for run in runs}) == 3


def test_the_bases_own_answers_are_about_the_instances_own_images(monkeypatch):
    monkeypatch.setattr(identity_removal, "SETS", dict.fromkeys(identity_removal.SETS, 20))
    monkeypatch.setattr(identity_removal, "DATA", 20)
    track, folder = tracks.load("tiny"), Path(__file__).parents[2] / "submissions" / "unchanged"
    for images in (4, 1):
        name = f"identity_removal/faces-flow-{images}-image{'s' * (images > 1)}"
        (run,) = plan.plan([folder], track, instances=[name], seeds=[0])
        questions = reveal.questions(resolve(run))
        answers = base_answers(resolve(run).setup, questions)
        assert answers["base_log_prob_forget"].shape == (5, images)


def test_resume_skips_what_is_done_and_runs_again_what_changed(submissions):
    folder = write(submissions, "m", "def edit(g, task, budget):\n    return g\n")
    track = tracks.load("tiny")
    runs = plan.plan([folder], track, instances=[INSTANCE], seeds=[0])
    assert current_record(runs[0]) is None
    made = grid.execute(runs[0])
    assert current_record(runs[0]) == made
    (folder / "method.py").write_text("def edit(g, task, budget):\n    return g  # another version\n")
    assert current_record(runs[0]) is None


def test_two_submissions_with_the_same_module_names_do_not_meet(submissions):
    for name, steps in (("a", 1), ("b", 2)):
        folder = write(submissions, name, "from helper import STEPS\n" + "def edit(g, task, budget):\n"
                       "    for _ in budget.steps(STEPS):\n        pass\n    return g\n")  # fmt: skip
        (folder / "helper.py").write_text(f"STEPS = {steps}\n")
    assert [one(submissions, name).cost.gradient_steps for name in "ab"] == [1, 2]


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_killed_coordinator_leaves_whole_records_and_the_next_call_goes_on(submissions, cache):
    write(submissions, "m", "import time\ndef edit(g, task, budget):\n    time.sleep(0.5)\n    return g\n")
    command = [sys.executable, "-m", "retouch.benchmark.cli.main", "run", "m", "--instance", INSTANCE, "--workers", "1"]
    first = subprocess.Popen(command, cwd=submissions.parent, stdout=subprocess.DEVNULL)
    folder = submissions / f"m/records/tiny/{INSTANCE}"
    until = time.monotonic() + 120
    while not list(folder.glob("*.json")) and time.monotonic() < until:
        time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    first.wait()
    done = sorted(folder.glob("*.json"))
    assert 1 <= len(done) < 3
    stamps = {file: records.read(file).provenance.time for file in done}  # whole and valid
    subprocess.run(command, cwd=submissions.parent, check=True, stdout=subprocess.DEVNULL)
    after, rejected = records.read_all(submissions)
    assert {record.seed for record in after} == {0, 1, 2} and not rejected
    assert all(records.read(file).provenance.time == stamps[file] for file in done)


def test_unknown_names_get_the_nearest(submissions, capsys):
    write(submissions, "mine", "")
    for arguments, hint in (
        (["run", "mien"], "mine"),
        (["run", "mine", "--track", "tinny"], "tiny"),
        (["run", "mine", "--instance", "category_redaction/digit-gan"], INSTANCE),
        (["run", "mine", "--task", "redaction"], "category_redaction"),
        (["run", "mine", "--point", "strong"], "default"),
        (["pretrain", "digits-gun"], "digits-gan"),
    ):
        assert main(arguments) == 2
        assert hint in capsys.readouterr().err


def test_broken_manifests_are_errors_with_the_file_and_the_field(submissions, capsys):
    folder = write(submissions, "m", "")
    (folder / "submission.toml").write_text("title = \n")
    assert main(["run", "m"]) == 2
    assert "submission.toml is not TOML" in capsys.readouterr().err
    (folder / "submission.toml").write_text('title = "x"\nauthors = []\nfamilies = ["vae"]\ntasks = []\nentry = "x"\n')
    with pytest.raises(ValueError) as error:
        submission.read(folder)
    for field in ("authors", "families", "tasks", "entry"):
        assert field in str(error.value)


def test_tuning_instances_run_only_when_asked_for(submissions):
    folder, track = write(submissions, "m", TRAINS), tracks.load("tiny")
    tuned = {run.instance.name for run in plan.plan([folder], track, tuning=True)}
    scored = {run.instance.name for run in plan.plan([folder], track)}
    assert tuned == {"category_redaction/tune-digits-gan"} and scored == {INSTANCE}
    assert plan.plan([folder], track, instances=[*tuned])[0].instance.tuning
    control = write(submissions, "retrained", entry="retouch.methods.retrained:edit", access=["retraining"])
    assert not plan.plan([control], track, tuning=True)  # nobody has trained one


def test_plan_lists_and_starts_nothing(submissions, capsys):
    write(submissions, "m", "def edit(g, task, budget):\n    return g\n")
    assert main(["run", "m", "--plan"]) == 0
    assert "3 of 3 runs are missing" in capsys.readouterr().out
    assert not (submissions / "m/records").exists()


def test_tasks_lists_every_instance_and_an_unknown_track_names_the_known(capsys):
    for arguments in ([], ["tiny"]):
        assert main(["tasks", *arguments]) == 0
        said = capsys.readouterr().out
        assert all(one.name in said for one in tracks.load("tiny").instances)
    [row] = [line for line in said.splitlines() if "attribute_rebalancing/faces-gan " in line]
    assert "edits of" in row  # the question that only GANs are asked
    assert main(["tasks", "tinny"]) == 2 and "tiny" in capsys.readouterr().err


def test_run_again_status_and_export(submissions, capsys):
    log = submissions / "log"  # of edits
    write(submissions, "m", f"def edit(g, task, budget):\n    open('{log}', 'a').write('x')\n    return g\n")
    assert main(["status"]) == 0
    assert "nothing has run yet" in capsys.readouterr().out
    command = ["run", "m", "--instance", INSTANCE, "--seed", "0"]
    for more, edits in (([], "x"), ([], "x"), (["--again"], "xx")):
        assert main([*command, *more]) == 0 and log.read_text() == edits
    capsys.readouterr()
    main(["status"])
    assert "1 done, 0 not ok, 0 left" in capsys.readouterr().out
    done, other = plan.plan([submissions / "m"], tracks.load("tiny"), instances=[INSTANCE], seeds=[0, 1])
    cost = current_record(done).cost
    assert plan.estimate(other)["minutes"] == pytest.approx((cost.work_seconds + cost.harness_seconds) / 60)
    assert cost.base_seconds > 0
    pandas = pytest.importorskip("pandas")
    assert main(["export", "out"]) == 0
    table = pandas.read_parquet("out/records.parquet")
    assert table.loc[0, "submission"] == "m" and 0 <= table.loc[0, "metric.invalidity"] <= 1
    assert len(pandas.read_csv("out/records.csv")) == 1
