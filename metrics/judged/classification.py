"""How well a classifier tells classes apart, whatever their sizes: balanced accuracy, area under the ROC curve."""

import numpy as np

from retouch.metrics.checks import as_vector
from retouch.metrics.estimate import Estimate, wilson


def balanced_accuracy(confusion: np.ndarray, *, level: float = 0.95) -> Estimate:
    """Mean over classes of the share that is assigned rightly, in [0, 1]; 1/K is chance.

    confusion: counts (K, K or more), rows = truth, columns = assigned; further columns, as "unclear", are never right.
    Interval: each class's by Wilson, joined by the squares of their arms (Zou and Donner 2008).

    Raises:
        ValueError: no counts of at least two classes, or a class without images.
    """
    counts = np.asarray(confusion, np.float64)
    if counts.ndim != 2 or len(counts) < 2 or counts.shape[1] < len(counts):
        raise ValueError(f"confusion: found shape {counts.shape}, wanted (K, K or more) with K at least 2")
    sizes = counts.sum(1)
    if not (sizes > 0).all():
        raise ValueError(f"confusion: found no images of class {int(sizes.argmin())}, wanted some of each")
    recalls = counts.diagonal() / sizes
    low, high = np.array([wilson(p, n, level) for p, n in zip(recalls, sizes, strict=True)]).T
    arms = np.sqrt(np.square([recalls - low, high - recalls]).sum(1)) / len(counts)
    value = recalls.mean()
    return Estimate(value, value - arms[0], value + arms[1], sizes.sum())


def auc(scores: np.ndarray, positive: np.ndarray, *, level: float = 0.95) -> Estimate:
    """Area under the ROC curve, in [0, 1]: how often a positive has the higher score than a negative; ties count half.

    scores (N,): higher for positives; positive (N,) bool. Variance: DeLong et al. 1988; the interval is Wilson's at the
    number of independent pairs that would vary as much, so that a perfect area has one too.

    Raises:
        ValueError: lengths that differ, or no positives or no negatives.
    """
    scores, positive = as_vector(scores, "scores"), np.asarray(positive, bool)
    if positive.shape != scores.shape:
        raise ValueError(f"positive: found shape {positive.shape}, wanted {scores.shape}, one for each score")
    if positive.all() or not positive.any():
        raise ValueError("positive: found one class only, wanted positives and negatives")
    ones, zeros = scores[positive], scores[~positive]
    above, below = _placements(ones, zeros), 1 - _placements(zeros, ones)
    value, fewer = above.mean(), min(len(ones), len(zeros))
    variance = sum(part.var(ddof=1) / len(part) for part in (above, below) if len(part) > 1)
    pairs = (value * (1 - value) + 1 / fewer) / (variance + 1 / fewer**2)
    return Estimate(value, *wilson(value, pairs, level), len(scores), se=variance**0.5)


def _placements(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """For each of a (n,) the share of b that lies below it, half of those equal to it counted."""
    ordered = np.sort(b)
    return (np.searchsorted(ordered, a) + np.searchsorted(ordered, a, side="right")) / (2 * len(b))
