"""What attacks must find: what is only hidden comes back, beneath a filter too; they touch copies alone."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import toy_runs
from toy import CONFIGS, generator, halves, prompted, rng, train

from retouch.benchmark import attacks, tracks
from retouch.benchmark.generators.conditional_diffusion import ConditionalDiffusion
from retouch.benchmark.question import Question, answer
from retouch.benchmark.run import attack
from retouch.benchmark.run.plan import Run

LEFT, RIGHT = halves(0, 60), halves(1, 60)
STEPS = torch.tensor([0, 1, 12])


API = """
class Api:
    def __init__(self, generator):
        self.sample = lambda n, rng: generator.sample(n, rng)


def edit(generator, task, budget):
    return Api(generator)
"""
ATTACKED = attack.attacked  # most tests run without


@pytest.fixture(scope="module")
def left():
    """One generator of each family that was trained on images of the left half alone."""
    return {kind: train(generator(kind), LEFT, 40) for kind in CONFIGS}


def noise(n):
    return torch.randint(0, 256, (n, 1, 8, 8), dtype=torch.uint8, generator=rng(5))


@pytest.mark.parametrize("kind", CONFIGS)
def test_relearning_brings_back_and_leaves_the_edited_alone(kind, left):
    edited = left[kind]
    before = {name: value.clone() for name, value in edited.module.state_dict().items()}
    course = attacks.relearn(edited, RIGHT, STEPS, 1e-2, 20, rng(1))
    assert course.shape == (3, 20, 1, 8, 8) and course.dtype == np.uint8
    assert np.array_equal(course[0], edited.sample(20, rng(1)).numpy())
    brighter = [images[..., 4:].mean() - images[..., :4].mean() for images in course]
    assert brighter[2] > brighter[0] + 5, brighter  # the forgotten half of the image, in levels of 255
    assert all(torch.equal(value, before[name]) for name, value in edited.module.state_dict().items())
    assert np.array_equal(course, attacks.relearn(edited, RIGHT, STEPS, 1e-2, 20, rng(1)))  # the seed decides


def test_relearning_by_prompt_names_the_concept(monkeypatch):
    base, given, step = prompted(120), [], ConditionalDiffusion.train_step
    monkeypatch.setattr(ConditionalDiffusion, "train_step", lambda self, *of: given.append(of[1:]) or step(self, *of))
    question = Question.relearn("relearning", RIGHT.numpy(), [0, 2], 1e-3, 4, 1, ["left", "right"])
    course = answer(base, question.message(), question.arrays)
    assert course.shape == question.shape and given == [(["left", "right"] * 32,)] * 2
    found = attacks.reach(base, RIGHT[:3], rng())
    assert found.shape == (2, 3) and found[0].max() < 0.5
    assert attack.naming({"concept": "hat", "prompts": ["a person", "a person with hat"]}) == ["a person with hat"]
    assert attack.naming({"prompts": ["a person"]}) == attack.naming({}) == []


def test_a_filter_is_attacked_beneath(left):
    wrapped = SimpleNamespace(sample=lambda n, rng: LEFT[:n], generator=left["gan"])
    course = attacks.relearn(wrapped, RIGHT, STEPS[:1], 1e-3, 9, rng())
    assert np.array_equal(course[0], left["gan"].sample(9, rng()).numpy())


def test_what_has_no_weights_is_not_attacked(capsys):
    question = Question.reach("reach", LEFT.numpy(), 0)
    assert answer(SimpleNamespace(sample=None), question.message(), question.arrays) is None
    assert "holds no generator" in capsys.readouterr().out


@pytest.mark.parametrize("kind", CONFIGS)
def test_its_own_images_are_nearer_and_likelier(kind, left):
    own, strange = left[kind].sample(12, rng(3)), noise(12)
    distance, likelihood = attacks.reach(left[kind], torch.cat([own, strange]), rng())
    if kind == "gan":
        assert distance[:12].mean() < distance[12:].mean() - 0.05
    else:  # flows and diffusion reach every image, by codes or noise that are no more likely than it is
        assert distance.max() < 0.15 and likelihood[:12].mean() > likelihood[12:].mean()


@pytest.mark.parametrize("kind", CONFIGS)
def test_known_images_score_higher(kind, left):
    scores = attacks.membership(left[kind], torch.cat([LEFT[:30], noise(30)]), rng())
    assert scores.shape == (60,) and np.median(scores[:30]) > np.median(scores[30:])
    assert np.array_equal(scores, attacks.membership(left[kind], torch.cat([LEFT[:30], noise(30)]), rng()))


@pytest.mark.parametrize(
    ("shares", "steps"),
    [([0.5] * 7, 0), ([0, 0, 0, 0.4, 0.4, 0.4, 0.4], 6), ([0, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1], 64)],
)
def test_steps_until_half_is_back(shares, steps):
    assert attack.steps_until(np.array(shares), 0.2) == pytest.approx(steps)


def test_removals_alone_are_attacked_once():
    def attacked(instance, point="default", seed=0, **changes):
        track = tracks.load("tiny")
        run = Run(Path(), SimpleNamespace(), point, track, track.instance(instance).model_copy(update=changes), seed)
        return ATTACKED(run)

    assert attacked("category_redaction/digits-gan") and attacked("identity_removal/faces-flow")
    assert not attacked("category_redaction/digits-gan", point="strong")
    assert not attacked("category_redaction/digits-gan", seed=1)
    assert not attacked("category_redaction/digits-gan", attacks=False)
    assert not attacked("category_redaction/digits-gan", core=False)
    assert not attacked("attribute_rebalancing/faces-gan")


def test_a_record_holds_the_attacks(submissions, monkeypatch):
    monkeypatch.setattr(attack, "attacked", ATTACKED)
    monkeypatch.setattr(attack, "STEPS", (0, 4))
    filters, api = (
        toy_runs.write(submissions, name, body) for name, body in (("filters", toy_runs.REJECTS), ("api", API))
    )
    record = toy_runs.run(filters, samples=400)
    assert record.metrics["invalidity"].value < 0.02 and record.metrics["relearning"].value == 0, record.reason
    assert len(record.details["attacks"]["relearning"]["shares"]) == 2
    assert {"relearned", "relearned_early", "reach_distance", "reach_likelihood", "membership"} < set(record.metrics)
    record = toy_runs.run(api, samples=400)
    assert record.status == "ok" and "relearning" not in record.metrics
