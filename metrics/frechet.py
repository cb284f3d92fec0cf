"""Fréchet distance of two sets of features, without its bias, and with an interval.

FD = |m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^(1/2) (Dowson and Landau 1982; FID: Heusel et al. 2017). Its plain value is
too large by about c/N, c unknown, so values at different N cannot be compared. Up to width 512 a block jackknife over
both samples removes that bias; wider features take the same second-order term in closed form (`second_order`).
Known difference to the peers: `plain` equals theirs; `value` is lower, and can be slightly negative where both agree.
"""
import numpy as np

from metrics.checks import as_features, as_weights, same_width
from metrics.estimate import Estimate, around
from metrics.moments import WIDE, Moments, centred, jackknife, moments
from metrics.reference import Reference


def fd(generated: np.ndarray, reference: np.ndarray | Reference, generated_weights: np.ndarray | None = None, *,
       level: float = 0.95) -> Estimate:
    """Fréchet distance of (n, d) to (m, d) features, squared units of the features, 0 = same mean and covariance.

    generated_weights (n,): groups re-weighted to a target mix. Needs n >= d and m >= d.
    """
    generated, reference = as_features(generated, "generated"), Reference.of(reference)
    same_width(generated, reference.features)
    weights = None if generated_weights is None else as_weights(generated_weights, len(generated), "generated_weights")
    for name, n in (("generated", len(generated)), ("reference", len(reference.features))):
        _enough(n, generated.shape[1], name)
    return from_moments(moments(generated, weights), reference.moments, generated, reference, weights, level)


def weighted_fd(generated: np.ndarray, reference: np.ndarray, weights: np.ndarray, *, level: float = 0.95) -> Estimate:
    """FD to a reference weighted by p (m,): wFID of Diversity Weights (Berns et al. 2023)."""
    return fd(generated, Reference(reference, weights), level=level)


def from_moments(a: Moments, b: Moments, generated: np.ndarray, reference: Reference,
                 weights: np.ndarray | None = None, level: float = 0.95) -> Estimate:
    """FD from block sums that are already there (the one-pass suite's way in)."""
    n = min(a.n, b.n)
    if generated.shape[1] > WIDE:
        plain, bias, variance = second_order(generated, a, weights, reference.features, b, reference.weights)
        return around(plain - bias, np.sqrt(variance), n, plain=plain, level=level)
    plain, without_a, without_b = _leave_out(a, b)
    value_a, var_a = jackknife(plain, without_a, a.sizes)
    value_b, var_b = jackknife(plain, without_b, b.sizes)
    dof = (var_a + var_b) ** 2 / max(var_a**2 / (len(a.sizes) - 1) + var_b**2 / (len(b.sizes) - 1), 1e-300)
    return around(value_a + value_b - plain, np.sqrt(var_a + var_b), n, dof=dof, plain=plain, level=level)


def distance(mean1: np.ndarray, cov1: np.ndarray, mean2: np.ndarray, cov2: np.ndarray) -> float:
    """FD of two Gaussians, float64; the trace from the symmetric product L^T S1 L, L L^T = S2."""
    return _with_root(mean1, cov1, mean2, cov2, root(cov2))


def root(covariance: np.ndarray) -> np.ndarray:
    """L with L L^T = covariance (d, d): Cholesky, or by eigenvalues where the covariance is singular."""
    try:
        return np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(covariance)
        return vectors * np.sqrt(np.maximum(values, 0))


def second_order(x: np.ndarray, a: Moments, wx: np.ndarray | None, y: np.ndarray, b: Moments,
                 wy: np.ndarray | None) -> tuple[float, float, float]:
    """Plain FD, its bias to second order, and the variance, in closed form; for features too wide to jackknife.

    With L^T S1 L = V s^2 V^T (L L^T = S2), rows z = (x - m1) L V s^(-1/2) have covariance diag(s), and
    bias_x = tr S1 / n + 1/(2n) sum_ij Var(z_i z_j) / (s_i + s_j); influence of x: 2 (m1 - m2).c + |c|^2 - |z|^2.
    """
    (m1, s1), (m2, s2) = a.mean_and_covariance(), b.mean_and_covariance()
    lower = root(s2)
    squared, vectors = np.linalg.eigh(lower.T @ s1 @ lower)
    s = np.sqrt(np.maximum(squared, 0))
    gap = m1 - m2
    plain = float(gap @ gap + np.trace(s1) + np.trace(s2) - 2 * s.sum())
    use = s > 1e-6 * s.max()
    s, basis = s[use], lower @ vectors[:, use] / np.sqrt(s[use])
    bias_x, var_x = _side(x, wx, m1, basis, s, gap)
    bias_y, var_y = _side(y, wy, m2, s1 @ basis / s, s, -gap)
    return plain, bias_x + bias_y, var_x + var_y


def _side(x: np.ndarray, weights: np.ndarray | None, mean: np.ndarray, basis: np.ndarray, s: np.ndarray,
          gap: np.ndarray) -> tuple[float, float]:
    """What one sample adds to the bias and to the variance."""
    w = as_weights(weights, len(x))
    basis, gap = basis.astype(x.dtype), gap.astype(x.dtype)
    fourth, influence, traces, at = np.zeros((len(s), len(s))), [], 0.0, 0
    for rows in centred(x, mean):
        part, at = w[at:at + len(rows)], at + len(rows)
        z2 = (rows @ basis) ** 2
        length = np.einsum("ij,ij->i", rows, rows)
        influence.append((2 * rows @ gap + length - z2.sum(1)).astype(np.float64))
        root_w = np.sqrt(part)[:, None].astype(x.dtype)
        fourth += (z2 * root_w).T @ (z2 * root_w)
        traces += float(part @ length)
    psi = np.concatenate(influence)
    psi -= w @ psi
    share = float(w @ w)  # 1/n for equal weights
    fourth[np.diag_indices(len(s))] -= s * s
    return share * (traces + 0.5 * float(np.sum(fourth / np.add.outer(s, s)))), float(w * w @ psi**2)


def _leave_out(a: Moments, b: Moments) -> tuple[float, np.ndarray, np.ndarray]:
    """Plain FD and the values without each block of a, and of b."""
    one, two = a.mean_and_covariance(), b.mean_and_covariance()
    root1, root2 = root(one[1]), root(two[1])
    plain = _with_root(*one, *two, root2)
    without_a = [_with_root(*a.mean_and_covariance(i), *two, root2) for i in range(len(a.sizes))]
    without_b = [_with_root(*b.mean_and_covariance(i), *one, root1) for i in range(len(b.sizes))]
    return plain, np.array(without_a), np.array(without_b)


def _with_root(mean1: np.ndarray, cov1: np.ndarray, mean2: np.ndarray, cov2: np.ndarray, root2: np.ndarray) -> float:
    gap = mean1 - mean2
    squared = np.linalg.eigvalsh(root2.T @ cov1 @ root2)
    return float(gap @ gap + np.trace(cov1) + np.trace(cov2) - 2 * np.sqrt(np.maximum(squared, 0)).sum())


def _enough(n: int, d: int, name: str) -> None:
    if n < d:
        raise ValueError(f"{name}: found {n} rows of width {d}, wanted at least {d} rows: below that FD's bias cannot be "
                         "removed; use kd, which is unbiased at every n")
