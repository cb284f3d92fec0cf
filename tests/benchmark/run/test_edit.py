"""One run between worker and coordinator: what comes late, what changes under way, what the budget ends."""

import re

import pytest
from toy_runs import FEW, TRAINS, planned, run, undisturbed, write

from retouch.benchmark.run.resolve import resolve

REWRITES_ITSELF = f"from pathlib import Path\n{TRAINS}".replace(
    "    return", "    Path(__file__).write_text('# another method')\n    return"
)
CHECKPOINTS = """
import time

def edit(generator, task, budget):
    for _ in budget.steps(3):
        pass
    budget.checkpoint(generator)
    time.sleep(60)
"""
CHARGES_FIRST = CHECKPOINTS.replace("    budget.ch", "    print('so far')\n    budget.charge(1000)\n    budget.ch")
LATE = """
class Late:
    def __init__(self, generator, task):
        self.generator, self.images = generator, task.retain[:64]

    def sample(self, n, rng):
        for _ in range(STEPS if self.images is not None else 0):
            self.generator.train_step(self.images)
        self.images = None
        return self.generator.sample(n, rng)


def edit(generator, task, budget):
    return Late(generator, task)
"""
CHARGES = TRAINS.replace("    return", "    budget.charge(2 * budget.train_steps)\n    return")


def test_code_that_changes_while_it_runs_leaves_no_score(submissions, cache):
    body = REWRITES_ITSELF.replace("__file__", repr(str(submissions / "mine/method.py")))  # its own is a copy
    found = run(write(submissions, "mine", body))
    assert found.status == "failed" and "changed while it ran" in found.reason
    assert not list(cache.glob("answers/*.npz"))


@undisturbed
def test_slow_imports_start_the_clock_and_cost_no_more(submissions, monkeypatch):
    monkeypatch.setattr("retouch.benchmark.run.edit.IMPORTS", 0.1)
    found = run(write(submissions, "mine", "import time\ntime.sleep(0.6)\n" + TRAINS), samples=FEW)
    assert found.metrics and not found.cost.cut, found.reason


def test_a_cache_that_cannot_be_written_costs_no_run(submissions, monkeypatch):
    (submissions / "file").write_text("")
    monkeypatch.setenv("RETOUCH_CACHE", str(submissions / "file" / "cache"))
    assert run(write(submissions, "mine"), samples=FEW).metrics


@undisturbed
def test_a_checkpoints_record_has_the_steps_before_it(submissions, monkeypatch):
    monkeypatch.setattr("retouch.benchmark.run.edit.GRACE", 0.3)
    found = run(write(submissions, "mine", CHECKPOINTS), samples=FEW, max_minutes=0.03)
    assert found.status == "over_budget" and "the clock ended the edit" in found.reason and found.metrics
    assert found.cost.cut and found.cost.gradient_steps == 3


def test_charges_beyond_the_budget_are_over_budget(submissions):
    found = run(write(submissions, "mine", CHARGES))
    assert found.status == "over_budget" and re.search(
        r"edit took 2\.\d+ times its budget of 1% of pre-training", found.reason
    )


@undisturbed
def test_a_stopped_edits_charges_count_and_its_log_is_kept(submissions, monkeypatch):
    monkeypatch.setattr("retouch.benchmark.run.edit.GRACE", 0.3)
    folder = write(submissions, "mine", CHARGES_FIRST)
    found = run(folder, max_minutes=0.03)
    assert found.status == "over_budget" and "still running" in found.reason
    assert resolve(planned(folder, max_minutes=0.03)).log_file.read_text() == "so far"


def test_an_error_in_a_submissions_package_names_its_line(submissions):
    folder = write(submissions, "mine", "from parts.walk import edit\n")
    (folder / "parts").mkdir()
    (folder / "parts" / "walk.py").write_text("def edit(generator, task, budget):\n    generator.train_step(None)\n")
    found = run(folder)
    assert found.status == "failed" and "walk.py, line 2: generator.train_step(None)" in found.reason


def test_answers_keep_the_packages_that_made_them(submissions, monkeypatch):
    folder = write(submissions, "mine")
    made = run(folder, samples=FEW).provenance.packages
    monkeypatch.setattr("retouch.benchmark.support.machine.packages", lambda: {"torch": "another"})
    assert run(folder, samples=FEW).provenance.packages == made  # from the cache


ENDLESS = """
import time
def edit(g, task, budget):
    for _ in budget.steps(10**9):
        time.sleep(0.05)
    return g
"""


@undisturbed
def test_past_the_budget_only_a_checkpoint_counts(submissions, monkeypatch):
    monkeypatch.setattr("retouch.benchmark.run.edit.GRACE", 0.5)
    endless = "import time\ndef edit(g, task, budget):\n{}    while True:\n        time.sleep(0.1)\n"
    write(submissions, "late", endless.format(""), more="[params]")
    write(submissions, "safe", endless.format("    budget.checkpoint(g)\n"))
    late, safe = (run(submissions / name, samples=FEW, max_minutes=0.02) for name in ("late", "safe"))
    assert late.status == "over_budget" and "budget.checkpoint" in late.reason
    assert safe.status == "over_budget" and safe.cost.cut and safe.metrics and not late.metrics


@undisturbed
def test_budget_steps_end_by_themselves(submissions):
    write(submissions, "m", ENDLESS)
    found = run(submissions / "m", samples=FEW, max_minutes=0.03)
    assert found.status == "over_budget" and found.cost.cut and found.metrics and found.cost.seconds < 4


BUSY = """
import time
import numpy as np

def busy(seconds=1.5):
    until = time.process_time() + seconds
    while time.process_time() < until:
        np.random.rand(200, 200) @ np.random.rand(200, 200)
"""
HIDDEN = {
    "in NumPy": BUSY + "def edit(generator, task, budget):\n    busy()\n    return generator\n",
    "in a child": "import subprocess, sys\n\ndef edit(generator, task, budget):\n"
    f"    subprocess.run([sys.executable, '-c', {BUSY + 'busy()'!r}], check=True)\n    return generator\n",
    "at import": BUSY + "busy()\ndef edit(generator, task, budget):\n    return generator\n",
    "after patching the counter": "from retouch.benchmark import operations\noperations.RULES.clear()\n\n"
    "def edit(generator, task, budget):\n    for _ in range(15):\n        generator.train_step(task.retain[:64])\n"
    "    return generator\n",
}


@pytest.mark.parametrize("where", HIDDEN)
def test_work_that_is_not_counted_has_no_goal(submissions, monkeypatch, where):
    monkeypatch.setattr("retouch.benchmark.run.verdict.ALLOWANCE", 0.3)
    record = run(write(submissions, "mine", HIDDEN[where]), samples=FEW)
    assert record.status == "uncounted" and record.goal is None and "of the processor" in record.reason


COUNTED = {
    "at import": "from retouch.benchmark import generators\nimport torch\nnet = torch.nn.Linear(64, 64)\n"
    "for _ in range(10):\n    net(torch.randn(100, 64)).sum().backward()\n"
    "def edit(generator, task, budget):\n    return generator\n",
    "by functional calls": "import torch\ndef edit(generator, task, budget):\n    w = torch.randn(64, 64)\n"
    "    for _ in range(10):\n        torch.nn.functional.linear(torch.randn(100, 64), w)\n    return generator\n",
}


@pytest.mark.parametrize("where", COUNTED)
def test_work_in_odd_places_is_counted(submissions, where):
    cost = run(write(submissions, "mine", COUNTED[where]), samples=FEW).cost
    assert cost.operations == 10 * 2 * 100 * 64 * 64 * (2 if where == "at import" else 1)
    assert cost.share == pytest.approx(cost.operations / (4000 * cost.step_operations), abs=1e-6)


def test_cost_and_sampling_repeat_to_the_last_digit(submissions, cache):
    folder = write(submissions, "mine")
    first = run(folder, samples=FEW).cost
    for file in cache.glob("answers/*.npz"):
        file.unlink()
    again = run(folder, samples=FEW).cost
    for name in ("operations", "share", "step_operations", "sample_operations", "sampling_cost"):
        assert getattr(first, name) == getattr(again, name), name
    assert first.operations == 5 * first.step_operations and first.sampling_cost == 1


@pytest.mark.parametrize(("steps", "status"), [(5, "ok"), (200, "over_budget")])
def test_training_that_waits_for_a_question_is_the_edits(submissions, steps, status):
    found = run(write(submissions, "mine", LATE.replace("STEPS", str(steps))))
    assert found.status == status, found.reason
    if status == "ok":
        assert found.cost.operations > 5 * found.cost.step_operations  # with the samples that it came with
    else:
        assert "weights changed after the edit: with what that took, the edit took" in found.reason
