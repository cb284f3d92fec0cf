"""The base's answers to the paired questions: computed once by the coordinator, then read from the cache."""

from __future__ import annotations

from collections.abc import Iterable
from threading import Lock

import numpy as np

from retouch.benchmark.generators.base import Generator
from retouch.benchmark.question import Question, answer
from retouch.benchmark.setup import Setup
from retouch.benchmark.support.cache import cache_folder, content_key, json_key, remembered

_one_at_a_time = Lock()  # otherwise two runs on one instance would both compute them


def base_answers(setup: Setup, questions: Iterable[Question]) -> dict[str, np.ndarray]:
    """What the base answers to those of the questions that are paired: arrays called base_NAME."""
    paired = [question for question in questions if question.paired]
    about = [array for question in paired for array in question.arrays.values()]
    material = json_key([setup.base.sha256, [question.message() for question in paired]])
    file = cache_folder() / "base" / f"{content_key(material, *about)}.npz"
    with _one_at_a_time:
        return remembered(file, lambda: _ask(setup.base.load(), paired))


def _ask(base: Generator, questions: list[Question]) -> dict[str, np.ndarray]:
    answers = {question.name: answer(base, question.message(), question.arrays) for question in questions}
    return {f"base_{name}": array for name, array in answers.items() if array is not None}
