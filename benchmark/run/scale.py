"""Goal and quality from raw metrics and the track's scale, by arithmetic alone, so that anyone can compute them again.

Each takes numbers with 95% intervals (`value`, `low`, `high`) and anchors of the scale, {value, se} each. Nothing is
clipped: what is worse than the base has a goal below 0, what is better than the ideal one above 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Protocol

from retouch import metrics
from retouch.benchmark.records import Quality, Scaled

DIGITS = 6  # recorded decimals: float rounding differs between batch sizes far below this
PARTS = ("fd", "precision", "recall", "coverage")  # of quality
OTHERS = "others_quantile"  # a part where the goal goes by likelihoods: other people's
SECOND = "second_"  # before the name of a metric in the second encoder's space


class Interval(Protocol):
    """A number with its 95% interval: a metric's estimate, or a record's `Measured`."""

    @property
    def value(self) -> float: ...

    @property
    def low(self) -> float: ...

    @property
    def high(self) -> float: ...

    @property
    def n(self) -> int: ...


def on_scale(estimate: Interval, unchanged: dict[str, float], ideal: dict[str, float]) -> Scaled:
    """g = (m - m_unchanged) / (m_ideal - m_unchanged): 0 for the base, 1 for the request wholly met.

    The interval carries the errors of all three: Var g = [Var m + (1-g)^2 Var m_u + g^2 Var m_i] / (m_i - m_u)^2.

    Raises:
        ValueError: the base already meets the request, so that the scale has no length.
    """
    span = ideal["value"] - unchanged["value"]
    if span == 0:
        raise ValueError(f"the base itself meets the request ({ideal['value']:g}): there is nothing to edit; "
                         "choose another target or base")  # fmt: skip
    g = (estimate.value - unchanged["value"]) / span
    anchors = ((1 - g) * unchanged["se"]) ** 2 + (g * ideal["se"]) ** 2
    ends = [estimate.value - estimate.low, estimate.high - estimate.value]
    below, above = (
        math.sqrt((end / 1.96) ** 2 + anchors) * 1.96 / abs(span) for end in (ends if span > 0 else ends[::-1])
    )
    value, low, high = _rounded(g, g - below, g + above)
    return Scaled(value=value, low=low, high=high)


def quality(raw: Mapping[str, Interval], anchors: dict[str, Any], space: str = "") -> Quality | None:
    """The power mean of the four ratios to the base, see `metrics.joined_quality`; None without an FD.

    Args:
        raw: metrics by name; anchors: those of the instance; space: "" or SECOND, before the metrics' names.
    """
    if space + "fd" not in raw:
        return None
    joined = metrics.joined_quality(ratios(raw, anchors, space))
    value, low, high = _rounded(joined.value, joined.low, joined.high)
    return Quality(value=value, low=low, high=high, binds=joined.note.removesuffix(" binds"))


def ratios(raw: Mapping[str, Interval], anchors: dict[str, Any], space: str = "") -> dict[str, metrics.Estimate]:
    """Each part of quality as its ratio to the base's, 1 for the base itself, larger is better.

    Of FD (FD_base + u) / (FD + u), with the unit u: a ratio of FDs alone would be all noise for a base that cannot be
    told from real images, whose own FD is 0 within its error. A part that the base lacks wholly is left out: the edit
    cannot lose it.
    """
    base, unit = anchors["unchanged"], anchors["units"][space + "fd"]
    parts = {"fd": _distance_ratio(raw[space + "fd"], base[space + "fd"], unit)}
    for part in PARTS[1:]:
        if base[space + part]["value"] > 0:
            parts[part] = _ratio(raw[space + part], base[space + part])
    if OTHERS in base and OTHERS in raw:
        parts[OTHERS] = _ratio(raw[OTHERS], base[OTHERS])
    return parts


def _distance_ratio(fd: Interval, base: dict[str, float], unit: float) -> metrics.Estimate:
    """(FD_base + u) / (FD + u); an FD far below 0, which only noise can give, counts as -u/2."""
    top = max(base["value"], -unit / 2) + unit
    value, low, high = (top / (max(end, -unit / 2) + unit) for end in (fd.value, fd.high, fd.low))
    return _with_base(value, low, high, base["se"] / top, fd.n)


def _ratio(share: Interval, base: dict[str, float]) -> metrics.Estimate:
    """A share over the base's."""
    value, low, high = (end / base["value"] for end in (share.value, share.low, share.high))
    return _with_base(value, low, high, base["se"] / base["value"], share.n)


def _with_base(value: float, low: float, high: float, error: float, n: int) -> metrics.Estimate:
    """A ratio and its interval, widened by the relative standard error of the base's own number."""
    own = 1.96 * error * value
    return metrics.Estimate(value, value - math.hypot(value - low, own), value + math.hypot(high - value, own), n)


def _rounded(value: float, low: float, high: float) -> tuple[float, float, float]:
    """All three with the recorded decimals, in order."""
    value, low, high = (round(float(number), DIGITS) for number in (value, low, high))
    return value, min(low, value), max(high, value)
