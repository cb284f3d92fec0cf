"""Ways to buy quality without better images, in a feature space of known truth: none pays."""

import numpy as np
import pytest

from retouch import metrics
from retouch.benchmark.records import Measured
from retouch.benchmark.run import scale, score
from retouch.benchmark.tasks.view import Groups, Space

N, WIDTH = 500, 6
RNG = np.random.default_rng(0)
REAL = RNG.normal(size=(N, WIDTH))
REFERENCE = metrics.Reference(REAL)


def base(seed):
    """Images of a base that is a little off: every feature has moved and is too narrow."""
    return 0.9 * np.random.default_rng(seed).normal(size=(N, WIDTH)) + 0.2


def measured(features, keep=None):
    """The parts of quality of images, all of which ought to be there."""
    keep = np.ones(len(features)) if keep is None else keep
    return score.quality_metrics(Space("encoder", features, REFERENCE), keep, np.arange(len(features)))


def anchors():
    """The scale of the base, over 24 seeds."""
    rows = [measured(base(100 + seed)) for seed in range(24)]
    means = {part: np.array([row[part].value for row in rows]) for part in scale.PARTS}
    unchanged = {part: {"value": v.mean(), "se": v.std(ddof=1) / 24**0.5} for part, v in means.items()}
    return {"units": {"fd": 0.05 * float(np.trace(np.cov(REAL.T)))}, "unchanged": unchanged}


ANCHORS = anchors()


def quality(features):
    return scale.quality(measured(features), ANCHORS)


def outliers(images):
    """One image in twenty thrown far out, so that balls around it and its neighbours hold every real image."""
    return np.where(np.arange(N)[:, None] % 20 == 0, 6 * images, images)


def shells(images):
    """Few far images spread evenly: the widest balls for the least precision."""
    far = RNG.normal(size=(50, WIDTH))
    return np.r_[images[:-50], 8 * far / np.linalg.norm(far, axis=1, keepdims=True)]


def prototypes(images):
    """Forty real images, each many times with a little noise."""
    return REAL[RNG.integers(0, 40, N)] + 0.01 * RNG.normal(size=(N, WIDTH))


def typical(images):
    """The half of the images nearest to the middle, twice: all of them plausible."""
    nearest = np.argsort(np.square(images).sum(1))[: N // 2]
    return np.r_[images[nearest], images[nearest] + 0.01 * RNG.normal(size=(N // 2, WIDTH))]


def junk(images):
    """A tenth of the images is rubbish, which no judge takes for what had to go."""
    return np.r_[images[: 9 * N // 10], 4 * RNG.normal(size=(N // 10, WIDTH)) + 8]


def moments(images):
    """A cube with the real images' mean and covariance: the best FD, and no image like a real one."""
    corners = RNG.choice([-1.0, 1.0], (N, WIDTH))
    return corners @ np.linalg.cholesky(np.cov(REAL.T)).T + REAL.mean(0)


@pytest.mark.parametrize("buy", [outliers, shells, prototypes, typical, junk, moments])
def test_quality_is_not_for_sale(buy):
    bought, honest = quality(buy(base(11))), quality(base(11))
    assert bought.value < 0.93 < honest.value and bought.high < honest.high


def test_the_base_has_one_over_seeds_and_real_images_more():
    values = [quality(base(seed)) for seed in range(20, 32)]
    assert np.mean([one.value for one in values]) == pytest.approx(1, abs=0.02)
    assert sum(one.low <= 1 <= one.high for one in values) >= 11
    assert quality(np.random.default_rng(99).normal(size=(N, WIDTH))).value > 1.03


def test_a_lost_group_is_missed():
    """Groups are weighted to their shares; a group that nobody makes any more cannot be weighted away."""
    groups = np.repeat([0, 1], N // 2)
    real = REAL + 3 * groups[:, None]
    space = Space("encoder", base(1) + 3 * groups[:, None], metrics.Reference(real))
    whole = score.quality_metrics(space, Groups(groups, groups, np.array([0.5, 0.5])), np.arange(N))
    lost = Space("encoder", base(1), space.reference)
    half = score.quality_metrics(lost, Groups(np.zeros(N, int), groups, np.array([0.5, 0.5])), np.arange(N))
    assert half["fd"].value > 10 * max(whole["fd"].value, 1) and half["recall"].value < 0.7


def test_a_skewed_mix_costs_no_quality():
    """What the goal asks about, the mix, is not counted again: FD and precision are weighted to the target."""
    rng = np.random.default_rng(3)
    groups = (rng.random(N) < 0.2).astype(int)
    real_groups = np.repeat([0, 1], N // 2)
    reference = metrics.Reference(REAL + 3 * real_groups[:, None])
    images = rng.normal(size=(N, WIDTH)) + 3 * groups[:, None]
    mixed = score.quality_metrics(
        Space("", images, reference), Groups(groups, real_groups, np.ones(2) / 2), np.arange(N)
    )
    plain = score.quality_metrics(Space("", images, reference), np.ones(N), np.arange(N))
    assert mixed["fd"].low < 0.1 < plain["fd"].low


def test_spaces_that_disagree_are_named():
    class Instance:
        encoders = (type("A", (), {"name": "a"}), type("B", (), {"name": "b"}))

    def of(value):
        return scale.quality({part: Measured(value=v, low=v - 0.02, high=v + 0.02, n=9) for part, v in value.items()}, {
            "units": {"fd": 1.0}, "unchanged": {part: {"value": 0.5, "se": 0.0} for part in scale.PARTS}})  # fmt: skip

    same, poor = of(dict.fromkeys(scale.PARTS, 0.5)), of(dict.fromkeys(scale.PARTS, 0.5) | {"recall": 0.2})
    assert score.spaces(Instance, same, poor)["disagree"] and not score.spaces(Instance, same, same)["disagree"]
    assert "disagree" not in score.spaces(Instance, same, None)
