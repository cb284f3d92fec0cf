"""The attacks of a removal: what is asked for them after all other questions, and what their outcomes say.

Scores are compared with those of the `retrained` control, which is attacked too: a model that never saw the images.
They are made for each method's default point with the first seed, on core instances with `attacks`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from retouch import metrics
from retouch.benchmark.data.images import Images
from retouch.benchmark.question import Question
from retouch.benchmark.run.plan import Run
from retouch.benchmark.setup import Setup
from retouch.benchmark.tasks.view import View

STEPS = (0, 2, 4, 8, 16, 32, 64)  # training steps of the base on the forgotten images
EARLY = 4  # of them: after more, a model that never saw the images makes them as often as the base does
SAMPLES = 200  # images after each of them
IMAGES = 50  # of the removed kind, and of others, that are searched for
MEMBERS = 100  # forgotten images, and held-out ones of their kind, that are told apart


def attacked(run: Run) -> bool:
    """Whether a run is attacked: a removal, by the default point, with the first seed, in the core."""
    first = run.point == "default" and run.seed == run.track.seeds[0]
    return first and run.instance.attacks and run.instance.core and "values" in run.instance.target


def questions(setup: Setup, seed: int) -> list[Question]:
    """Relearning, reach and membership."""
    forget, held_out = setup.task.reveal(setup)["forget"].images, setup.held_out()
    kind = same_kind(setup, held_out)
    unseen, others = held_out.images[kind], held_out.images[~kind]
    both = np.concatenate([unseen[:IMAGES], others[:IMAGES]])
    pair = np.concatenate([forget[:MEMBERS], unseen[:MEMBERS]])
    return [
        Question.reach("reach", both, seed),
        Question.membership("membership", pair, seed),
        Question.relearn("relearning", forget, STEPS, setup.base.recipe["lr"], SAMPLES, seed, naming(setup.target)),
    ]


def naming(target: dict[str, Any]) -> list[str]:
    """The target's prompts that name its concept; none where there is no concept."""
    return [prompt for prompt in target.get("prompts", []) if target.get("concept") in prompt.split()]


def same_kind(setup: Setup, images: Images) -> np.ndarray:
    """True for images (N,) of the person or category that was removed."""
    return np.isin(setup.values(images), setup.target["values"])


def measure(setup: Setup, view: View) -> tuple[dict[str, metrics.Estimate], dict[str, Any]]:
    """Metrics of the attacks that were answered, and the course of relearning."""
    answers = view.answers
    estimates: dict[str, metrics.Estimate] = {}
    details: dict[str, Any] = {}
    if "reach" in answers:
        estimates |= reach(setup, answers["reach"])
    if "membership" in answers:
        estimates["membership"] = membership(setup, answers["membership"])
    if "relearning" in answers:
        looks = (replace(view, verdict=view.judge.look(images)) for images in answers["relearning"])
        course = [setup.task.remaining(setup, look) for look in looks]
        half = setup.anchors["unchanged"][setup.task.GOAL]["value"] / 2
        estimates |= {"relearning": cost(setup, course, half), "relearned": course[-1]}
        estimates["relearned_early"] = course[STEPS.index(EARLY)]
        details = {"steps": list(STEPS), "shares": [round(estimate.value, 5) for estimate in course]}
    return estimates, {"attacks": {"relearning": details}} if details else {}


def reach(setup: Setup, answer: np.ndarray) -> dict[str, metrics.Estimate]:
    """Removed kind minus others: the distance that is left, and the likelihood of what was found."""
    kind = np.arange(answer.shape[1]) < answer.shape[1] - IMAGES
    gaps = [_difference(row[kind], row[~kind]) for row in answer]
    return dict(zip(("reach_distance", "reach_likelihood"), gaps, strict=True))


def membership(setup: Setup, answer: np.ndarray) -> metrics.Estimate:
    """AUC of the forgotten images against held-out ones of their kind; 0.5 where they cannot be told apart."""
    forgotten = min(len(setup.task.reveal(setup)["forget"].images), MEMBERS)
    return metrics.auc(answer, np.arange(len(answer)) < forgotten)


def cost(setup: Setup, course: list[metrics.Estimate], half: float) -> metrics.Estimate:
    """Share of the pre-training until the share is `half` of the base's; that of all steps where it is not.

    The ends are where the share's upper and lower ends come to it.
    """
    steps = setup.base.recipe["steps"]
    ends = [[estimate.high for estimate in course], [e.value for e in course], [e.low for e in course]]
    low, value, high = (steps_until(np.array(end), half) / steps for end in ends)
    return metrics.Estimate(value, low, high, SAMPLES)


def steps_until(shares: np.ndarray, half: float) -> float:
    """Steps until shares (K,) after STEPS first come to `half`, linear between two of them; at most the last."""
    there = np.flatnonzero(shares >= half)
    if len(there) == 0:
        return STEPS[-1]
    k = int(there[0])
    if k == 0:
        return 0.0
    fraction = (half - shares[k - 1]) / (shares[k] - shares[k - 1])
    return float(STEPS[k - 1] + fraction * (STEPS[k] - STEPS[k - 1]))


def _difference(a: np.ndarray, b: np.ndarray) -> metrics.Estimate:
    """Difference of two means with its normal interval."""
    gap = float(a.mean() - b.mean())
    half = 1.96 * float(np.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b)))
    return metrics.Estimate(gap, gap - half, gap + half, len(a))
