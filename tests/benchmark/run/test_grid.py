"""Grids end to end on the shipped digits: real workers, real scores, and no bad run stops the others."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import types
from pathlib import Path
from threading import Barrier, Event

import psutil
import pytest
from threadpoolctl import threadpool_info, threadpool_limits
from toy_runs import FEW, INSTANCE, KEEPS, TRAINS, frozen, own_cache, planned, record_file, run, write

from retouch.benchmark import records, weights
from retouch.benchmark.cli.main import main
from retouch.benchmark.run import grid, plan, status
from retouch.benchmark.run.record import failed
from retouch.benchmark.run.resolve import resolve
from retouch.benchmark.worker.process import Stopped

RETOUCH = [sys.executable, "-m", "retouch.benchmark.cli.main"]


def test_controls_cost_nothing_and_one_training(submissions):
    write(submissions, "unchanged", entry="retouch.methods.unchanged:edit", access=())
    write(submissions, "retrained", entry="retouch.methods.retrained:edit", access=["retrained"], more="control = true")
    threadpool_limits(2)
    unchanged, retrained = (run(submissions / name, samples=FEW) for name in ("unchanged", "retrained"))
    assert {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"} == {1}  # runs have a core
    assert unchanged.cost.share == 0 and unchanged.metrics["drift"].value == 0
    assert retrained.cost.share == pytest.approx(1, abs=0.05) and retrained.metrics["drift"].value > 0


def test_equal_runs_are_identical_and_the_seed_matters(submissions, shared_cache, monkeypatch):
    """On one worker or several."""
    write(submissions, "m", TRAINS)
    runs = [planned(submissions / "m", seed=seed, samples=500) for seed in (0, 1)]
    apart = [json.dumps(frozen(record)) for record in sorted(grid.grid(runs), key=lambda r: r.seed)]
    monkeypatch.setenv("RETOUCH_CACHE", own_cache(submissions.parent / "other", shared_cache))
    together = [json.dumps(frozen(record)) for record in sorted(grid.grid(runs, grid.local(2)), key=lambda r: r.seed)]
    assert apart == together and json.loads(apart[0])["metrics"] != json.loads(apart[1])["metrics"]


def test_what_a_method_prints_is_shown_as_plain_text(submissions, capsys):
    write(submissions, "m", "def edit(g, task, budget):\n    print('\\x1b[2J[red]loss 0.25')\n    return g\n")
    assert main(["run", "m", "--no-sandbox", "--instance", INSTANCE, "--seed", "0"]) == 0
    assert f"m default on {INSTANCE} seed 0 printed:\n[2J[red]loss 0.25\n" in capsys.readouterr().out


def test_the_script_that_starts_a_run_is_not_run_again(submissions, monkeypatch):
    script = types.ModuleType("__main__")
    script.__file__ = str(submissions / "script.py")
    Path(script.__file__).write_text("raise SystemExit('the script again')\n")
    monkeypatch.setitem(sys.modules, "__main__", script)
    write(submissions, "m", TRAINS)
    assert run(submissions / "m", samples=FEW).metrics and sys.modules["__main__"] is script


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
    "asks for too much": (
        "import torch\ndef edit(g, task, budget):\n    raise torch.OutOfMemoryError('CUDA out of memory')\n",
        "memory ran out (OutOfMemoryError: CUDA out of memory): a smaller batch, or --workers 1",
    ),
    "reads what is hidden": ("def edit(g, task, budget):\n    return task.guide\n", 'add "classifier"'),
    "kills its group": (
        "import os, signal\ndef edit(g, task, budget):\n    os.killpg(0, signal.SIGKILL)\n",
        "ended by SIGKILL",
    ),
    "has another name": ("def change(g, task, budget):\n    return g\n", "method has no function 'edit'"),
    "does not import": ("import no_such_module\n", "no_such_module"),
}


def test_broken_methods_leave_a_record_that_says_why(submissions, capsys):
    for name, (body, _) in BROKEN.items():
        write(submissions, name.replace(" ", "-").lower(), body, access=["training_data"])
    write(submissions, "sound", KEEPS)
    names = sorted(folder.name for folder in submissions.iterdir())
    assert main(["run", *names, "--no-sandbox", "--instance", INSTANCE, "--seed", "0", "--workers", "2"]) == 1
    for name, (_, reason) in BROKEN.items():
        found = records.read(record_file(submissions / name.replace(" ", "-").lower()))
        assert found.status == "failed" and found.goal is None
        assert reason.replace('"', "'") in found.reason.replace('"', "'"), found.reason
        assert "\x1b" not in found.reason and "\x00" not in found.reason
    sound = records.read(record_file(submissions / "sound"))
    assert sound.status == "ok", sound.reason
    said = "".join(capsys.readouterr().out.split())  # the terminal breaks lines
    assert "failed" in said
    tripped = planned(submissions / "trips-inside-torch")
    log = resolve(tripped).log_file
    assert f"allthatitprinted:{log}" in said and "Traceback" in log.read_text()


def damaged(name):
    """The package's weights called `name`, with a byte too many."""
    with next((weights.ROOT / name).rglob("*.safetensors")).open("ab") as file:
        file.write(b"0")


def test_damaged_files_fail_their_own_runs_alone(submissions, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(weights, "ROOT", shutil.copytree(weights.ROOT, tmp_path / "weights"))
    write(submissions, "guided", access=["training_data", "classifier"])
    write(submissions, "flowing", family="flow", access=["training_data"])
    (write(submissions, "empty") / "method.py").unlink()
    (write(submissions, "broken") / "submission.toml").write_text("title = \n")
    write(submissions, "sound", access=["training_data"])
    damaged("digits-guide")
    damaged("digits-flow")
    names = sorted(folder.name for folder in submissions.iterdir())
    both = [f"--instance=category_redaction/digits-{family}" for family in ("gan", "flow")]
    asked = ["run", *names, "--no-sandbox", *both, "--seed", "0", "--workers", "1"]
    assert main(asked) == 1
    shown = capsys.readouterr()
    assert "left out: " in shown.err and "broken/submission.toml is not TOML" in shown.err
    for name, base, reason in (("guided", "gan", "weights/digits-guide have sha256.*`retouch pretrain digits-guide"),
                               ("flowing", "flow", "weights/digits-flow have sha256"),
                               ("empty", "gan", "empty/method.py does not exist")):  # fmt: skip
        found = records.read(record_file(submissions / name, instance=f"category_redaction/digits-{base}"))
        assert found.status == "failed" and re.search(reason, found.reason), found.reason
    file = record_file(submissions / "sound")
    assert (before := records.read(file)).status == "ok"
    damaged("digits-judge")
    assert main([*asked, "--again"]) == 1
    assert records.read(file) == before and "digits-judge have sha256" in "".join(capsys.readouterr().out.split("\n"))


ZEROED = """
import torch
def edit(g, task, budget):
    for p in g.module.parameters():
        p.data.zero_()
    return g
"""


def test_a_destroyed_generator_has_no_goal(submissions):
    write(submissions, "m", ZEROED)
    found = run(submissions / "m")
    assert found.status == "below_floor" and found.goal is None and found.score is None and "floor" in found.reason


def test_answers_that_cannot_be_scored_fail_that_run_alone(submissions, monkeypatch):
    folders = [write(submissions, name, KEEPS) for name in ("a", "b")]
    scored = grid.scored
    broken = lambda one, *rest: scored(one, *rest) if one.run.name == "b" else {}["no such key"]  # noqa: E731
    monkeypatch.setattr(grid, "scored", broken)
    found = {record.submission: record for record in grid.grid([planned(one, samples=FEW) for one in folders])}
    assert found["b"].metrics
    assert found["a"].status == "failed" and "could not be scored: KeyError" in found["a"].reason


def test_modules_of_the_same_name_do_not_meet(submissions):
    for name, steps in (("a", 1), ("b", 2)):
        folder = write(submissions, name, "from helper import STEPS\n" + "def edit(g, task, budget):\n"
                       "    for _ in budget.steps(STEPS):\n        pass\n    return g\n")  # fmt: skip
        (folder / "helper.py").write_text(f"STEPS = {steps}\n")
    assert [run(submissions / name, samples=FEW).cost.gradient_steps for name in "ab"] == [1, 2]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_a_killed_grid_leaves_whole_records_and_goes_on(submissions, cache):
    write(submissions, "m", "import time\ndef edit(g, task, budget):\n    time.sleep(0.5)\n    return g\n")
    command = [*RETOUCH, "run", "m", "--no-sandbox", "--instance", INSTANCE, "--seed", "1", "--seed", "2"]
    command += ["--workers", "1"]
    first = subprocess.Popen(command, cwd=submissions.parent, stdout=subprocess.DEVNULL)
    folder = submissions / f"m/records/tiny/{INSTANCE}"
    until = time.monotonic() + 120
    while not list(folder.glob("*.json")) and time.monotonic() < until:
        time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    first.wait()
    done = sorted(folder.glob("*.json"))
    assert len(done) == 1
    stamps = {file: records.read(file).provenance.time for file in done}  # whole and valid
    subprocess.run(command, cwd=submissions.parent, check=True, stdout=subprocess.DEVNULL)
    after, rejected = records.read_all(submissions)
    assert {record.seed for record in after} == {1, 2} and not rejected
    assert all(records.read(file).provenance.time == stamps[file] for file in done)


def test_after_its_hours_no_run_begins(submissions):
    begun = []
    runs = [planned(write(submissions, "m", KEEPS), seed=seed) for seed in (0, 1)]
    assert list(grid.grid(runs, events=grid.Events(lambda run: begun.append(run)), hours=0)) == [] and not begun


def test_the_hours_that_are_left_follow_what_runs_took(submissions, monkeypatch):
    runs = [planned(write(submissions, "m", KEEPS), seed=seed) for seed in range(4)]
    now, minutes = 1e9, plan.minutes(runs)
    monkeypatch.setattr(status.time, "time", lambda: now)
    state = status.Status(runs)
    assert state.state()["hours"] == pytest.approx(4 * minutes[0] / 60)
    state.started(runs[0])
    now += 3 * minutes[0] * 60  # three times as long as estimated
    state.finished(failed(runs[0], None, "no matter why"))
    assert state.state()["hours"] == pytest.approx(3 * 3 * minutes[0] / 60)
    assert state.state()["done"] == {"failed": 1} and not state.state()["running"]


def _session(leader):
    """The processes of a session that still work."""
    found = []
    for process in psutil.process_iter(["pid", "status"]):
        with contextlib.suppress(OSError):
            if os.getsid(process.pid) == leader and process.info["status"] != "zombie":
                found.append(process)
    return found


def heard():
    """In a child before it starts: SIGINT reaches it, also where pytest runs in the background and ignores it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


SLEEPS = "import pathlib, time\ndef edit(g, task, budget):\n    pathlib.Path('MARK').touch()\n    time.sleep(600)\n"


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_ctrl_c_stops_at_once_and_tells_the_truth(submissions):
    """Whatever the moment: one run is done, one under way; what has not ended leaves no record.

    The one that is done ends by an error of its own, which leaves nothing to score.
    """
    mark = submissions / "mark"
    write(submissions, "quick", "def edit(g, task, budget):\n    raise RuntimeError('out of ideas')\n")
    write(submissions, "slow", SLEEPS.replace("MARK", str(mark)))
    command = [*RETOUCH, "run", "quick", "slow", "--no-sandbox", "--instance", INSTANCE, "--seed", "0"]
    process = subprocess.Popen([*command, "--workers", "2"], cwd=submissions.parent, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, start_new_session=True,
                               preexec_fn=heard)  # fmt: skip
    until = time.monotonic() + 120
    while not (mark.exists() and record_file(submissions / "quick").exists()) and time.monotonic() < until:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all in the foreground
    said = process.communicate(timeout=120)[0]  # two seconds where nothing else runs
    assert process.returncode == 130
    assert "stopped: 1 of 2 runs done" in " ".join(said.split())
    assert "out of ideas" in records.read(record_file(submissions / "quick")).reason
    assert not record_file(submissions / "slow").exists()
    until = time.monotonic() + 20
    while (left := _session(process.pid)) and time.monotonic() < until:
        time.sleep(0.1)  # the fork server ends once it sees that nobody is there
    assert not left


@pytest.fixture
def heard_here():
    """Ctrl-C interrupts, also where the tests run in the background of a shell, which makes them ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
@pytest.mark.usefixtures("heard_here")
def test_ctrl_c_while_a_record_is_shown_loses_no_other(submissions, monkeypatch):
    """It may meet the caller between two records: one that has ended meanwhile is still yielded, and nothing begins."""
    runs = [planned(write(submissions, "m", KEEPS), seed=seed) for seed in range(5)]
    second = Event()

    def execute(run, events, stop):
        if run.seed == 1:
            assert second.wait(100)
        elif run.seed == 2 and stop.wait(100):
            raise Stopped
        return failed(run, None, "no matter why")

    monkeypatch.setattr(grid, "execute", execute)
    records, seeds = grid.local(3)(runs, grid.Events()), []
    with pytest.raises(KeyboardInterrupt):
        for record in records:
            seeds.append(record.seed)
            if record.seed == 0:
                signal.raise_signal(signal.SIGINT)
                second.set()
    assert sorted(seeds) == [0, 1, 3]  # the fourth began before, the fifth never
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_workers_begin_with_different_bases(submissions, monkeypatch):
    """Or both would wait for, or compute, what is asked of a base and of its held-out images once."""
    begun, both = [], Barrier(2)

    def execute(run, events, stop):
        begun.append(run.instance.base)
        both.wait(100)
        return failed(run, None, "no matter why")

    monkeypatch.setattr(grid, "execute", execute)
    folder = write(submissions, "m", KEEPS)
    runs = [planned(folder, f"category_redaction/digits-gan{at}", seed) for at in ("", "-at-10") for seed in (0, 1)]
    flow = write(submissions, "flow", KEEPS, family="flow")
    runs += [planned(flow, "category_redaction/digits-flow", seed) for seed in (0, 1)]
    assert len(list(grid.grid(runs, grid.local(2)))) == 6
    assert set(begun[:2]) == set(begun[2:4]) == {"digits-gan", "digits-flow"}


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_an_early_ctrl_c_leaves_no_false_record(submissions):
    """While the fork server still imports: it must not die of the signal that is meant for the coordinator."""
    write(submissions, "m", KEEPS)
    command = [*RETOUCH, "run", "m", "--no-sandbox", "--instance", INSTANCE, "--workers", "1"]
    process = subprocess.Popen(command, cwd=submissions.parent, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               start_new_session=True, preexec_fn=heard)  # fmt: skip
    until = time.monotonic() + 60
    while not psutil.Process(process.pid).children() and time.monotonic() < until:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    # a shell sees 130 in both cases: CPython ends by the signal itself where that met an exec of text, as imports do
    assert process.wait(60) in (130, -signal.SIGINT)
    assert not [r for r in records.read_all(submissions)[0] if r.status == "failed"]
