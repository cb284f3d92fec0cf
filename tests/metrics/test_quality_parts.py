"""Joined quality: its laws, its noise, its interval."""

import numpy as np
import pytest

from retouch import metrics
from retouch.metrics import Estimate, joined_quality

NAMES = ("fd", "precision", "recall", "coverage")
NOISE = np.array([0.05, 0.02, 0.025, 0.02])  # of ratios at 2,000 images


def parts(values: np.ndarray, noise: np.ndarray = NOISE) -> dict[str, Estimate]:
    return {
        name: Estimate(v, v - 1.96 * s, v + 1.96 * s, 2000, se=s)
        for name, v, s in zip(NAMES, values, noise, strict=True)
    }


def test_the_base_itself_has_exactly_one():
    estimate = joined_quality(parts(np.ones(4)))
    assert estimate.value == 1 and 0.95 < estimate.low < 1 < estimate.high < 1.05


def test_by_hand():
    """(1 + 16 + 1 + 1) / 4 = 4.75, to the power of -1/4."""
    assert joined_quality(parts([1, 0.5, 1, 1])).value == pytest.approx(4.75**-0.25, rel=1e-12)


@pytest.mark.parametrize("lost", range(4))
def test_one_part_near_0_makes_it_near_0(lost):
    values = np.full(4, 1.3)
    values[lost] = 0.01
    estimate = joined_quality(parts(values))
    assert 0.01 < estimate.value < 0.0142 and estimate.note == f"{NAMES[lost]} binds"
    values[lost] = 0
    assert joined_quality(parts(values)).value == 0 and joined_quality(parts(values)).high > 0


def test_better_than_the_base_is_above_one():
    assert joined_quality(parts([1.2, 1.1, 1.3, 1.1])).value > 1.1
    assert joined_quality(parts([2.0, 2.0, 0.5, 2.0])).value < 0.71


def test_every_part_raises_it():
    values = np.array([0.9, 1.1, 0.7, 1.0])
    steps = [joined_quality(parts(values + 0.01 * np.eye(4)[k])).value for k in range(4)]
    assert min(steps) > joined_quality(parts(values)).value
    assert int(np.argmax(steps)) == 2  # the smallest part counts most


@pytest.mark.parametrize("truth", [[1, 1, 1, 1], [0.95, 1, 0.6, 0.9], [1, 1.1, 0.1, 0.9]])
def test_noise_does_not_move_it_and_intervals_cover(truth):
    rng = np.random.default_rng(0)
    noise = NOISE * np.minimum(1, 2 * np.array(truth))
    draws = rng.normal(truth, noise, (1500, 4))
    estimates = [joined_quality(parts(draw, noise)) for draw in draws]
    exact = joined_quality(parts(truth)).value
    assert np.mean([e.value for e in estimates]) == pytest.approx(exact, abs=0.004)
    assert 0.93 < np.mean([e.low <= exact <= e.high for e in estimates]) < 0.97


@pytest.mark.parametrize(
    ("values", "message"), [({}, "found none"), (parts([np.nan, 1, 1, 1]), "fd: found nan")], ids=["none", "nan"]
)
def test_bad_input(values, message):
    with pytest.raises(ValueError, match=message):
        metrics.joined_quality(values)
