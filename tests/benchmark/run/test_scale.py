"""The two axes: goal between base and ideal, quality as ratios to the base; nothing is clipped."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retouch import metrics
from retouch.benchmark.records import harmonic
from retouch.benchmark.run import scale

BASE = {"fd": 2.0, "precision": 0.8, "recall": 0.5, "coverage": 0.4}
ANCHORS = {"units": {"fd": 5.0}, "unchanged": {name: {"value": v, "se": 0.01} for name, v in BASE.items()}}


def parts(half=0.02, **changed):
    """The base's own metrics, some of them changed, as estimates."""
    return {name: metrics.Estimate(v, v - half, v + half, 100) for name, v in (BASE | changed).items()}


@given(st.floats(-2, 2), st.floats(0, 1), st.floats(0, 1), st.booleans())
def test_goal_is_linear_and_not_clipped(value, below, above, falling):
    unchanged, ideal = ({"value": v, "se": 0.01} for v in ((1.0, 0.0) if falling else (0.0, 1.0)))
    goal = scale.on_scale(metrics.Estimate(value, value - below, value + above, 100), unchanged, ideal)
    exact = 1 - value if falling else value
    assert goal.value == pytest.approx(exact, abs=1e-6)
    low, high = (below, above) if not falling else (above, below)
    anchors = 0.01 * np.hypot(exact, 1 - exact)
    assert goal.value - goal.low == pytest.approx(np.hypot(low, 1.96 * anchors), abs=1e-5)
    assert goal.high - goal.value == pytest.approx(np.hypot(high, 1.96 * anchors), abs=1e-5)


def test_a_scale_without_length_says_so():
    nobody = {"value": 0.0, "se": 0.0}
    with pytest.raises(ValueError, match=r"the base itself meets the request \(0\): there is nothing to edit"):
        scale.on_scale(metrics.Estimate(0.0, 0.0, 0.01, 100), nobody, nobody)


def test_the_base_itself_has_quality_one():
    quality = scale.quality(parts(), ANCHORS)
    assert quality.value == 1 and quality.low < 1 < quality.high


@pytest.mark.parametrize("part", ["precision", "recall", "coverage"])
def test_one_lost_part_takes_quality_with_it(part):
    quality = scale.quality(parts(**{part: 0.01 * BASE[part]}), ANCHORS)
    assert quality.binds == part and 0 < quality.value < 0.02
    assert scale.quality(parts(0, **{part: 0.0}), ANCHORS).value == 0


def test_quality_by_hand():
    quality = scale.quality(parts(fd=9.0), ANCHORS)  # (2 + 5) / (9 + 5): half the base's
    assert quality.value == pytest.approx(((2**4 + 3) / 4) ** -0.25, abs=1e-6) and quality.binds == "fd"
    better = scale.quality(parts(fd=-0.1, precision=0.9, recall=0.6, coverage=0.5), ANCHORS)
    assert better.value > 1.1 and better.high > better.value  # what is better than the base is seen to be


def test_a_ratios_interval_holds_both_errors():
    ratio = scale.ratios(parts(), ANCHORS)["recall"]
    assert ratio.high - 1 == pytest.approx(np.hypot(0.02, 1.96 * 0.01) / 0.5)
    exact = {**ANCHORS, "unchanged": {name: one | {"se": 0.0} for name, one in ANCHORS["unchanged"].items()}}
    ratio = scale.ratios(parts(), exact)["fd"]
    assert (ratio.low, ratio.high) == pytest.approx((7 / 7.02, 7 / 6.98))


def test_a_part_that_the_base_lacks_is_left_out():
    poor = {**ANCHORS, "unchanged": ANCHORS["unchanged"] | {"recall": {"value": 0.0, "se": 0.0}}}
    assert set(scale.ratios(parts(recall=0.0), poor)) == {"fd", "precision", "coverage"}
    assert scale.quality({}, ANCHORS) is None


def test_a_distance_far_below_zero_is_noise():
    ratio = scale.ratios(parts(fd=-7.0), ANCHORS)["fd"]
    assert ratio.value == pytest.approx(7 / 2.5) and ratio.low <= ratio.value <= ratio.high


def test_where_the_goal_goes_by_likelihoods_other_peoples_count():
    own = {scale.OTHERS: {"value": 0.4, "se": 0.01}}
    anchors = ANCHORS | {"unchanged": ANCHORS["unchanged"] | own}
    less = parts() | {scale.OTHERS: metrics.Estimate(0.1, 0.08, 0.12, 300)}
    assert scale.quality(less, anchors).binds == scale.OTHERS and scale.quality(less, anchors).value < 0.5
    assert scale.quality(less, ANCHORS) == scale.quality(parts(), ANCHORS)  # and nowhere else


def test_the_second_space_has_its_own_anchors():
    second = {f"second_{name}": one for name, one in parts(recall=0.25).items()}
    anchors = {"units": {"second_fd": 5.0}, "unchanged": {f"second_{k}": v for k, v in ANCHORS["unchanged"].items()}}
    assert scale.quality(second, anchors, scale.SECOND).binds == "recall"


def test_harmonic_mean_by_hand():
    assert harmonic(0.5, 1.0) == pytest.approx(2 / 3, abs=1e-6) and harmonic(0, 1) == 0 == harmonic(0, 0)
    assert harmonic(1.4, 1.2) == 1 and harmonic(-0.2, 1) == 0


def test_recorded_ends_stay_in_order():
    wide = SimpleNamespace(value=0.1, low=0.1, high=0.1, n=5)
    goal = scale.on_scale(wide, {"value": 0.3, "se": 0.0}, {"value": 0.0, "se": 0.0})
    assert goal.low <= goal.value <= goal.high
