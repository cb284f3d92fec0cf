"""Laws of scoring, over every task of the tiny track: an oracle scores 1, and order does not matter."""

from functools import cache

import numpy as np
import pytest
import torch
from toy_runs import setup

from retouch.benchmark import tracks, weights
from retouch.benchmark.run import score
from retouch.benchmark.setup import Setup

TRACK = tracks.load("tiny")
SCORED = [instance for instance in TRACK.instances if not instance.tuning]
ONE_A_TASK = {instance.task: instance for instance in SCORED if instance.family == "gan"}  # of rebalancing, the pair


def oracle(instance: Setup) -> np.ndarray:
    """Real images as the output should be, as many as are asked for, in a fixed shuffle."""
    images = instance.task.reference(instance).images
    rng = np.random.default_rng(0)
    return images[rng.permutation(np.resize(rng.permutation(len(images)), instance.instance.samples))]


@cache
def scored(task: str, what: str) -> score.Scores:
    """The scores of real images as they should be, or of a control's with a seed that the scale has not seen."""
    instance = setup(ONE_A_TASK[task].name)
    if what == "oracle":
        return score.score(instance, {"samples": oracle(instance)})
    network = {"unchanged": instance.base, "retrained": instance.retrained}[what]
    samples = weights.load(network.folder).sample(instance.instance.samples, torch.Generator().manual_seed(5))
    return score.score(instance, {"samples": samples.numpy()})


@pytest.mark.parametrize("task", ONE_A_TASK)
def test_an_oracle_scores_one(task):
    found = scored(task, "oracle")
    assert found.goal.high == 1 and found.goal.value > 0.9
    assert found.quality.value > 0.95


@pytest.mark.parametrize("task", ONE_A_TASK)
def test_the_controls_score_zero_and_one(task):
    unchanged, retrained = scored(task, "unchanged"), scored(task, "retrained")
    assert unchanged.goal.low == 0 and unchanged.goal.value < 0.15
    assert retrained.goal.high == 1 and retrained.goal.value > 0.85
    assert min(unchanged.quality.value, retrained.quality.value) > 0.85


def test_cached_references_are_those_that_were_computed(cache, monkeypatch):
    instance = setup(ONE_A_TASK["identity_removal"].name)
    monkeypatch.setattr(score, "_references", {})
    computed, seen = score.reference(instance)
    assert score.reference(setup("identity_removal/faces-flow"))[0] is computed  # the same held-out images
    monkeypatch.setattr(score, "_references", {})
    monkeypatch.setattr(score.Judge, "look", None)  # what is read back needs no judge
    read, again = score.reference(instance)
    assert (read.features == computed.features).all() and (again.identities == seen.identities).all()
    assert seen.labels.keys() == again.labels.keys()
    assert all((again.labels[name] == seen.labels[name]).all() for name in seen.labels)


@pytest.mark.parametrize("task", ONE_A_TASK)
def test_the_order_of_samples_matters_to_the_jackknife_alone(task):
    """Its blocks are made in the samples' order; the value of every other metric is the same to the last digit."""
    instance = setup(ONE_A_TASK[task].name)
    first, second = scored(task, "oracle"), score.score(instance, {"samples": oracle(instance)[::-1]})
    for name, one in first.metrics.items():
        jackknifed = name in ("fd", "worst_group_fd") or name.startswith("vendi")
        slack = 0.2 * (one.high - one.low) if jackknifed else 2e-6
        assert second.metrics[name].value == pytest.approx(one.value, abs=slack), name
