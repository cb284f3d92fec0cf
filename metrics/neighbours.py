"""Precision, recall, density and coverage from balls around k nearest neighbours.

Precision and recall: Kynkäänniemi et al. 2019; density and coverage: Naeem et al. 2020. All four depend on k and on
both sample sizes, and none but density is 1 for a perfect generator; `same` is what a perfect one would have.
Known difference to prdc: balls are closed (distance <= radius), so exact copies of the reference count as precise;
`closed=False` gives prdc's open balls, where a duplicated point has a ball of radius 0 that holds nothing.

Intervals: the variance over one sample given the other is exact, that over the balls comes from leaving each point out
in turn (subsampling without replacement; a bootstrap's duplicates would shrink the radii). By Efron and Stein it errs
on the wide side. Proportions get Wilson's interval at the number of independent images that would vary as much.
"""

import numpy as np

from retouch.metrics.checks import as_features, same_width
from retouch.metrics.engine.pairs import Cross, Own, Side, cross_pass, own_pass
from retouch.metrics.engine.reference import Reference
from retouch.metrics.estimate import Estimate, around, wilson


def prdc(
    generated: np.ndarray,
    reference: np.ndarray | Reference,
    *,
    k: int = 5,
    closed: bool = True,
    level: float = 0.95,
    device: str = "cpu",
) -> dict[str, Estimate]:
    """ "precision", "recall", "density", "coverage" of (n, d) against (m, d) features with k nearest neighbours."""
    generated, reference = as_features(generated, "generated"), Reference.of(reference)
    same_width(generated, reference.features)
    enough(len(generated), len(reference.features), k)
    a, b = Side(generated, reference.centre, device), reference.side(device)
    x, y = own_pass(a, reference.centre, k, "generated"), reference.own(k, b)
    cross = cross_pass(a, b, reference.centre, x.radii2, y.radii2, closed)
    return from_passes(x, y, cross, k, level)


def precise(generated: np.ndarray, reference: np.ndarray | Reference, k: int = 5) -> np.ndarray:
    """Which of (n, d) lie as near to one of (m, d) as its k-th nearest other does: what precision counts, bool (n,)."""
    generated, reference = as_features(generated, "generated"), Reference.of(reference)
    same_width(generated, reference.features)
    side = reference.side()
    own = np.zeros((len(generated), 2))  # balls of the generated, which precision does not ask for
    cross = cross_pass(generated, side, reference.centre, own, reference.own(k, side).radii2)
    return cross.forth.count > 0


def from_passes(
    x: Own, y: Own, cross: Cross, k: int, level: float = 0.95, weights: np.ndarray | None = None,
    reference_weights: np.ndarray | None = None,
) -> dict[str, Estimate]:  # fmt: skip
    """The four estimates from passes over the pairs that the caller has made.

    weights (n,), sum 1: of the generated images in precision; reference_weights (m,), sum 1: in recall and coverage.
    """
    n, m = len(x.nearest), len(y.nearest)
    forth, back = cross.forth, cross.back
    precise, unequal = _weighted(forth.count > 0, weights)
    recalled, uneven = _weighted(back.count > 0, reference_weights)
    covered, _ = _weighted(forth.held > 0, reference_weights)
    size = min(n, m)
    density = around(forth.count.mean() / k, forth.density_variance(y.nearest) ** 0.5 / k, size, level=level, same=1.0)
    return {
        "precision": proportion(precise, unequal * forth.share_variance(y.nearest), n, y.hubs, level),
        "recall": proportion(recalled, uneven * back.share_variance(x.nearest), m, x.hubs, level),
        "density": density,
        "coverage": proportion(covered, uneven * forth.coverage_variance(y.nearest), m, same_coverage(n, m, k), level),
    }


def _weighted(hits: np.ndarray, weights: np.ndarray | None) -> tuple[float, float]:
    """The share of hits (n,) under weights (n,), sum 1, and how much more it varies than under equal ones."""
    if weights is None:
        return float(hits.mean()), 1.0
    return float(np.clip(weights @ hits, 0, 1)), len(hits) * float(weights @ weights)  # the design effect


def same_coverage(n: int, m: int, k: int) -> float:
    """Expected coverage when both sets have one distribution:
    1 - prod_{i<k} (m - 1 - i)/(n + m - 1 - i); 1 - 2^-k for n = m.
    """
    i = np.arange(k)
    return float(1 - np.prod((m - 1 - i) / (n + m - 1 - i)))


def least_rows(k: int = 5) -> int:
    """Rows that k + 1 neighbours and an interval ask for on either side."""
    return 4 * (k + 2)


def enough(n: int, m: int, k: int) -> None:
    """Both samples must allow for k + 1 neighbours, with room for an interval."""
    if not isinstance(k, (int, np.integer)) or k < 1:
        raise ValueError(f"k: found {k!r}, wanted a whole number of neighbours, at least 1")
    for name, size in (("generated", n), ("reference", m)):
        if size < least_rows(k):
            raise ValueError(
                f"{name}: found {size} rows, wanted at least {least_rows(k)} for {k} neighbours and an interval"
            )


def proportion(p: float, variance: float, n: int, same: float | None, level: float) -> Estimate:
    """Wilson's interval at the effective number of images, p (1 - p) / variance, drawn towards n when there are few
    events.
    """
    effective = n * (p * (1 - p) + 1 / n) / (variance * n + 1 / n)
    low, high = wilson(p, effective, level)
    return Estimate(p, low, high, n, se=variance**0.5, same=same)
