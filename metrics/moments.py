"""Means and second moments of features, by block, so that one pass serves the value, its bias and its interval.

Sums are taken about a centre near the mean: float32 features with a large offset would cancel otherwise. For features
wider than `WIDE` only the total is kept (20 blocks of 2,048 x 2,048 would fill 670 MB); see `frechet` for what replaces them.
"""
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

BLOCKS = 20
WIDE = 512  # beyond this width: one total instead of 20 blocks
ROWS = 1000  # rows held in float64 at a time


@dataclass(frozen=True)
class Moments:
    """Weighted sums about `centre` over B blocks of n rows of width d, all float64."""

    n: int
    sizes: np.ndarray  # (B,) rows
    mass: np.ndarray  # (B,) sum of weights
    mass2: np.ndarray  # (B,) sum of squared weights
    centre: np.ndarray  # (d,)
    sums: np.ndarray  # (B, d) sum of w (x - centre)
    squares: np.ndarray  # (B, d, d) sum of w (x - centre)(x - centre)^T

    def mean_and_covariance(self, without: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Mean (d,) and unbiased covariance (d, d), as numpy.cov(aweights=w); `without` leaves one block out."""
        keep = [part.sum(0) for part in (self.mass, self.mass2, self.sums, self.squares)]
        if without is not None:
            keep = [total - part[without] for total, part in
                    zip(keep, (self.mass, self.mass2, self.sums, self.squares), strict=True)]
        mass, mass2, sums, squares = keep
        covariance = (squares - np.outer(sums, sums) / mass) / (mass - mass2 / mass)
        return self.centre + sums / mass, covariance


def blocks(n: int, count: int = BLOCKS) -> list[np.ndarray]:
    """`count` random blocks of row numbers, always the same for one n: files are often sorted, rows of a block are not."""
    return np.array_split(np.random.default_rng(0).permutation(n), min(count, n))


def moments(features: np.ndarray, weights: np.ndarray | None = None) -> Moments:
    """Block sums of (n, d) features; weights (n,) >= 0, None for equal ones."""
    n, d = features.shape
    centre = features.mean(0, dtype=np.float64).astype(features.dtype).astype(np.float64)
    wide = d > WIDE
    parts = [_sums(features, rows, centre, weights) for rows in blocks(n)]
    sizes = np.array([len(rows) for rows in blocks(n)])
    mass, mass2, sums = (np.array([p[i] for p in parts]) for i in range(3))
    squares = total_square(features, centre, weights)[None] if wide else np.stack([p[3] for p in parts])
    if wide:
        sizes, mass, mass2, sums = (a.sum(0, keepdims=True) for a in (sizes, mass, mass2, sums))
    return Moments(n, sizes, mass, mass2, centre, sums, squares)


def centred(features: np.ndarray, centre: np.ndarray) -> Iterator[np.ndarray]:
    """Row chunks of features - centre, in the features' own precision."""
    centre = centre.astype(features.dtype)
    for start in range(0, len(features), ROWS):
        yield features[start:start + ROWS] - centre


def total_square(features: np.ndarray, centre: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Sum of w (x - centre)(x - centre)^T (d, d): products of 1,000 rows in the input's precision, added in float64."""
    total = np.zeros((features.shape[1],) * 2)
    for i, rows in enumerate(centred(features, centre)):
        if weights is not None:
            rows = rows * np.sqrt(weights[i * ROWS:i * ROWS + len(rows), None]).astype(rows.dtype)
        total += rows.T @ rows  # numpy takes the symmetric product, half the work
    return total


def _sums(features: np.ndarray, rows: np.ndarray, centre: np.ndarray, weights: np.ndarray | None) -> tuple:
    w = np.ones(len(rows)) if weights is None else weights[rows]
    part = features[rows] - centre  # float64
    wide = features.shape[1] > WIDE
    root = part * np.sqrt(w)[:, None]
    return w.sum(), (w * w).sum(), w @ part, None if wide else root.T @ root


def jackknife(full: float, without: np.ndarray, sizes: np.ndarray) -> tuple[float, float]:
    """Bias-free value and its variance from leave-one-block-out values (B,), blocks of any sizes (Busing et al. 1999)."""
    n, count = sizes.sum(), len(sizes)
    h = n / sizes
    value = count * full - np.sum((1 - sizes / n) * without)
    pseudo = h * full - (h - 1) * without
    return float(value), float(np.mean((pseudo - value) ** 2 / (h - 1)))
