"""Where a result came from, by its images and by its weights: filters, edits, strangers, borrowed weights."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import toy
import toy_runs

from retouch.benchmark.generators.flat import floats, with_floats
from retouch.benchmark.question import Question, answer
from retouch.benchmark.run.kinship import kinship, nearest, relation

RNG = np.random.default_rng(0)
BASE = RNG.integers(0, 256, (300, 1, 8, 8), dtype=np.uint8)


def test_an_edit_a_filter_and_a_stranger():
    edited = (0.6 * BASE + 0.4 * RNG.integers(0, 256, BASE.shape)).astype(np.uint8)
    assert relation(edited, BASE)["related"] > 0.99 and relation(edited, BASE)["among"] == 0
    filtered = np.concatenate([BASE[RNG.integers(0, 300, 75)], RNG.integers(0, 256, (225, 1, 8, 8), dtype=np.uint8)])
    assert relation(filtered, BASE)["among"] == 0.25
    assert 0.4 < relation(RNG.integers(0, 256, BASE.shape, dtype=np.uint8), BASE)["related"] < 0.6


def test_the_nearest_image_and_its_distance():
    index, distance = nearest(BASE[[5, 7]] ^ 1, BASE)
    assert index.tolist() == [5, 7] and distance == pytest.approx([1, 1])


@pytest.mark.parametrize("kind", toy.CONFIGS)
def test_weights_go_into_a_vector_and_back(kind):
    model, twin = toy.generator(kind), toy.generator(kind)
    with torch.no_grad():
        for weight in model.module.parameters():
            weight.add_(0.1)
    with_floats(twin.module, floats(model.module))
    assert all(torch.equal(a, b) for a, b in zip(model.module.parameters(), twin.module.parameters(), strict=True))
    assert answer(model, Question.weights(10).message(), {}) is None  # another number of weights
    assert answer(toy, Question.weights(10).message(), {}) is None  # no module at all


@pytest.fixture(scope="module")
def family():
    """The digits' GAN with its control: setup, the questions, and what base and control answer."""
    setup = toy_runs.setup()
    base, control = setup.base.load(), setup.retrained.load()
    questions = [Question.sample("samples", 100, setup.shape, 5), Question.sample("paired", 32, setup.shape, 6),
                 Question.weights(len(floats(base.module)))]  # fmt: skip
    arrays = {f"{who}_{question.name}": answer(model, question.message(), {})
              for who, model in (("base", base), ("control", control)) for question in questions}  # fmt: skip
    return setup, questions, arrays


def of(family, model):
    setup, questions, arrays = family
    return kinship(setup, questions[1], arrays | {question.name: answer(model, question.message(), {})
                                                  for question in questions})  # fmt: skip


def test_the_base_itself_has_not_moved(family):
    numbers = of(family, family[0].base.load())
    assert numbers["weights_moved"] == 0 and numbers["related"] == 1
    assert numbers["images_from_control"] == numbers["weights_from_control"] == 1


def test_the_control_is_at_no_distance_from_itself(family):
    numbers = of(family, family[0].retrained.load())
    assert numbers["weights_moved"] > 0.35
    assert numbers["images_from_control"] == numbers["weights_from_control"] == 0


def test_weights_that_did_not_make_the_images_are_not_believed(family):
    model = family[0].base.load()
    model.sample = lambda n, rng: torch.zeros(n, *model.shape, dtype=torch.uint8)
    assert "weights_moved" not in of(family, model)


def test_a_base_without_latents_is_told_by_its_weights(family):
    setup, questions, arrays = family
    card = {**setup.base.card, "capabilities": ["prompts"]}
    seedless = replace(setup, base=replace(setup.base, card=card)), questions, arrays
    numbers = of(seedless, setup.base.load())
    assert numbers["weights_moved"] == 0 and "related" not in numbers
