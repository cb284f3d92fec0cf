"""What a run's arrays show of how its result came about: copies, origin, changes that nobody sees. Numbers alone.

`retouch.benchmark.run.verdict` holds them against its thresholds; a record keeps them in `details["evidence"]`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from retouch.benchmark.question import Question
from retouch.benchmark.run import look
from retouch.benchmark.run.base_answers import control_answers
from retouch.benchmark.run.copying import copied
from retouch.benchmark.run.kinship import kinship
from retouch.benchmark.run.unseen import unseen
from retouch.benchmark.setup import Setup
from retouch.benchmark.tasks.view import View

DIGITS = 4  # recorded decimals


def evidence(setup: Setup, questions: list[Question], arrays: dict[str, np.ndarray]) -> dict[str, float]:
    """All numbers that a verdict rests on.

    Args:
        questions: those of the run; arrays: its answers with the base's ("base_..."). Images that were made elsewhere,
            which have no pairs, can be held against training images alone.

    Returns:
        "copied_LOOK", the lower end of the interval, for each look of `copying`; those of `kinship` and `unseen`.
    """
    samples, base = arrays["samples"], arrays.get("base_samples")
    numbers = {f"copied_{name}": share.low for name, share in copied(setup, samples, base).items()}
    if base is not None:
        paired = next(question for question in questions if question.name == "paired")
        numbers |= kinship(setup, paired, arrays | control_answers(setup, questions))
        view = View(look.verdict(setup, samples), look.judge(setup))
        base_view = replace(view, verdict=look.verdict(setup, base, again=True))  # all runs of a seed share the base's
        numbers |= unseen(setup, view, base_view, samples, base)
    return {name: round(float(value), DIGITS) for name, value in numbers.items()}
