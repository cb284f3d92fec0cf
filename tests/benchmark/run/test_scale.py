"""The two axes: goal between its anchors, quality against the base."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retouch import metrics
from retouch.benchmark.records import Scaled, harmonic
from retouch.benchmark.run import score


@given(st.floats(-2, 2), st.floats(0, 1), st.floats(0, 1), st.booleans())
def test_goal_is_linear_between_the_anchors(value, below, above, falling):
    unchanged, retrained = ({"value": v, "se": 0.01} for v in ((1.0, 0.0) if falling else (0.0, 1.0)))
    found = score.on_scale(metrics.Estimate(value, value - below, value + above, 100), unchanged, retrained)
    exact = 1 - value if falling else value
    assert found.value == pytest.approx(np.clip(exact, 0, 1), abs=1e-6)
    assert 0 <= found.low <= found.value <= found.high <= 1


@given(st.floats(-1, 50), st.floats(0, 10))
def test_quality_falls_with_the_distance(fd, error):
    unchanged = {"value": 2.0, "se": 0.3}
    found = score.relative_quality(metrics.Estimate(fd, fd - error, fd + error, 100), unchanged, 5.0)
    worse = score.relative_quality(metrics.Estimate(fd + 1, fd + 1 - error, fd + 1 + error, 100), unchanged, 5.0)
    assert isinstance(found, Scaled) and worse.value <= found.value
    assert found.value == pytest.approx(min(1, 7 / (max(fd, 0) + 5)), abs=1e-6)


def test_harmonic_mean_by_hand():
    assert harmonic(0.5, 1.0) == pytest.approx(2 / 3, abs=1e-6) and harmonic(0, 1) == 0 == harmonic(0, 0)
