"""FD's bias and variance for features too wide to jackknife (2,048 of Inception): 40 spectra become 2.

With L^T S1 L = V s^2 V^T (L L^T = S2), rows c = x - m1 and z = c L V s^(-1/2), so that z has covariance diag(s):
- influence of a row: psi = 2 (m1 - m2).c + |c|^2 - |z|^2, which gives the variance;
- second order of FD in a change F of z's covariance: 1/2 sum_ij F_ij^2 / (s_i + s_j), which gives the bias's main part;
- what is left of the block jackknife's bias after these two is so even over the blocks that one block shows it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from retouch.metrics.engine.linear import eigh, eigvalsh, sandwich, times_root
from retouch.metrics.engine.moments import ROWS, Moments, blocks

SMALL = 1e-6  # spectrum below this share of the largest counts as 0


@dataclass(frozen=True)
class Geometry:
    """What both samples' corrections share."""

    s: np.ndarray  # (r,) spectrum of (S1 S2)^(1/2), the small ones left out
    factor: np.ndarray  # (r, nodes) with factor factor^T = 1 / (s_i + s_j)


def plain_and_corrections(
    x: np.ndarray, wx: np.ndarray, a: Moments, y: np.ndarray, wy: np.ndarray, b: Moments, root: np.ndarray
) -> tuple[float, float, float, np.ndarray]:
    """(plain FD, bias, variance, spectrum). Weights (n,), (m,) sum to 1; root (d, d): L L^T = covariance of y."""
    (m1, s1), (m2, _) = a.mean_and_covariance(), b.mean_and_covariance()
    squared, vectors = eigh(sandwich(root, s1))
    s = np.sqrt(np.maximum(squared, 0))
    plain = float((m1 - m2) @ (m1 - m2) + a.trace + b.trace - 2 * s.sum())
    first = np.searchsorted(s, SMALL * s[-1], side="right")
    used = s[first:]
    geometry = Geometry(used, harmonic_factor(used))
    vectors = times_root(root, vectors)[:, first:]
    vectors /= np.sqrt(used)
    basis_x = vectors.astype(x.dtype)
    vectors = s1 @ vectors
    vectors /= used
    basis_y = vectors.astype(y.dtype)
    del vectors
    bias_x, var_x = _side(x, wx, m1, basis_x, m1 - m2, geometry, a.trace)
    bias_y, var_y = _side(y, wy, m2, basis_y, m2 - m1, geometry, b.trace)
    return plain, bias_x + bias_y, var_x + var_y, s


def harmonic_factor(s: np.ndarray, step: float = 0.5) -> np.ndarray:
    """E (r, nodes) with E E^T = 1 / (s_i + s_j), from 1/a = integral of exp(u - a exp(u)) du, a trapezoid sum (error
    3e-9).
    """
    t = np.exp(np.arange(np.log(1e-8 / s.max()), np.log(20 / s.min()), step))
    return np.exp(-np.outer(s, t)) * np.sqrt(step * t)


def _side(
    x: np.ndarray, w: np.ndarray, mean: np.ndarray, basis: np.ndarray, gap: np.ndarray, geometry: Geometry, trace: float
) -> tuple[float, float]:
    """What one sample adds to bias and variance."""
    psi, bend = np.empty(len(x)), 0.0
    factor = geometry.factor.astype(x.dtype)
    for rows, c in _rows(x, mean):
        z2 = np.square(c @ basis)
        length = np.einsum("ij,ij->i", c, c)
        psi[rows] = 2 * c @ gap.astype(x.dtype) + length - z2.sum(1)
        bend += float(w[rows] @ (length + np.square(z2 @ factor).sum(1) / 2))
    psi -= w @ psi
    second = float(w @ w) * (bend - geometry.s.sum() / 4)  # sum_i s_i^2 / (2 s_i) / 2
    rest = _rest(x, w, psi, mean, basis, gap, geometry.s, trace)
    return second + rest, float(w * w @ psi**2)


def _rest(
    x: np.ndarray,
    w: np.ndarray,
    psi: np.ndarray,
    mean: np.ndarray,
    basis: np.ndarray,
    gap: np.ndarray,
    s: np.ndarray,
    trace: float,
) -> float:
    """(B - 1)(FD without a block - FD - linear part - second order)."""
    rows = blocks(len(x))[0]
    part, out = w[rows], w[rows].sum()
    c = x[rows] - mean
    z = (c.astype(x.dtype) @ basis).astype(np.float64)
    shift, z_shift = (part @ c) / (1 - out), (part @ z) / (1 - out)
    size = w @ w
    size_left = (size - part @ part) / (1 - out) ** 2
    root_part = np.vstack([z * np.sqrt(part)[:, None], z_shift * np.sqrt(1 - out)])
    left = root_part.T @ root_part
    left /= (out - 1) * (1 - size_left)
    left[np.diag_indices(len(s))] += (1 - size) / (1 - out) / (1 - size_left) * s  # covariance of z without the block
    trace_left = (((1 - size) * trace - part @ np.square(c).sum(1)) / (1 - out) - shift @ shift) / (1 - size_left)
    second = shift @ shift + 0.5 * _second_order(left, s)
    change = shift @ shift - 2 * gap @ shift + trace_left - trace - 2 * (_spectrum_sum(left, s) - s.sum())
    linear = -(part @ psi[rows]) / (1 - out)
    return float((1 - out) / out * (change - linear - second))


def _second_order(covariance: np.ndarray, s: np.ndarray) -> float:
    """sum_ij F_ij^2 / (s_i + s_j), F = covariance - diag(s); row by row, in the cache."""
    squares = sum(row @ (row / (one + s)) for row, one in zip(covariance, s, strict=True))
    return float(squares - np.trace(covariance) + s.sum() / 2)


def _spectrum_sum(covariance: np.ndarray, s: np.ndarray) -> float:
    """Sum of the spectrum of (diag(s)^1/2 covariance diag(s)^1/2)^1/2; overwrites the covariance."""
    covariance *= np.sqrt(s)
    covariance *= np.sqrt(s)[:, None]
    return float(np.sqrt(np.maximum(eigvalsh(covariance), 0)).sum())


def _rows(x: np.ndarray, mean: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    mean = mean.astype(x.dtype)
    for start in range(0, len(x), ROWS):
        rows = slice(start, min(start + ROWS, len(x)))
        yield rows, x[rows] - mean
