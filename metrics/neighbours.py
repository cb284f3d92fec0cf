"""Precision, recall, density and coverage from balls around k nearest neighbours.

Precision and recall: Kynkäänniemi et al. 2019; density and coverage: Naeem et al. 2020. All four depend on k and on both
sample sizes, and none is 1 (density: has to be 1) for a perfect generator; `same` says what it would be.
Known difference to prdc: balls are closed (distance <= radius), so exact copies of the reference count as precise;
`closed=False` gives prdc's open balls, where a duplicated point has a ball of radius 0 that holds nothing.

Intervals by subsampling without replacement: disjoint pairs of small subsamples show how much more (or less) the value
varies than a proportion of as many independent images would; that factor scales Wilson's interval. (A bootstrap's
duplicates would shrink the radii.)
"""
import numpy as np

from metrics.checks import as_features, same_width
from metrics.estimate import Estimate, around, t_value, wilson
from metrics.moments import blocks
from metrics.reference import Reference
from metrics.sweep import Cross, Own, cross_pass, own_pass

NAMES = ("precision", "recall", "density", "coverage")


def prdc(generated: np.ndarray, reference: np.ndarray | Reference, *, k: int = 5, closed: bool = True,
         level: float = 0.95, device: str = "cpu") -> dict[str, Estimate]:
    """"precision", "recall", "density", "coverage" of (n, d) against (m, d) features with k nearest neighbours."""
    generated, reference = as_features(generated, "generated"), Reference.of(reference)
    same_width(generated, reference.features)
    enough(len(generated), len(reference.features), k)
    x, y = own_pass(generated, reference.centre, k, "generated", device), reference.own(k, device)
    cross = cross_pass(generated, reference.features, reference.centre, x.radii2, y.radii2, closed, device)
    return from_passes(generated, x, reference, y, cross, k, closed, level, device)


def from_passes(generated: np.ndarray, x: Own, reference: Reference, y: Own, cross: Cross, k: int, closed: bool = True,
                level: float = 0.95, device: str = "cpu") -> dict[str, Estimate]:
    """The four estimates from passes that are already done (the one-pass suite's way in)."""
    n, m = len(generated), len(reference.features)
    values = dict(zip(NAMES, _values(cross, k), strict=True))
    same = {"precision": y.hubs, "recall": x.hubs, "density": 1.0, "coverage": same_coverage(n, m, k)}
    drawn = dict(zip(NAMES, _subsamples(generated, reference, k, closed, device).T, strict=True))
    size = min(n, m)
    result = {name: _proportion(values[name], drawn[name], size, same[name], level) for name in NAMES if name != "density"}
    spread = drawn["density"].std(ddof=1) / np.sqrt(len(drawn["density"]))  # variance falls as 1/n: disjoint blocks fill n
    result["density"] = around(values["density"], spread, size, dof=len(drawn["density"]) - 1, level=level, same=1.0)
    return {name: result[name] for name in NAMES}


def same_coverage(n: int, m: int, k: int) -> float:
    """Expected coverage when both sets have one distribution: 1 - prod_{i<k} (m - 1 - i)/(n + m - 1 - i); 1 - 2^-k for n = m."""
    i = np.arange(k)
    return float(1 - np.prod((m - 1 - i) / (n + m - 1 - i)))


def enough(n: int, m: int, k: int) -> None:
    """Both samples must allow for four subsamples with k neighbours each."""
    if not isinstance(k, (int, np.integer)) or k < 1:
        raise ValueError(f"k: found {k!r}, wanted a whole number of neighbours, at least 1")
    for name, size in (("generated", n), ("reference", m)):
        if size < 4 * (k + 2):
            raise ValueError(f"{name}: found {size} rows, wanted at least {4 * (k + 2)} for {k} neighbours and an interval")


def _values(cross: Cross, k: int) -> tuple[float, float, float, float]:
    return ((cross.balls > 0).mean(), cross.recalled.mean(), cross.balls.mean() / k, cross.covered.mean())


def _subsamples(generated: np.ndarray, reference: Reference, k: int, closed: bool, device: str) -> np.ndarray:
    """The four values on disjoint pairs of subsamples: (up to 20, 4)."""
    n, m = len(generated), len(reference.features)
    count = int(np.clip(min(n, m) // (4 * (k + 2)), 4, 20))
    rows = []
    for i, j in zip(blocks(n, count), blocks(m, count), strict=True):
        x, y = generated[i], reference.features[j]
        radii = [own_pass(points, reference.centre, k, "subsample", device).radii2 for points in (x, y)]
        rows.append(_values(cross_pass(x, y, reference.centre, *radii, closed, device), k))
    return np.array(rows)


def _proportion(p: float, drawn: np.ndarray, n: int, same: float, level: float) -> Estimate:
    """Wilson's interval at n / factor images, factor = variance of the subsamples over that of proportions."""
    mean, size = drawn.mean(), n / len(drawn)
    binomial = max(mean * (1 - mean), 1 / size) / size
    factor = max(drawn.var(ddof=1) / binomial, 0.05)
    low, high = wilson(p, n / factor, level, quantile=t_value(len(drawn) - 1, level))
    return Estimate(float(p), low, high, n, se=float(np.sqrt(p * (1 - p) * factor / n)), same=float(same))
