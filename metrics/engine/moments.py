"""Means and second moments of features, by block, so that one pass serves the value, its bias and its interval.

Sums are taken about a centre near the mean: float32 features with a large offset would cancel otherwise. For features
wider than `WIDE` only the total is kept (20 blocks of 2,048 x 2,048 would fill 670 MB); see `wide` for what replaces
them.
"""

from dataclasses import dataclass

import numpy as np

BLOCKS = 20
WIDE = 512  # beyond this width: one total instead of 20 blocks
ROWS = 2000  # rows worked on at a time


@dataclass(frozen=True)
class Moments:
    """Weighted sums about `centre` over B blocks of n rows of width d, all float64."""

    n: int
    sizes: np.ndarray  # (B,) rows
    mass: np.ndarray  # (B,) sum of weights
    mass2: np.ndarray  # (B,) sum of squared weights
    centre: np.ndarray  # (d,)
    sums: np.ndarray  # (B, d) sum of w (x - centre)
    # (B, d, d) sum of w (x - centre)(x - centre)^T; if B = 1: centre is the mean, this the covariance
    squares: np.ndarray

    @property
    def inverse_size(self) -> float:
        """1/n, or the sum of squared weights: the variance of a weighted mean."""
        return float(self.mass2.sum() / self.mass.sum() ** 2)

    def mean_and_covariance(self, without: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Mean (d,) and unbiased covariance (d, d), as numpy.cov(aweights=w); `without` leaves one block out."""
        if len(self.sizes) == 1:
            return self.centre, self.squares[0]
        parts = (self.mass, self.mass2, self.sums, self.squares)
        if without is None:
            return self._finish(*(part.sum(0) for part in parts))
        return self._finish(*(part.sum(0) - part[without] for part in parts))

    @property
    def trace(self) -> float:
        """Trace of the covariance."""
        return float(np.trace(self.mean_and_covariance()[1]))

    def _finish(
        self, mass: float, mass2: float, sums: np.ndarray, squares: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        return self.centre + sums / mass, (squares - np.outer(sums, sums) / mass) / (mass - mass2 / mass)


def blocks(n: int, count: int = BLOCKS) -> list[np.ndarray]:
    """`count` random blocks of row numbers, the same for every call: files are often sorted, a block's rows are not."""
    return np.array_split(np.random.default_rng(0).permutation(n), min(count, n))


def moments(features: np.ndarray, weights: np.ndarray | None = None) -> Moments:
    """Block sums of (n, d) features; weights (n,) >= 0, None for equal ones."""
    n, d = features.shape
    w = np.ones(n) if weights is None else weights
    if d > WIDE:
        return _total(features, w, weights)
    centre = features.mean(0, dtype=np.float64)
    parts = [_sums(features[rows] - centre, w[rows]) for rows in blocks(n)]
    mass, mass2, sums, squares = (np.array([part[i] for part in parts]) for i in range(4))
    return Moments(n, np.array([len(rows) for rows in blocks(n)]), mass, mass2, centre, sums, squares)


def _sums(part: np.ndarray, w: np.ndarray) -> tuple[float, float, np.ndarray, np.ndarray]:
    root_part = part * np.sqrt(w)[:, None]
    return w.sum(), w @ w, w @ part, root_part.T @ root_part  # numpy takes the symmetric product, half the work


def _total(features: np.ndarray, w: np.ndarray, weights: np.ndarray | None) -> Moments:
    """Mean and covariance in the fields of one block: products of 1,000 rows in the input's precision, added in
    float64.
    """
    n, d = features.shape
    mean = np.average(features, 0, weights) if weights is not None else features.mean(0, dtype=np.float64)
    shift = mean.astype(features.dtype)
    square, left = np.zeros((d, d)), np.zeros(d)
    for start in range(0, n, ROWS):
        rows, part = features[start : start + ROWS] - shift, w[start : start + ROWS]
        left += part @ rows  # what the mean's rounding left over
        if weights is not None:
            rows *= np.sqrt(part)[:, None].astype(rows.dtype)
        square += rows.T @ rows
    mass, mass2 = w.sum(), w @ w
    for row, value in zip(square, left / mass, strict=True):
        row -= value * left
    square /= mass - mass2 / mass
    return Moments(n, np.array([n]), np.array([mass]), np.array([mass2]), mean, np.zeros((1, d)), square[None])


def jackknife(full: float, without: np.ndarray, sizes: np.ndarray) -> tuple[float, float]:
    """Bias-free value and its variance from leave-one-block-out values (B,), blocks of any sizes (Busing et al.
    1999).
    """
    n, count = sizes.sum(), len(sizes)
    h = n / sizes
    value = count * full - np.sum((1 - sizes / n) * without)
    pseudo = h * full - (h - 1) * without
    return float(value), float(np.mean((pseudo - value) ** 2 / (h - 1)))
