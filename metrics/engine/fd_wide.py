"""Bias and variance of FD for wide features (2,048 of Inception), where a jackknife over 20 blocks costs too much.

The block jackknife of `frechet` needs a spectrum for each block left out, 40 in all; the formulas below need two, and
one more for each sample. They are the delta method: FD as a function of the samples' moments, expanded to second order.

Symbols. m1, m2, S1, S2: means and covariances. g = m1 - m2. L: S2 = L L^T. s, V: L^T S1 L = V diag(s)^2 V^T, so that
s is the spectrum of (S1 S2)^(1/2). For a row x of weight w (sum w = 1): c = x - m1 and z = diag(s)^(-1/2) V^T L^T c,
which has the covariance diag(s). In these coordinates a change of S1 changes cov(z) = diag(s) by a matrix F, and

(1)  FD = |g|^2 + tr S1 + tr S2 - 2 sum_i s_i                               (Dowson and Landau 1982)
(2)  psi = 2 g.c + |c|^2 - |z|^2, less its mean: a row's influence on FD    (first derivative of (1))
(3)  var FD = sum w^2 psi^2                                                 (Hampel 1974)
(4)  q(h, F) = |h|^2 + 1/2 sum_ij F_ij^2 / (s_i + s_j): second-order part of FD for a change h of m1 and F of cov(z)
(5)  E q = sum w^2 (E|c|^2 + 1/2 sum_ij E z_i^2 z_j^2 / (s_i + s_j) - 1/4 sum_i s_i): the bias to second order
(6)  what the bias has beyond (5): one block is left out, FD computed in full, its terms (2) and (4) taken off, and the
     remainder scaled as the block jackknife scales it. It varies so little that one block is enough.

The same holds for the second sample with both samples' roles exchanged.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from retouch.metrics.engine.linear import eigh, eigvalsh, sandwich, times_root
from retouch.metrics.engine.moments import BLOCKS, ROWS, Moments, blocks

SAMPLE = 5000  # rows of which the corrections are made: means over rows, whose own error is small beside (3)
SMALL = 1e-6  # spectrum below this share of the largest counts as 0


@dataclass(frozen=True)
class Spectrum:
    """What the corrections of both samples share."""

    s: np.ndarray  # (r,) spectrum of (S1 S2)^(1/2), without its zeros
    factor: np.ndarray  # (r, nodes) with factor factor^T = 1 / (s_i + s_j)


@dataclass(frozen=True)
class Sample:
    """One sample and its way into the coordinates z."""

    rows: np.ndarray  # (r, d), all n or some of them
    weights: np.ndarray  # (r,), sum 1
    size: float  # sum w^2 of all n
    mean: np.ndarray  # (d,)
    trace: float  # of its covariance
    gap: np.ndarray  # (d,) its mean minus the other sample's
    basis: np.ndarray  # (d, r) with z = basis^T c

    @property
    def part(self) -> float:
        """r / n, 1 if these are all rows: what turns a row's weight here into its weight among all."""
        return self.size / float(self.weights @ self.weights)


def plain_and_corrections(
    x: np.ndarray, wx: np.ndarray, a: Moments, y: np.ndarray, wy: np.ndarray, b: Moments, root: np.ndarray
) -> tuple[float, float, float, np.ndarray]:
    """(plain FD, bias, variance, spectrum). Weights of rows sum to 1; root (d, d): L L^T = covariance of y.

    The moments are those of all rows; of x and y, which may be samples of them, SAMPLE are enough for the corrections.
    """
    (m1, s1), (m2, _) = a.mean_and_covariance(), b.mean_and_covariance()
    squared, vectors = eigh(sandwich(root, s1))  # L^T S1 L = V s^2 V^T
    s = np.sqrt(np.maximum(squared, 0))
    plain = float((m1 - m2) @ (m1 - m2) + a.trace + b.trace - 2 * s.sum())  # (1)
    first = np.searchsorted(s, SMALL * s[-1], side="right")
    used = s[first:]
    spectrum = Spectrum(used, harmonic_factor(used))
    vectors = times_root(root, vectors)[:, first:]
    vectors /= np.sqrt(used)  # L V s^(-1/2): z of x
    basis_x = vectors.astype(x.dtype)
    vectors = s1 @ vectors
    vectors /= used  # S1 L V s^(-3/2): z of y, also with covariance diag(s)
    basis_y = vectors.astype(y.dtype)
    del vectors
    bias_x, var_x = _corrections(Sample(*_some(x, wx), a.inverse_size, m1, a.trace, m1 - m2, basis_x), spectrum)
    bias_y, var_y = _corrections(Sample(*_some(y, wy), b.inverse_size, m2, b.trace, m2 - m1, basis_y), spectrum)
    return plain, bias_x + bias_y, var_x + var_y, s


def _some(rows: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """At most SAMPLE of the rows (r, d), and their weights (r,), sum 1."""
    if len(rows) <= SAMPLE:
        return rows, weights
    some = np.sort(np.random.default_rng(0).permutation(len(rows))[:SAMPLE])
    return rows[some], weights[some] / weights[some].sum()


def harmonic_factor(s: np.ndarray, step: float = 0.5) -> np.ndarray:
    """E (r, nodes) with E E^T = 1 / (s_i + s_j): 1/a = integral of exp(u - a exp(u)) du as a trapezoid sum, error 3e-9.

    With it sum_ij z_i^2 z_j^2 / (s_i + s_j) = |E^T z^2|^2: products with a few dozen nodes in the place of r^2 terms.
    """
    t = np.exp(np.arange(np.log(1e-8 / s.max()), np.log(20 / s.min()), step))
    return np.exp(-np.outer(s, t)) * np.sqrt(step * t)


def _corrections(sample: Sample, spectrum: Spectrum) -> tuple[float, float]:
    """What one sample adds to FD's bias and to its variance."""
    x, w = sample.rows, sample.weights
    psi, bend = np.empty(len(x)), 0.0
    factor = spectrum.factor.astype(x.dtype)
    for rows, c in _centred(x, sample.mean):
        z2 = np.square(c @ sample.basis)
        length = np.einsum("ij,ij->i", c, c)
        psi[rows] = 2 * c @ sample.gap.astype(x.dtype) + length - z2.sum(1)  # (2)
        bend += float(w[rows] @ (length + np.square(z2 @ factor).sum(1) / 2))  # (5), what the rows add
    psi -= w @ psi
    second = sample.size * (bend - spectrum.s.sum() / 4)  # (5); sum_i s_i / 4 = 1/2 sum_i (E z_i^2)^2 / (s_i + s_i)
    variance = sample.part * float(w * w @ psi**2)  # (3)
    return second + _beyond_second_order(sample, psi, spectrum.s), variance


def _beyond_second_order(sample: Sample, psi: np.ndarray, s: np.ndarray) -> float:
    """(6): (B - 1) (FD without a block - FD - its linear part - its second-order part)."""
    rows = blocks(len(sample.rows), max(2, round(BLOCKS * sample.part)))[0]
    part = sample.part * sample.weights[rows]  # the block's weights
    out = part.sum()  # 1/B, or less where so few rows are here
    c = sample.rows[rows] - sample.mean
    z = (c.astype(sample.rows.dtype) @ sample.basis).astype(np.float64)
    shift, z_shift = (part @ c) / (1 - out), (part @ z) / (1 - out)  # mean - mean without the block
    size = sample.size  # sum w^2, of which the unbiased covariance knows: S = sum w c c^T / (1 - size)
    size_left = (size - part @ part) / (1 - out) ** 2
    root_part = np.vstack([z * np.sqrt(part)[:, None], z_shift * np.sqrt(1 - out)])
    left = root_part.T @ root_part
    left /= (out - 1) * (1 - size_left)
    left[np.diag_indices(len(s))] += (1 - size) / (1 - out) / (1 - size_left) * s  # cov(z) without the block
    kept = (1 - size) * sample.trace - part @ np.square(c).sum(1)
    trace_left = (kept / (1 - out) - shift @ shift) / (1 - size_left)
    second = shift @ shift + 0.5 * _harmonic_square(left, s)  # (4)
    moved = shift @ shift - 2 * sample.gap @ shift  # |g - shift|^2 - |g|^2
    change = moved + trace_left - sample.trace - 2 * (_root_sum(left, s) - s.sum())  # (1) without the block, less (1)
    linear = -(part @ psi[rows]) / (1 - out)  # (2), mean over the rows that stay
    return float((1 - out) / out * (change - linear - second))


def _harmonic_square(covariance: np.ndarray, s: np.ndarray) -> float:
    """sum_ij F_ij^2 / (s_i + s_j), F = covariance - diag(s); row by row, in the cache."""
    squares = sum(row @ (row / (s_i + s)) for row, s_i in zip(covariance, s, strict=True))
    return float(squares - np.trace(covariance) + s.sum() / 2)


def _root_sum(covariance: np.ndarray, s: np.ndarray) -> float:
    """tr (diag(s)^(1/2) covariance diag(s)^(1/2))^(1/2); overwrites the covariance."""
    covariance *= np.sqrt(s)
    covariance *= np.sqrt(s)[:, None]
    return float(np.sqrt(np.maximum(eigvalsh(covariance), 0)).sum())


def _centred(x: np.ndarray, mean: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """The rows minus their mean, some at a time."""
    mean = mean.astype(x.dtype)
    for start in range(0, len(x), ROWS):
        rows = slice(start, min(start + ROWS, len(x)))
        yield rows, x[rows] - mean
