"""Precision and recall against a reference whose images count unequally (reference weighted by p).

Recall: sum of p over reference images within a generated ball. Precision: generated images within a reference ball,
where a ball now reaches to the distance at which its neighbours weigh k/m, and images of weight 0 have none; with
equal weights this is the usual k-NN ball. The formula of Diversity Weights (Berns et al. 2023) could not be verified:
this one is ours.
"""

import numpy as np

from retouch.metrics.checks import as_pair, as_weights
from retouch.metrics.engine.pairs import cross_pass, own_pass
from retouch.metrics.estimate import Estimate
from retouch.metrics.neighbours import enough, proportion

ROWS = 512


def weighted_precision_recall(
    generated: np.ndarray,
    reference: np.ndarray,
    weights: np.ndarray,
    *,
    k: int = 5,
    level: float = 0.95,
    device: str = "cpu",
) -> dict[str, Estimate]:
    """ "precision" and "recall" of (n, d) against (m, d) features weighted by p (m,)."""
    generated, reference = as_pair(generated, reference)
    n, m = len(generated), len(reference)
    p = as_weights(weights, m)
    enough(n, m, k)
    centre = reference.mean(0, dtype=np.float64).astype(reference.dtype).astype(np.float64)
    x = own_pass(generated, centre, k, "generated", device)
    radii2, nearest = mass_radii2(reference, p, k)
    cross = cross_pass(generated, reference, centre, x.radii2, radii2, device=device)
    forth, back = cross.forth, cross.back
    recalled = back.count > 0
    recall = float(np.clip(p @ recalled, 0, 1))
    unequal = m * float(p @ p)  # the design effect of unequal weights
    return {
        "precision": proportion(float(np.mean(forth.count > 0)), forth.share_variance(nearest), n, None, level),
        "recall": proportion(recall, unequal * back.share_variance(x.nearest), m, None, level),
    }


def mass_radii2(points: np.ndarray, p: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Squared distances (m, 2) at which the other points within weigh at least k/m, and at the next point; the k
    nearest (m, k).

    Points of weight 0 get a radius of -1: they hold nothing.
    """
    points = points.astype(np.float64) - points.mean(0, dtype=np.float64)
    square = np.einsum("ij,ij->i", points, points)
    m = len(points)
    radii2, nearest = np.empty((m, 2)), np.empty((m, k), np.int64)
    for start in range(0, m, ROWS):
        rows = np.arange(start, min(start + ROWS, m))
        distance2 = square[rows, None] + square - 2 * points[rows] @ points.T
        distance2[np.arange(len(rows)), rows] = np.inf  # the point itself comes last
        order = np.argsort(distance2, axis=1, kind="stable")[:, :-1]
        reached = np.argmax(np.cumsum(p[order], axis=1) >= min(k / m, 1 - p.max()) - 1e-12, axis=1)
        for column, rank in enumerate((reached, np.minimum(reached + 1, m - 2))):
            at = order[np.arange(len(rows)), rank]
            radii2[rows, column] = np.square(points[rows] - points[at]).sum(1)
        nearest[rows] = order[:, :k]
    return np.where(p[:, None] > 0, radii2, -1.0), nearest
