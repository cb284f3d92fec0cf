"""What a run's arrays show of how its result came about: copies, origin, changes that nobody sees. Numbers alone.

`retouch.benchmark.run.verdict` holds them against its thresholds; a record keeps them in `details["evidence"]`.
"""

from __future__ import annotations

from dataclasses import replace

from retouch.benchmark.question import Question
from retouch.benchmark.run import look
from retouch.benchmark.run.base_answers import control_answers
from retouch.benchmark.run.copying import copied
from retouch.benchmark.run.kinship import explained, kinship
from retouch.benchmark.run.unseen import unseen
from retouch.benchmark.run.verdict import UNSEEN
from retouch.benchmark.setup import Setup
from retouch.benchmark.tasks.view import View

DIGITS = 4  # recorded decimals


def evidence(setup: Setup, questions: list[Question], view: View) -> dict[str, float]:
    """All numbers that a verdict rests on.

    Args:
        questions: those of the run; view: of its answers with the base's ("base_..."). Images that were made elsewhere,
            which have no pairs, can be held against training images alone.

    Returns:
        "copied_LOOK", the lower end of the interval, for each look of `copying`; those of `kinship` and `unseen`;
        "explained", where much of the gain is unseen and the weights are believed: the share of samples they make.
    """
    arrays = view.answers
    samples, base = arrays["samples"], arrays.get("base_samples")
    numbers = {f"copied_{name}": share.low for name, share in copied(setup, samples, base).items()}
    if base is not None:
        asked = {question.name: question for question in questions}
        numbers |= kinship(setup, asked["paired"], arrays | control_answers(setup, questions))
        base_view = replace(view, verdict=look.verdict(setup, base, again=True))  # all runs of a seed share the base's
        numbers |= unseen(setup, view, base_view, samples, base)
        if numbers.get("unseen", 0.0) > UNSEEN and "weights_moved" in numbers:
            numbers["explained"] = explained(setup, asked["samples"], arrays["weights"], samples)
    return {name: round(float(value), DIGITS) for name, value in numbers.items()}
