"""Goal and quality from raw metrics and the track's scale, by arithmetic alone, so that anyone can compute them again.

Each takes a number with its 95% interval (`value`, `low`, `high`) and the anchors of the scale, {value, se} each.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from retouch.benchmark.records import Scaled

DIGITS = 6  # recorded decimals: float rounding differs between batch sizes far below this


class Interval(Protocol):
    """A number with its 95% interval: a metric's estimate, or a record's `Measured`."""

    @property
    def value(self) -> float: ...

    @property
    def low(self) -> float: ...

    @property
    def high(self) -> float: ...


def on_scale(estimate: Interval, unchanged: dict[str, float], retrained: dict[str, float]) -> Scaled:
    """g = (m - m_unchanged) / (m_retrained - m_unchanged), clipped to [0, 1].

    The interval carries the errors of all three: Var g = [Var m + (1-g)^2 Var m_u + g^2 Var m_r] / (m_r - m_u)^2.
    """
    span = retrained["value"] - unchanged["value"]
    g = (estimate.value - unchanged["value"]) / span
    anchors = ((1 - g) * unchanged["se"]) ** 2 + (g * retrained["se"]) ** 2
    ends = [estimate.value - estimate.low, estimate.high - estimate.value]
    below, above = (
        math.sqrt((end / 1.96) ** 2 + anchors) * 1.96 / abs(span) for end in (ends if span > 0 else ends[::-1])
    )
    return _scaled(g, g - below, g + above)


def relative_quality(estimate: Interval, unchanged: dict[str, float], unit: float) -> Scaled:
    """min(1, (FD_base + u) / (FD_edited + u)), both jackknifed and not below 0; interval by the delta method, on logs.

    At u the images are as far from the base's level as if a tenth of the data were missing: quality is then near 0.5.
    """
    base, edited = max(unchanged["value"], 0) + unit, max(estimate.value, 0) + unit
    error = 1.96 * np.hypot(unchanged["se"] / base, (estimate.high - estimate.low) / 3.92 / edited)
    return _scaled(base / edited, base / edited * np.exp(-error), base / edited * np.exp(error))


def _scaled(*numbers: float) -> Scaled:
    value, low, high = (round(min(max(float(number), 0.0), 1.0), DIGITS) for number in numbers)
    return Scaled(value=value, low=low, high=high)
