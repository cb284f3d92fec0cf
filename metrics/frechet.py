"""Fréchet distance of two sets of features, without its bias, and with an interval.

FD = |m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^(1/2) (Dowson and Landau 1982; FID: Heusel et al. 2017). Its plain
value is too large by about c/N, c unknown, so values at different N cannot be compared. Up to width 512 a block
jackknife over both samples removes that bias; for wider features see `engine.fd_wide`.
Known difference to the peers: `plain` equals theirs; `value` is lower, and can be slightly negative where both agree.
"""

from typing import Protocol

import numpy as np

from retouch.metrics.checks import as_features, as_weights, same_width
from retouch.metrics.engine.fd_wide import plain_and_corrections
from retouch.metrics.engine.linear import eigvalsh, root, sandwich
from retouch.metrics.engine.moments import WIDE, Moments, jackknife, moments
from retouch.metrics.engine.reference import Reference
from retouch.metrics.estimate import Estimate, t_value, z_value
from retouch.metrics.vendi_weights import effective_sample_size


def fd(
    generated: np.ndarray,
    reference: np.ndarray | Reference,
    generated_weights: np.ndarray | None = None,
    *,
    level: float = 0.95,
) -> Estimate:
    """Fréchet distance of (n, d) to (m, d) features, squared units of the features, 0 = same mean and covariance.

    generated_weights (n,): groups re-weighted to a target mix. Needs n >= d and m >= d (2 d beyond 512
    features); of weighted rows the effective number 1 / sum p^2.
    """
    generated, reference = as_features(generated, "generated"), Reference.of(reference)
    same_width(generated, reference.features)
    weights = None
    if generated_weights is not None:
        weights = as_weights(generated_weights, len(generated), "generated_weights")
        generated, weights = generated[weights > 0], weights[weights > 0]  # a block without weight has no moments
    _enough(generated, weights, "generated")
    _enough(reference.features, reference.weights, "reference")
    return from_moments(moments(generated, weights), reference.moments, generated, reference, weights, level)


def weighted_fd(generated: np.ndarray, reference: np.ndarray, weights: np.ndarray, *, level: float = 0.95) -> Estimate:
    """FD to a reference weighted by p (m,): wFID of Diversity Weights (Berns et al. 2023)."""
    features = as_features(reference, "reference")
    p = as_weights(weights, len(features), "reference weights")
    return fd(generated, Reference(features[p > 0], p[p > 0]), level=level)


def from_moments(
    a: Moments,
    b: Moments,
    generated: np.ndarray,
    reference: Reference,
    weights: np.ndarray | None = None,
    level: float = 0.95,
) -> Estimate:
    """FD from block sums that the caller has: the one-pass suite computes them once for several metrics."""
    if generated.shape[1] > WIDE:
        y, dof = reference.features, float("inf")
        plain, bias, variance, s = plain_and_corrections(
            generated,
            as_weights(weights, len(generated)),
            a,
            y,
            as_weights(reference.weights, len(y)),
            b,
            reference.root,
        )
    else:
        plain, bias, variance, dof, s = jackknifed(a, b)
    second = degenerate_variance(s, a.inverse_size + b.inverse_size)
    n = min(round(1 / a.inverse_size), round(1 / b.inverse_size))
    return estimate(plain, plain - bias, variance, second, dof, n, level)


def estimate(plain: float, value: float, variance: float, second: float, dof: float, n: int, level: float) -> Estimate:
    """The value with its interval; `second`, the variance of FD's second-order part, is in `variance` twice.

    The first-order part of the variance is proportional to the distance, so the upper end is the largest t with
    |value - t| <= q se(t), se(t)^2 = second + slope t. With value + q se intervals of a lost rare mode, whose few
    images in the reference vary in number, end below the truth: they covered 88% in the place of 93%.
    """
    q = z_value(level) if np.isinf(dof) else t_value(dof, level)
    se = np.sqrt(max(variance - second, second))
    slope = max(variance - 2 * second, 0.0) / max(value, q * se, np.finfo(float).tiny)
    bend = q * slope / 2
    high = value + q * (bend + np.sqrt(max(second + slope * value + bend**2, 0.0)))
    return Estimate(value, value - q * se, max(high, value + q * se), n, plain, se=se)


def distance(mean1: np.ndarray, cov1: np.ndarray, mean2: np.ndarray, cov2: np.ndarray) -> float:
    """FD of two Gaussians, float64; the trace from the symmetric product L^T S1 L, L L^T = S2."""
    return _with_root(mean1, cov1, mean2, cov2, root(cov2))[0]


class Blocks(Protocol):
    """A sample's moments, of which one of several blocks can be left out."""

    @property
    def sizes(self) -> np.ndarray:
        """(B,) rows of each block."""
        ...

    def mean_and_covariance(self, without: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Mean (d,) and covariance (d, d)."""
        ...


def jackknifed(a: Blocks, b: Blocks) -> tuple[float, float, float, float, np.ndarray]:
    """(plain, bias, variance, degrees of freedom, spectrum) by leaving out each block of either sample."""
    first, second = a.mean_and_covariance(), b.mean_and_covariance()
    root1, root2 = root(first[1]), root(second[1])
    plain, s = _with_root(*first, *second, root2)
    without_a = [_with_root(*a.mean_and_covariance(i), *second, root2)[0] for i in range(len(a.sizes))]
    without_b = [_with_root(*b.mean_and_covariance(i), *first, root1)[0] for i in range(len(b.sizes))]
    value_a, var_a = jackknife(plain, np.array(without_a), a.sizes)
    value_b, var_b = jackknife(plain, np.array(without_b), b.sizes)
    dof = (var_a + var_b) ** 2 / max(var_a**2 / (len(a.sizes) - 1) + var_b**2 / (len(b.sizes) - 1), 1e-300)
    return plain, 2 * plain - value_a - value_b, var_a + var_b, dof, s


def degenerate_variance(s: np.ndarray, size: float, between: np.ndarray | None = None) -> float:
    """Variance of FD's second-order part |h|^2 + 1/2 sum_ij F_ij^2 / (s_i + s_j) for Gaussians that agree.

    h, F: differences of the means and covariances, with variances size (s_i - b_i) and size (s_i s_j - b_i b_j) (twice
    that for i = j), size = 1/n + 1/m. s (d,): spectrum of (S1 S2)^(1/2); b (d,): the part of it that does not vary,
    between the groups of a stratified sample.
    """
    b = np.zeros_like(s) if between is None else between
    rows = (((s_i * s - b_i * b) / np.maximum(s_i + s, 1e-300)) ** 2 for s_i, b_i in zip(s, b, strict=True))
    diagonal = ((s**2 - b**2) / np.maximum(2 * s, 1e-300)) ** 2
    return float(size**2 * (sum(row.sum() for row in rows) + diagonal.sum() + 2 * np.sum((s - b) ** 2)))


def _with_root(
    mean1: np.ndarray, cov1: np.ndarray, mean2: np.ndarray, cov2: np.ndarray, root2: np.ndarray
) -> tuple[float, np.ndarray]:
    """FD, and the spectrum of (S1 S2)^(1/2)."""
    gap = mean1 - mean2
    s = np.sqrt(np.maximum(eigvalsh(sandwich(root2, cov1)), 0))
    return float(gap @ gap + np.trace(cov1) + np.trace(cov2) - 2 * s.sum()), s


def rows_worth(n: int, weights: np.ndarray | None) -> int:
    """How many rows of equal weight n rows of these weights amount to."""
    return n if weights is None else round(effective_sample_size(weights))


def least_rows(d: int) -> int:
    """Rows that FD of d features needs: d; beyond the jackknife's width 2 d, since near d intervals covered 8-17%."""
    return d if d <= WIDE else 2 * d


def _enough(features: np.ndarray, weights: np.ndarray | None, name: str) -> None:
    (n, d), worth = features.shape, rows_worth(len(features), weights)
    rows = f"{name}: found {n} rows of width {d}" + ("" if weights is None else f", by their weights worth {worth}")
    if worth < 4:
        raise ValueError(f"{rows}, wanted at least 4 for an interval")
    if worth < least_rows(d):
        raise ValueError(
            f"{rows}, wanted at least {least_rows(d)} rows: below that FD's bias cannot be removed; use "
            "kd, which is unbiased at every n"
        )
