"""The attacks' questions, and what their answers amount to, worked out by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
import toy_runs

from retouch import metrics
from retouch.benchmark.run import attack
from retouch.benchmark.tasks.view import View

COURSE = {0: 0.0, 2: 0.05, 4: 0.1, 8: 0.3, 16: 0.3, 32: 0.4, 64: 0.4}  # shares after so many steps


def estimate(value, arm=0.0):
    return metrics.Estimate(value, value - arm, value + arm, 100)


def setting(forget=80):
    """A setup: a base with a share of 0.4 and 1,000 steps of pre-training, a task whose verdicts are steps."""
    task = SimpleNamespace(
        GOAL="share", remaining=lambda setup, view: estimate(COURSE[int(view.verdict)], 0.02),
        reveal=lambda setup: {"forget": SimpleNamespace(images=np.zeros(forget))},
    )  # fmt: skip
    base = SimpleNamespace(recipe={"steps": 1000})
    return SimpleNamespace(task=task, base=base, anchors={"unchanged": {"share": {"value": 0.4}}})


def test_what_is_asked_is_of_the_removed_kind_first():
    setup = toy_runs.setup()
    reach, membership, relearning = attack.questions(setup, 7)
    held_out, forget = setup.held_out(), setup.task.reveal(setup)["forget"].images
    kind = setup.values(held_out) == 8
    eights, others = held_out.images[kind][:50], held_out.images[~kind][:50]
    assert np.array_equal(reach.arrays["images"], np.concatenate([eights, others])) and len(others) == 50
    pair = np.concatenate([forget[:100], held_out.images[kind][:100]])
    assert np.array_equal(membership.arrays["images"], pair)
    assert np.array_equal(relearning.arrays["images"], forget)
    assert relearning.arrays["steps"].tolist() == list(attack.STEPS) and relearning.n == 200
    assert relearning.arrays["lr"].tolist() == [setup.base.recipe["lr"]]
    assert [question.seed for question in (reach, membership, relearning)] == [7, 7, 7]


def test_reach_is_the_removed_kinds_minus_the_others():
    others = 50
    distance = np.concatenate([np.linspace(2, 4, 7), np.linspace(0, 2, others)])
    found = attack.reach(None, np.stack([distance, 10 * distance]))
    gap, rows = found["reach_distance"], (distance[:7], distance[7:])
    half = 1.96 * np.sqrt(sum(row.var(ddof=1) / len(row) for row in rows))
    assert gap.value == pytest.approx(2) and gap.n == 7
    assert (gap.low, gap.high) == pytest.approx((2 - half, 2 + half))
    assert found["reach_likelihood"].value == pytest.approx(20)


def test_a_reachs_interval_holds_the_truth():
    rng, held = np.random.default_rng(0), 0
    for _ in range(1000):
        kind, others = 1.2 * rng.gamma(4, 1 / 4, 50), rng.gamma(9, 1 / 9, 50)  # skewed, as distances are
        gap = attack.reach(None, np.stack([np.concatenate([kind, others])] * 2))["reach_distance"]
        held += gap.low <= 0.2 <= gap.high
    assert 920 <= held <= 980


@pytest.mark.parametrize("course", [(0, 0, 0.01, 0.1, 0.3, 0.4, 0.4), (0.05, 0.1, 0.15, 0.18, 0.25, 0.3, 0.35)])
def test_a_relearnings_interval_holds_the_truth(course):
    rng, held = np.random.default_rng(0), 0
    truth = attack.steps_until(np.array(course, float), 0.2) / 1000
    for _ in range(200):
        found = attack.cost(setting(), [metrics.share(rng.random(attack.SAMPLES) < p) for p in course], 0.2)
        held += found.low <= truth <= found.high
    assert held >= 184


@pytest.mark.parametrize("forget", [30, 300])
def test_membership_is_of_the_forgotten_first(forget):
    first = min(forget, attack.MEMBERS)
    answer = np.concatenate([np.full(first, 2.0), np.full(40, 1.0)])
    assert attack.membership(setting(forget), answer).value == 1
    assert attack.membership(setting(forget), -answer).value == 0


def test_relearning_is_measured_until_half_is_back():
    judge = SimpleNamespace(look=lambda images: images)
    view = View(None, judge, answers={"relearning": np.array(attack.STEPS)})
    found, details = attack.measure(setting(), view)
    cost = found["relearning"]  # half of 0.4 comes between 4 and 8 steps; the ends where share -+ 0.02 does
    assert (cost.low, cost.value, cost.high) == pytest.approx((0.0056, 0.006, 0.0064))
    assert cost.n == attack.SAMPLES
    assert found["relearned"].value == 0.4 and found["relearned_early"].value == 0.1
    course = details["attacks"]["relearning"]
    assert course == {"steps": list(attack.STEPS), "shares": list(COURSE.values())}
    assert attack.measure(setting(), View(None, judge)) == ({}, {})


@pytest.mark.parametrize(
    ("shares", "steps"), [([0.1] * 7, 64), ([0.0, 0.2] + [0.9] * 5, 2), ([0.2] * 7, 0), ([0.1] + [0.3] * 6, 1)]
)
def test_steps_are_counted_to_where_the_share_comes_to_half(shares, steps):
    assert attack.steps_until(np.array(shares), 0.2) == pytest.approx(steps)
