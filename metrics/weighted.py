"""Precision and recall against a reference whose images count unequally (reference weighted by p).

Recall: sum of p over reference images within a generated ball. Precision: generated images within a reference ball, where
a ball now reaches to the distance at which its neighbours weigh k/m, and images of weight 0 have none; with equal weights this
is the usual k-NN ball. The formula of Diversity Weights (Berns et al. 2023) could not be verified: this one is ours.
"""
import numpy as np

from metrics.checks import as_pair, as_weights
from metrics.estimate import Estimate, t_value, wilson
from metrics.moments import blocks
from metrics.neighbours import enough
from metrics.sweep import cross_pass, own_pass

ROWS = 512


def weighted_precision_recall(generated: np.ndarray, reference: np.ndarray, weights: np.ndarray, *, k: int = 5,
                              level: float = 0.95, device: str = "cpu") -> dict[str, Estimate]:
    """"precision" and "recall" of (n, d) against (m, d) features weighted by p (m,)."""
    generated, reference = as_pair(generated, reference)
    n, m = len(generated), len(reference)
    p = as_weights(weights, m)
    enough(n, m, k)
    values = _both(generated, reference, p, k, device)
    count = int(np.clip(min(n, m) // (4 * (k + 2)), 4, 20))
    pairs = [(i, j) for i, j in zip(blocks(n, count), blocks(m, count), strict=True) if p[j].sum() > 0]
    drawn = np.array([_both(generated[i], reference[j], p[j] / p[j].sum(), k, device) for i, j in pairs])
    estimates = [_interval(v, d, min(n, m), level) for v, d in zip(values, drawn.T, strict=True)]
    return dict(zip(("precision", "recall"), estimates, strict=True))


def mass_radii2(points: np.ndarray, p: np.ndarray, k: int) -> np.ndarray:
    """Squared distance (m,) at which the other points within it weigh at least k/m in all; -1 for points of weight 0."""
    points = points.astype(np.float64) - points.mean(0, dtype=np.float64)
    square = np.einsum("ij,ij->i", points, points)
    radii2, m = np.empty(len(points)), len(points)
    for start in range(0, m, ROWS):
        rows = np.arange(start, min(start + ROWS, m))
        distance2 = np.maximum(square[rows, None] + square - 2 * points[rows] @ points.T, 0)
        distance2[np.arange(len(rows)), rows] = np.inf  # the point itself comes last
        order = np.argsort(distance2, axis=1, kind="stable")[:, :-1]
        reached = np.argmax(np.cumsum(p[order], axis=1) >= min(k / m, 1 - p.max()) - 1e-12, axis=1)
        at = order[np.arange(len(rows)), reached]
        radii2[rows] = np.square(points[rows] - points[at]).sum(1)
    return np.where(p > 0, radii2, -1.0)


def _both(x: np.ndarray, y: np.ndarray, p: np.ndarray, k: int, device: str) -> tuple[float, float]:
    centre = y.mean(0, dtype=np.float64).astype(y.dtype).astype(np.float64)
    radii2_x = own_pass(x, centre, k, "generated", device).radii2
    cross = cross_pass(x, y, centre, radii2_x, mass_radii2(y, p, k), device=device)
    return float((cross.balls > 0).mean()), float(p @ cross.recalled)


def _interval(value: float, drawn: np.ndarray, n: int, level: float) -> Estimate:
    mean, size = drawn.mean(), n / len(drawn)
    factor = max(drawn.var(ddof=1) / (max(mean * (1 - mean), 1 / size) / size), 0.05)
    value = min(max(value, 0.0), 1.0)
    return Estimate(value, *wilson(value, n / factor, level, quantile=t_value(len(drawn) - 1, level)), n,
                    se=float(np.sqrt(value * (1 - value) * factor / n)))
