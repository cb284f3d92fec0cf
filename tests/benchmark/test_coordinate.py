"""Between worker and coordinator: what comes late, what changes under way, what cannot be kept."""

import pytest
from submitting import INSTANCE, TRAINS, ran, write

from benchmark import plan, records, run, tracks

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
CHARGES = TRAINS.replace("    return", "    budget.charge(2 * budget.train_steps)\n    return")


def executed(folder, track=None):
    return run.execute(plan.plan([folder], track or tracks.load("tiny"), instances=[INSTANCE], seeds=[0])[0])


@pytest.fixture
def root(tmp_path, cache):
    """Where submissions go, with a cache of their own."""
    return tmp_path


def test_code_that_changes_while_it_runs_leaves_no_score(root, cache):
    found = executed(write(root, "mine", REWRITES_ITSELF))
    assert found.status == "failed" and "changed while it ran" in found.reason
    assert not list(cache.glob("answers/*.npz"))


def test_slow_imports_start_the_clock_and_cost_nothing_else(root, monkeypatch):
    monkeypatch.setattr("benchmark.coordinate.IMPORTS", 0.1)
    found = executed(write(root, "mine", "import time\ntime.sleep(0.6)\n" + TRAINS))
    assert found.status == "ok", found.reason


def test_a_cache_that_cannot_be_written_costs_no_run(root, monkeypatch):
    (root / "file").write_text("")
    monkeypatch.setenv("RETOUCH_CACHE", str(root / "file" / "cache"))
    assert records.read(ran(write(root, "mine"))).status == "ok"


def test_a_checkpoints_record_has_the_steps_before_it(root, monkeypatch):
    monkeypatch.setattr("benchmark.coordinate.GRACE", 0.3)
    found = executed(write(root, "mine", CHECKPOINTS), tracks.load("tiny").model_copy(update={"max_minutes": 0.03}))
    assert found.status == "ok" and found.cost.cut and found.cost.gradient_steps == 3


def test_charges_beyond_the_budget_are_over_budget(root):
    found = executed(write(root, "mine", CHARGES))
    assert found.status == "over_budget" and "charged" in found.reason


def test_answers_keep_the_parts_that_made_them(root, monkeypatch):
    folder = write(root, "mine")
    made = records.read(ran(folder)).provenance.packages
    monkeypatch.setattr("benchmark.machine.packages", lambda: {"torch": "another"})
    assert executed(folder).provenance.packages == made  # from the cache
