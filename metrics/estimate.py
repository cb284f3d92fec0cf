"""A number with its interval, and the few ways in which an interval is made."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np


@dataclass(frozen=True)
class Estimate:
    """A measured value and its interval, of 95% unless a function's `level` says otherwise."""

    value: float
    low: float
    high: float
    n: int  # images (or runs) that the value rests on; the smaller sample where there are two
    plain: float | None = None  # the un-corrected value that papers quote, where it differs
    note: str = ""
    se: float | None = None  # standard error, where the interval comes from one
    floor: float | None = None  # what noise alone would show (distances to a target)
    same: float | None = None  # what two samples of one and the same distribution would show

    def __post_init__(self) -> None:
        for name in ("value", "low", "high", "plain", "se", "floor", "same"):
            if (number := getattr(self, name)) is not None:
                object.__setattr__(self, name, float(number))  # plain numbers, ready for JSON
        object.__setattr__(self, "n", int(self.n))


def z_value(level: float = 0.95) -> float:
    """Two-sided normal quantile: 1.96 for 95%."""
    return NormalDist().inv_cdf(0.5 + _checked(level) / 2)


def t_value(dof: float, level: float = 0.95) -> float:
    """Two-sided quantile of Student's t with `dof` degrees of freedom."""
    from scipy.special import stdtrit

    return float(stdtrit(max(dof, 1.0), 0.5 + _checked(level) / 2))


def around(
    value: float,
    se: float,
    n: int,
    *,
    dof: float = np.inf,
    plain: float | None = None,
    note: str = "",
    level: float = 0.95,
    same: float | None = None,
) -> Estimate:
    """value ± quantile × standard error; a finite `dof` takes Student's quantile."""
    half = se * (z_value(level) if np.isinf(dof) else t_value(dof, level))
    return Estimate(float(value), float(value - half), float(value + half), int(n), plain, note, float(se), same=same)


def wilson(p: float, n: float, level: float = 0.95, quantile: float | None = None) -> tuple[float, float]:
    """Wilson's score interval for a proportion p of n (n may be an effective, fractional number)."""
    z = z_value(level) if quantile is None else quantile
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return float(max(0.0, min(p, centre - half))), float(min(1.0, max(p, centre + half)))


def score_interval(value: float, first: float, second: float, z: float) -> tuple[float, float]:
    """Interval of a squared distance: all t with |value - t| <= z se(t), as Wilson's interval for a share.

    se(t)^2 = second + first * max(t, 0) / value: the first-order part of the variance is proportional to the distance
    itself and vanishes where both sides agree; the second-order part stays.
    """
    slope = first / max(value, np.sqrt(second), np.finfo(float).tiny)
    middle = value + z * z * slope / 2
    half = z * np.sqrt(max(second + slope * value + z * z * slope * slope / 4, 0))
    lowest = value - z * np.sqrt(second)
    return (lowest if lowest < 0 else max(middle - half, 0.0)), max(middle + half, value + z * np.sqrt(second))


def over_images(values: np.ndarray, rng: np.random.Generator, draws: int, level: float = 0.95) -> Estimate:
    """Mean of values (n,) in [-1, 1], interval by bootstrap over the n images; one image has none.

    A bootstrap's spread is too small by sqrt((n - 1)/n), and with few images its quantiles are the normal ones where
    Student's hold. One factor mends each; without the second, intervals of two images cover 61% instead of 95%. Where
    all values are equal a bootstrap sees no doubt, though a small share of all images may differ: Wilson's for 0 of n.
    """
    n, value = len(values), float(values.mean())
    if n == 1:
        return Estimate(value, -1.0, 1.0, 1, note="one image: no interval")
    if np.ptp(values) == 0:
        room = wilson(0.0, n, level)[1]
        return Estimate(value, max(-1.0, value - room), min(1.0, value + room), n, se=0.0)
    widen = np.sqrt(n / (n - 1)) * t_value(n - 1, level) / z_value(level)
    means = values[rng.integers(0, n, (draws, n))].mean(1)
    low, high = percentiles(value + (means - value) * widen, level)
    return Estimate(value, max(-1.0, low), min(1.0, high), n, se=float(values.std(ddof=1) / np.sqrt(n)))


def percentiles(draws: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """The central `level` of the draws."""
    low, high = np.quantile(draws, [0.5 - _checked(level) / 2, 0.5 + level / 2])
    return float(low), float(high)


def _checked(level: float) -> float:
    """The level itself, if it is one: 95 for 0.95 is an error."""
    if not 0 < level < 1:
        raise ValueError(f"level: found {level}, wanted a number between 0 and 1")
    return level
