"""What base and control answer to the paired questions: computed once by the coordinator, then read from the cache."""

from __future__ import annotations

from collections.abc import Iterable
from threading import Lock

import numpy as np

from retouch.benchmark import generators, weights
from retouch.benchmark.generators.base import Generator
from retouch.benchmark.question import Question, answer
from retouch.benchmark.setup import Setup
from retouch.benchmark.support.cache import cache_folder, code_key, content_key, json_key, remembered
from retouch.benchmark.weights import Weights

_one_at_a_time = Lock()  # otherwise two runs on one instance would both compute them


def base_answers(setup: Setup, questions: Iterable[Question]) -> dict[str, np.ndarray]:
    """What the base answers to those of the questions that are paired: arrays called base_NAME."""
    return _prefixed("base", _answers(setup, setup.base, [question for question in questions if question.paired]))


def control_answers(setup: Setup, questions: Iterable[Question]) -> dict[str, np.ndarray]:
    """The retrained control's weights and few paired images, called control_NAME; nothing where there is no control."""
    if not setup.instance.retrained:
        return {}
    asked = [question for question in questions if question.name in ("paired", "weights")]
    return _prefixed("control", _answers(setup, weights.find(setup.instance.retrained), asked))


def _answers(setup: Setup, network: Weights, questions: list[Question]) -> dict[str, np.ndarray]:
    """What weights answer to questions on the worker's device, by name; from the cache if they have answered before."""
    about = [array for question in questions for array in question.arrays.values()]
    asked = [question.message() for question in questions]
    material = json_key([network.sha256, code_key(generators), asked, *setup.where])
    file = cache_folder() / "base" / f"{content_key(material, *about)}.npz"
    with _one_at_a_time:
        return remembered(file, lambda: _ask(network.load(setup.device), questions))


def _ask(generator: Generator, questions: list[Question]) -> dict[str, np.ndarray]:
    answers = {question.name: answer(generator, question.message(), question.arrays) for question in questions}
    return {name: array for name, array in answers.items() if array is not None}


def _prefixed(who: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {f"{who}_{name}": array for name, array in arrays.items()}
