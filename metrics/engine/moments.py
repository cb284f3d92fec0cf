"""Means and covariances of features from sums over blocks of rows: one pass serves value, bias and interval of FD.

Symbols. w_i: weights; W = sum w_i, Q = sum w_i^2; a: a centre near the mean; u_i = x_i - a; t = sum w_i u_i,
T = sum w_i u_i u_i^T. W, Q, t and T add up over blocks, and

(1)  mean = a + t / W
(2)  covariance = (T - t t^T / W) / (W - Q / W)      unbiased; numpy.cov(aweights=w)

Sums are taken about the centre a since float32 features with a large offset would cancel otherwise. Of features wider
than `WIDE` only the total is kept (20 blocks of 2,048 x 2,048 would fill 670 MB); `fd_wide` does without blocks.
"""

from dataclasses import dataclass

import numpy as np

BLOCKS = 20
WIDE = 512  # beyond this width: one total instead of 20 blocks
ROWS = 2000  # rows worked on at a time


@dataclass(frozen=True)
class Moments:
    """Sums of n rows of width d over B blocks, float64. If B = 1, `centre` is the mean and `squares` the covariance."""

    n: int
    sizes: np.ndarray  # (B,) rows
    mass: np.ndarray  # (B,) W
    mass2: np.ndarray  # (B,) Q
    centre: np.ndarray  # (d,) a
    sums: np.ndarray  # (B, d) t
    squares: np.ndarray  # (B, d, d) T

    @property
    def inverse_size(self) -> float:
        """Q / W^2, 1/n for equal weights: the variance of a weighted mean in units of a row's."""
        return float(self.mass2.sum() / self.mass.sum() ** 2)

    def mean_and_covariance(self, without: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Mean (d,) and unbiased covariance (d, d); `without` leaves one block out."""
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
        mean = self.centre + sums / mass  # (1)
        return mean, (squares - np.outer(sums, sums) / mass) / (mass - mass2 / mass)  # (2)


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


def _sums(u: np.ndarray, w: np.ndarray) -> tuple[float, float, np.ndarray, np.ndarray]:
    """W, Q, t, T of one block."""
    root_part = u * np.sqrt(w)[:, None]
    return w.sum(), w @ w, w @ u, root_part.T @ root_part  # numpy takes the symmetric product, half the work


def _total(features: np.ndarray, w: np.ndarray, weights: np.ndarray | None) -> Moments:
    """Mean and covariance as a single block: products of `ROWS` rows in the input's precision, added in float64."""
    n, d = features.shape
    mean = np.average(features, 0, weights) if weights is not None else features.mean(0, dtype=np.float64)
    shift = mean.astype(features.dtype)  # a, the mean as the input's precision has it
    square, rounding = np.zeros((d, d)), np.zeros(d)
    for start in range(0, n, ROWS):
        rows, part = features[start : start + ROWS] - shift, w[start : start + ROWS]
        rounding += part @ rows  # t: what the mean's rounding has left over
        if weights is not None:
            rows *= np.sqrt(part)[:, None].astype(rows.dtype)
        square += rows.T @ rows
    mass, mass2 = w.sum(), w @ w
    for row, value in zip(square, rounding / mass, strict=True):  # (2), row by row: no second (d, d) matrix
        row -= value * rounding
    square /= mass - mass2 / mass
    return Moments(n, np.array([n]), np.array([mass]), np.array([mass2]), mean, np.zeros((1, d)), square[None])


def jackknife(full: float, without: np.ndarray, sizes: np.ndarray) -> tuple[float, float]:
    """Bias-free value and its variance from leave-one-block-out values (B,), blocks of any sizes (Busing et al. 1999).

    With v the value of all n rows, v_b without block b of n_b rows, and h_b = n / n_b:
    value = B v - sum_b (1 - 1/h_b) v_b; pseudo-values p_b = h_b v - (h_b - 1) v_b;
    variance = 1/B sum_b (p_b - value)^2 / (h_b - 1).
    """
    n, count = sizes.sum(), len(sizes)
    h = n / sizes
    value = count * full - np.sum((1 - sizes / n) * without)
    pseudo = h * full - (h - 1) * without
    return float(value), float(np.mean((pseudo - value) ** 2 / (h - 1)))
