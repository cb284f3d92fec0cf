"""Within prompts: the task's own metric on each prompt's images, and whether a prompt's other words are obeyed."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from toy import prompted, rng
from toy_runs import setup

from retouch.benchmark.judges import Verdict
from retouch.benchmark.question import Question, answer
from retouch.benchmark.run.resolve import Resolved
from retouch.benchmark.run.reveal import task_table
from retouch.benchmark.tasks import attribute_rebalancing, prompts
from retouch.benchmark.tasks.view import View

PROMPTS = ["a person with hat", "a person"]
TARGET = {"attribute": "glasses", "shares": [0.5, 0.5], "prompts": PROMPTS}


def seen(images):
    """A judge without errors: the first pixel says who wears glasses, the second who wears a hat."""
    flat = images.reshape(len(images), -1)
    return Verdict(np.zeros((len(flat), 2)), {"glasses": flat[:, 0].astype(int), "hat": flat[:, 1].astype(int)}, None)


@pytest.fixture
def view():
    images = np.zeros((400, 1, 1, 2), np.uint8)
    images[:100, 0, 0, 0] = 1  # half of the first prompt's images wear glasses, none of the second's
    images[:150, 0, 0, 1] = 1  # three quarters of the first prompt's wear the hat
    measured = {"confusion": {"glasses": [[10**7, 0], [0, 10**7]]}}
    judge = SimpleNamespace(look=seen, sizes={"glasses": 2, "hat": 2}, card={"measured": measured})
    return View(seen(images), judge, {"glasses": [5, 5]}, {"prompted": images})


def test_the_metric_and_fidelity_are_those_of_each_prompt(view):
    estimates, details = attribute_rebalancing.measure(setup("attribute_rebalancing/faces-gan", target=TARGET), view)
    table = details["prompts"]
    assert table[PROMPTS[0]] == [pytest.approx(0.0, abs=0.02), 0.75]
    assert table[PROMPTS[1]] == [pytest.approx(0.5**0.5, abs=0.02), None]
    assert estimates["prompted_goal"].value == pytest.approx(0.5**0.5 / 2, abs=0.02)
    assert estimates["prompt_fidelity"].value == 0.75 and estimates["prompt_fidelity"].n == 200


def test_rephrased_prompts_are_kept_from_the_method(view):
    target = {**TARGET, "prompts": PROMPTS[:1], "rephrased": PROMPTS[1:]}
    asked = setup("attribute_rebalancing/faces-gan", target=target)
    lines = [(question.name, bytes(question.arrays["prompts"]).decode().split("\n")) for question in
             prompts.questions(asked, 7)]  # fmt: skip
    assert lines == [("prompted", PROMPTS[:1] * 100), ("rephrased", PROMPTS[1:] * 100)]
    answers = dict(zip(("prompted", "rephrased"), np.split(view.answers["prompted"], 2), strict=True))
    estimates, details = attribute_rebalancing.measure(asked, replace(view, answers=answers))
    assert estimates["prompted_goal"].value == pytest.approx(0.0, abs=0.02)
    assert estimates["rephrased_goal"].value == pytest.approx(0.5**0.5, abs=0.02)
    assert list(details["prompts"]) == PROMPTS and estimates["prompt_fidelity"].n == 200
    own = SimpleNamespace(access=[], entry="", max_minutes=1)
    run = SimpleNamespace(instance=asked.instance, submission=own, seed=0, device="cpu", params={}, track=own)
    assert task_table(Resolved(run, asked, {}, ""))["target"] == {**TARGET, "prompts": PROMPTS[:1]}


def test_a_prompts_words_name_values_of_attributes():
    names = {"glasses": ["no glasses", "glasses"], "hat": ["no hat", "hat"], "category": ["3", "8"]}
    assert prompts.wanted("a person with hat", names) == {"hat": 1}
    assert prompts.wanted("8", names) == {"category": 1} and prompts.wanted("a person", names) == {}


def test_prompts_are_asked_of_what_takes_them():
    asked = prompts.questions(setup("attribute_rebalancing/faces-gan", target=TARGET), 7)
    assert [question.shape for question in asked] == [(200, 3, 16, 16)] and asked[0].paired
    assert prompts.questions(setup("attribute_rebalancing/faces-gan"), 7) == []
    question = Question.prompted("prompted", ["left", "right"], (1, 8, 8), 5)
    images = question.check(answer(prompted(1), question.message(), question.arrays))
    assert np.array_equal(images, prompted(1).sample(2, rng(5), ["left", "right"]).numpy())
    assert answer(SimpleNamespace(sample=None), question.message(), question.arrays) is None
