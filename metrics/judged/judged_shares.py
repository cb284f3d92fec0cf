"""Shares of images as a fallible judge sees them, corrected for the judge's own confusion.

A judge assigns class j to an image of class i with probability A[i, j], so the assigned shares are q = A^T p. A is not
known either: it is counted on held-out images, and that uncertainty is part of every interval here.
Two classes: p = (q + a0 - 1) / (a1 + a0 - 1) (Rogan and Gladen 1978), the interval by inverting the score test, which
is Wilson's interval when the judge is perfect. More classes: maximum likelihood on the simplex by EM.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from retouch.metrics.checks import as_counts, unmasked
from retouch.metrics.estimate import Estimate, percentiles, wilson, z_value


@dataclass(frozen=True)
class Shares:
    """Corrected shares of all classes at once, with the draws that functions of them need."""

    estimates: list[Estimate]
    draws: np.ndarray = field(repr=False)  # (draws, classes): shares that the data allow for, rows sum to 1
    n: int = 0

    @property
    def values(self) -> np.ndarray:
        """Point estimates (classes,)."""
        return np.array([e.value for e in self.estimates])

    @property
    def covariance(self) -> np.ndarray:
        """Covariance of the shares (classes, classes)."""
        return np.cov(self.draws, rowvar=False)

    def __iter__(self) -> Iterator[Estimate]:
        return iter(self.estimates)

    def __len__(self) -> int:
        return len(self.estimates)

    def __getitem__(self, index: int) -> Estimate:
        return self.estimates[index]


def share(judged: np.ndarray, confusion: np.ndarray | None = None, *, level: float = 0.95) -> Estimate:
    """Share of class 1 among N images.

    judged: counts (2,), or one label 0/1 for each image (N,). confusion: counts (2, 2) on held-out images, rows =
    truth, columns = assigned; None takes the judge at its word. `plain` is the uncorrected share.
    """
    counts = _counts(judged, confusion, classes=2)
    n, q = counts.sum(), counts[1] / counts.sum()
    if confusion is None:
        return Estimate(float(q), *wilson(q, n, level), int(n), plain=float(q), se=float(np.sqrt(q * (1 - q) / n)))
    a0, a1, var0, var1 = _judge(confusion)
    gain = a1 + a0 - 1  # dq/dp
    p = float(np.clip((q + a0 - 1) / gain, 0, 1))
    possible = np.clip(q, 1 - a0, a1)  # the nearest share that some p explains, so that the interval is not empty
    low, high = _score_interval(possible, n, a0, a1, var0, var1, z_value(level))
    se = np.sqrt(q * (1 - q) / n + p * p * var1 + (1 - p) ** 2 * var0) / gain
    return Estimate(p, min(low, p), max(high, p), int(n), plain=float(q), se=float(se))


def invalidity(judged: np.ndarray, confusion: np.ndarray | None = None, *, level: float = 0.95) -> Estimate:
    """Share of samples in the redacted set (class 1)."""
    return share(judged, confusion, level=level)


def identity_share(judged: np.ndarray, confusion: np.ndarray | None = None, *, level: float = 0.95) -> Estimate:
    """Share of samples that the recogniser takes for the person (class 1)."""
    return share(judged, confusion, level=level)


def shares(
    judged: np.ndarray, confusion: np.ndarray | None = None, *, level: float = 0.95, draws: int = 1000, seed: int = 0
) -> Shares:
    """Shares of all C classes among N images.

    judged: counts (C,), or a label 0..C-1 for each image (N,) (then confusion gives C). confusion: counts (C, C).
    Intervals: counts and confusion are drawn from their posteriors (Dirichlet, prior weight 1 in all), each draw
    corrected.
    """
    counts = _counts(judged, confusion)
    classes, n = len(counts), counts.sum()
    rng = np.random.default_rng(seed)
    assigned = rng.dirichlet(counts + 1 / classes, draws)  # (draws, C)
    if confusion is None:
        values, sampled = counts / n, assigned
    else:
        table = _confusion(confusion, classes)
        rows = table / table.sum(1, keepdims=True)
        values = unmix(counts / n, rows)
        sampled = unmix(assigned, _row_draws(table, draws, rng))
    if classes == 2:
        second = share(counts, confusion, level=level)
        plain = float(counts[0] / n)
        first = Estimate(1 - second.value, 1 - second.high, 1 - second.low, second.n, plain, se=second.se)
        return Shares([first, second], sampled, int(n))
    estimates = [
        _class_estimate(values[c], sampled[:, c], counts[c] / n, n, confusion is None, level) for c in range(classes)
    ]
    return Shares(estimates, sampled, int(n))


def unmix(assigned: np.ndarray, rows: np.ndarray, steps: int = 2000, tolerance: float = 1e-9) -> np.ndarray:
    """Shares p (..., C) that maximise the likelihood of assigned shares q (..., C) = A^T p, by EM on the simplex.

    rows: A (..., C, C), each row a distribution over assigned classes. Stops when no share moves by `tolerance`.
    """
    assigned, rows = np.atleast_2d(assigned), np.asarray(rows)
    shape = np.broadcast_shapes(assigned.shape[:-1], rows.shape[:-2])
    p = np.full((*shape, rows.shape[-1]), 1 / rows.shape[-1])
    for _ in range(steps):
        expected = np.einsum("...i,...ij->...j", p, rows)
        ratio = np.divide(
            assigned, expected, out=np.zeros(np.broadcast_shapes(assigned.shape, expected.shape)), where=expected > 0
        )
        new = p * np.einsum("...ij,...j->...i", rows, ratio)
        new /= new.sum(-1, keepdims=True)
        moved, p = np.abs(new - p).max(), new
        if moved < tolerance:
            break
    return p[0] if shape == (1,) else p


def _class_estimate(value: float, draws: np.ndarray, raw: float, n: float, perfect: bool, level: float) -> Estimate:
    low, high = wilson(raw, n, level) if perfect else percentiles(draws, level)
    return Estimate(
        float(value), min(low, float(value)), max(high, float(value)), int(n), plain=float(raw), se=float(draws.std())
    )


def _score_interval(
    q: float, n: float, a0: float, a1: float, var0: float, var1: float, z: float
) -> tuple[float, float]:
    """All p with (q - c - g p)^2 <= z^2 [(c + g p)(1 - c - g p)/n + p^2 var1 + (1 - p)^2 var0]: a quadratic in p."""
    c, g, w = 1 - a0, a1 + a0 - 1, z * z
    square = g * g * (1 + w / n) - w * (var1 + var0)
    linear = -2 * g * (q - c) - w * (g * (1 - 2 * c) / n - 2 * var0)
    constant = (q - c) ** 2 - w * (c * (1 - c) / n + var0)
    root = linear * linear - 4 * square * constant
    if square <= 0 or root < 0:  # the judge is so uncertain that every share is possible
        return 0.0, 1.0
    ends = (-linear + np.array([-1, 1]) * np.sqrt(root)) / (2 * square)
    low, high = np.clip(ends, 0, 1)
    return float(low), float(high)


def _judge(confusion: np.ndarray) -> tuple[float, float, float, float]:
    """Correct rates a0, a1 of the two classes and their variances (smoothed: 100 of 100 is not certainty)."""
    table = _confusion(confusion, 2)
    totals, right = table.sum(1), np.diag(table)
    rates, smooth = right / totals, (right + 0.5) / (totals + 1)
    if rates.sum() <= 1:
        raise ValueError(
            f"confusion: found correct rates {rates.round(3)}, wanted a judge better than chance (sum above 1)"
        )
    var = smooth * (1 - smooth) / totals
    return float(rates[0]), float(rates[1]), float(var[0]), float(var[1])


def _row_draws(table: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    return np.stack([rng.dirichlet(row + 1 / len(row), draws) for row in table], axis=1)  # (draws, C, C)


def _confusion(confusion: np.ndarray, classes: int) -> np.ndarray:
    table = unmasked(confusion, "confusion").astype(np.float64)
    if table.shape != (classes, classes):
        raise ValueError(
            f"confusion: found shape {table.shape}, wanted ({classes}, {classes}): rows truth, columns assigned"
        )
    if not np.isfinite(table).all() or table.min() < 0 or np.any(table != np.round(table)):
        raise ValueError(
            "confusion: found values that are no counts, wanted whole numbers >= 0 (counts, not rates: "
            "the judge's own uncertainty depends on how many images it was tested on)"
        )
    if table.sum(1).min() == 0:
        raise ValueError(
            f"confusion: found no held-out image of class {int(table.sum(1).argmin())}, wanted some of each"
        )
    return table


def _counts(judged: np.ndarray, confusion: np.ndarray | None, classes: int | None = None) -> np.ndarray:
    """Counts per class, from counts (length = classes) or from labels (any other length)."""
    judged = unmasked(judged, "judged")
    classes = classes or (len(np.asarray(confusion)) if confusion is not None else len(judged))
    if judged.ndim == 1 and len(judged) == classes:
        return as_counts(judged, "judged")
    if judged.ndim != 1 or len(judged) == 0 or not (np.issubdtype(judged.dtype, np.integer) or judged.dtype == bool):
        raise ValueError(
            f"judged: found shape {judged.shape} of {judged.dtype}, wanted counts ({classes},) or "
            "whole-number labels (N,)"
        )
    if judged.min() < 0 or judged.max() >= classes:
        raise ValueError(f"judged: found labels from {judged.min()} to {judged.max()}, wanted 0 to {classes - 1}")
    return np.bincount(judged.astype(np.int64), minlength=classes).astype(np.float64)
