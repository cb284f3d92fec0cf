"""Laws of scoring, over every task of the tiny track: an oracle scores 1, and order does not matter."""

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from toy_runs import setup

from retouch import metrics
from retouch.benchmark import setup as instance_setup
from retouch.benchmark import weights
from retouch.benchmark.run import look, score
from retouch.benchmark.setup import Setup
from retouch.benchmark.tasks.view import Space

IDENTITY, CATEGORY, FACES, RENDERED, DIVERSITY = (  # with a control, and sampled in a moment
    "identity_removal/rendered-flow", "category_redaction/digits-gan", "attribute_rebalancing/faces-flow",
    "attribute_rebalancing/rendered-flow", "output_diversity/digits-gan",
)  # fmt: skip


def later(*names: str) -> list[Any]:
    """Instances whose case is among the slow tests."""
    return [pytest.param(name, marks=pytest.mark.slow) for name in names]


ORACLE = 600  # of its real images


def oracle(instance: Setup) -> np.ndarray:
    """Real images as the output should be, as many as are asked for, in a fixed shuffle."""
    images = instance.task.reference(instance).images
    rng = np.random.default_rng(0)
    return images[rng.permutation(np.resize(rng.permutation(len(images)), ORACLE))]


@cache
def scored(name: str, what: str) -> score.Scores:
    """The scores of real images as they should be, or of a control's with a seed that the scale has not seen."""
    instance = setup(name)
    if what == "oracle":
        return score.score(instance, {"samples": oracle(instance)})
    network = {"unchanged": instance.base, "retrained": instance.retrained}[what]
    samples = weights.load(network.folder).sample(instance.instance.samples, torch.Generator().manual_seed(5))
    return score.score(instance, {"samples": samples.numpy()})


@pytest.mark.parametrize("name", [IDENTITY, CATEGORY, FACES, DIVERSITY, *later(RENDERED)])
def test_an_oracle_scores_one(name):
    found = scored(name, "oracle")
    assert found.goal.value > 0.85 and found.goal.high > 0.98  # of diversity: few real images, each several times
    assert found.quality.value > 0.95


@pytest.mark.parametrize("name", [CATEGORY, *later(IDENTITY, FACES, RENDERED, DIVERSITY)])
def test_the_controls_lie_where_the_scale_says(name):
    unchanged, retrained = scored(name, "unchanged"), scored(name, "retrained")
    assert unchanged.goal.low < 0 < unchanged.goal.high and unchanged.quality.low < 1 < unchanged.quality.high
    line = setup(name).anchors["retrained"]
    for axis in ("goal", "quality"):
        assert getattr(retrained, axis).low < line[axis]["high"] and getattr(retrained, axis).high > line[axis]["low"]


def test_cached_references_are_those_that_were_computed(cache, monkeypatch):
    monkeypatch.setattr(instance_setup, "HELD_OUT", 200)
    monkeypatch.setattr(look, "_references", {})
    instance = setup("identity_removal/rendered-flow")
    first = look.held_out(instance)
    assert look.held_out(setup("identity_removal/rendered-gan")) is first  # the same held-out images
    monkeypatch.setattr(look, "_references", {})
    monkeypatch.setattr(look.Judges, "look", None)  # what is read back needs neither judge nor encoder
    monkeypatch.setattr(look.Encoder, "features", None)
    second = look.held_out(instance)
    assert all((a.features == b.features).all() for a, b in zip(first.spaces, second.spaces, strict=True))
    seen, again = first.verdict.arrays(), second.verdict.arrays()
    assert seen.keys() == again.keys() and {"similarity", "probs.glasses"} <= seen.keys()
    assert all((again[name] == seen[name]).all() for name in seen)


def test_a_space_holds_samples_and_held_out_images():
    instance = setup(CATEGORY)
    samples = oracle(instance)[:10]
    first, second = look.spaces(instance, samples)
    assert (first.name, second.name) == ("digits-encoder-a", "digits-encoder-b")
    held_out = instance.task.reference(instance).images
    assert first.features == pytest.approx(look.features(instance.encoder, samples, again=True), abs=1e-6)
    assert first.reference.features == pytest.approx(look.features(instance.encoder, held_out), abs=1e-6)


def test_too_few_images_have_no_quality_whatever_the_width():
    features = np.random.default_rng(0).standard_normal((400, 8), dtype=np.float32)
    space = Space("own", features, metrics.Reference(features[200:]))
    for n, some in ((27, False), (28, True)):
        assert bool(score.quality_metrics(space, np.ones(200), np.arange(n))) == some


def test_which_images_quality_sees_nobody_can_choose():
    images = np.random.default_rng(0).integers(0, 256, (60, 1, 4, 4), dtype=np.uint8)
    rows = np.arange(10, 60)
    some = score.drawn(images, rows, 30)
    assert len(set(some)) == 30 and set(some) <= set(rows) and set(some) != set(range(10, 40))
    turned = score.drawn(images[::-1], 59 - rows, 30)
    assert set(59 - turned) == set(some)  # whatever their order
    images[59, 0, 0, 0] ^= 1  # one image is another: any may be drawn
    assert set(score.drawn(images, rows, 30)) - {59} != set(some) - {59}
    assert (score.drawn(images, rows, None) == rows).all() and (score.drawn(images, rows, 50) == rows).all()


@pytest.mark.parametrize("name", [IDENTITY, CATEGORY, DIVERSITY, *later(RENDERED)])
def test_the_order_of_samples_matters_to_the_jackknife_alone(name):
    """Its blocks are made in the samples' order; the value of every other metric is the same to the last digit."""
    instance = setup(name)
    first, second = scored(name, "oracle"), score.score(instance, {"samples": oracle(instance)[::-1]})
    for metric, one in first.metrics.items():
        jackknifed = metric in ("fd", "second_fd", "worst_group_fd") or "vendi" in metric
        slack = 0.2 * (one.high - one.low) if jackknifed else 2e-6
        assert second.metrics[metric].value == pytest.approx(one.value, abs=slack), metric
