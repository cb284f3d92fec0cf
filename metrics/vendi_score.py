"""Vendi score: the effective number of different images (Friedman and Dieng 2023; orders q: Pasarkar and Dieng 2024).

VS_q = exp of the order-q entropy of the eigenvalues of K/n, K the cosine kernel. These are the eigenvalues of the d x d
second moment of the normalised features, S = sum_i p_i x_i x_i^T, which also serves weights p. The plain value grows
with n; `value` is freed of the first-order part of that by a block jackknife of ln VS (up to width 512) or in closed
form (wider). Compare equal n only, all the same. Known difference to vendi-score 0.0.3: its score_X ignores q.
"""

import numpy as np

from retouch.metrics.checks import as_features, as_weights
from retouch.metrics.engine.linear import eigh
from retouch.metrics.engine.moments import ROWS, WIDE, blocks, jackknife
from retouch.metrics.estimate import Estimate, t_value, z_value

TINY = 1e-12  # eigenvalues below this share of the largest count as 0
BAND = 100  # rows of a d x d matrix worked on at a time: they stay in the cache


def vendi(
    features: np.ndarray, order: float = 1, weights: np.ndarray | None = None, *, level: float = 0.95
) -> Estimate:
    """Vendi score of (n, d) features, in [1, d]; order 1 is the usual one, small orders stress the rare."""
    return vendis(features, (order,), weights, level=level)[order]


def vendis(
    features: np.ndarray,
    orders: tuple[float, ...] = (0.5, 1, 2, np.inf),
    weights: np.ndarray | None = None,
    *,
    level: float = 0.95,
) -> dict[float, Estimate]:
    """Vendi scores of all orders from one spectrum."""
    for order in orders:
        if not order > 0:
            raise ValueError(f"order: found {order}, wanted a number above 0 (infinity is allowed)")
    features = as_features(features, "features")
    x = _narrow(features)
    p = as_weights(weights, len(x))
    parts = _wide(x, p, orders) if x.shape[1] > WIDE else _jackknifed(normalised(x), p, orders)
    return {
        order: _estimate(*part, n=len(x), most=features.shape[1], level=level)
        for order, part in zip(orders, parts, strict=True)
    }


def vendis_of_sums(
    angles: np.ndarray, counts: np.ndarray, rows: np.ndarray, orders: tuple[float, ...], *, level: float = 0.95
) -> dict[float, Estimate]:
    """The same from sums over all rows, which were not kept: a `Stream`'s.

    angles (B, d, d): sum of x x^T over each block's rows at length 1; counts (B,): their number; rows (r, d): a sample
    of them, of which the corrections are made beyond the jackknife's width.
    """
    n, used = int(counts.sum()), counts > 0
    if rows.shape[1] > WIDE:
        parts = _wide(rows, as_weights(None, len(rows)), orders, angles[0] / n, 1 / n)
    else:
        parts = _from_parts(angles[used] / n, counts[used], orders)
    return {
        order: _estimate(*part, n=n, most=rows.shape[1], level=level) for order, part in zip(orders, parts, strict=True)
    }


def weighted_vendi(features: np.ndarray, weights: np.ndarray, order: float = 1) -> float:
    """Plain Vendi score under weights p (n,): exp entropy of the spectrum of diag(sqrt p) K diag(sqrt p)."""
    x = normalised(features)
    return float(np.exp(log_vendi(np.linalg.eigvalsh(second_moment(x, as_weights(weights, len(x)))), order)))


def vendi_gradient(features: np.ndarray, weights: np.ndarray) -> tuple[float, np.ndarray]:
    """ln VS (order 1) and its gradient in the weights (n,): d ln VS / d p_i = -x_i^T (ln S + I) x_i."""
    x = normalised(features).astype(np.float64)
    values, vectors = np.linalg.eigh(second_moment(x, as_weights(weights, len(x))))
    logs = np.log(np.maximum(values, TINY * values[-1]))
    return log_vendi(values, 1), -((x @ vectors) ** 2 @ (logs + 1))


def normalised(features: np.ndarray) -> np.ndarray:
    """Rows of length 1, in the input's precision."""
    features = as_features(features, "features")
    return features / _lengths(features)[:, None].astype(features.dtype)


def _lengths(x: np.ndarray) -> np.ndarray:
    length = np.sqrt(np.einsum("ij,ij->i", x, x, dtype=np.float64))
    if length.min() == 0:
        raise ValueError(
            f"features: found a row of zeros ({int(length.argmin())}), wanted rows with a direction: the "
            "Vendi score compares angles"
        )
    return length


def second_moment(x: np.ndarray, p: np.ndarray) -> np.ndarray:
    """sum_i p_i x_i x_i^T (d, d), float64 sums of products in the input's precision."""
    total = np.zeros((x.shape[1],) * 2)
    for start in range(0, len(x), ROWS):
        rows = x[start : start + ROWS] * np.sqrt(p[start : start + ROWS, None]).astype(x.dtype)
        total += rows.T @ rows
    return total


def log_vendi(values: np.ndarray, order: float) -> float:
    """Order-q entropy (nats) of a spectrum (d,), normalised to sum 1."""
    values = values[values > TINY * values.max()]
    values = values / values.sum()
    if order == 1:
        return float(-np.sum(values * np.log(values)))
    if np.isinf(order):
        return float(-np.log(values.max()))
    return float(np.log(np.sum(values**order)) / (1 - order))


def _narrow(x: np.ndarray) -> np.ndarray:
    """Features with the same inner products in n columns, where there are fewer rows than columns."""
    if len(x) >= x.shape[1]:
        return x
    x = normalised(x.astype(np.float64))  # small orders read small eigenvalues, which float32 products drown
    values, vectors = eigh(x @ x.T)
    return vectors * np.sqrt(np.maximum(values, 0))


def _jackknifed(x: np.ndarray, p: np.ndarray, orders: tuple[float, ...]) -> list[tuple[float, float, float, float]]:
    """(plain, bias-free, variance, degrees of freedom) of ln VS for each order."""
    rows = blocks(len(x))
    sizes = np.array([len(r) for r in rows])
    return _from_parts(np.stack([second_moment(x[r].astype(np.float64), p[r]) for r in rows]), sizes, orders)


def _from_parts(
    parts: np.ndarray, sizes: np.ndarray, orders: tuple[float, ...]
) -> list[tuple[float, float, float, float]]:
    """The same from each block's share of the second moment (B, d, d) and its rows (B,)."""
    total = parts.sum(0)
    full = np.linalg.eigvalsh(total)
    without = [np.linalg.eigvalsh(total - part) for part in parts]
    result: list[tuple[float, float, float, float]] = []
    for order in orders:
        plain = log_vendi(full, order)
        value, variance = jackknife(plain, np.array([log_vendi(w, order) for w in without]), sizes)
        result.append((plain, value, variance, len(sizes) - 1))
    return result


def _wide(
    x: np.ndarray, p: np.ndarray, orders: tuple[float, ...], total: np.ndarray | None = None, size: float | None = None
) -> list[tuple[float, float, float, float]]:
    """The same in closed form, for g = tr f(S), S = V diag(l) V^T, y = V^T x.

    total, size: S (d, d) and sum p^2 of all rows, where x is a sample of them.

    (1) influence of a row: psi = sum_i f'(l_i) y_i^2, less its mean; variance = sum p^2 psi^2
    (2) bias = 1/2 sum p^2 sum_ij f'[l_i, l_j] Var(y_i y_j), divided differences f'[a, b] = (f'(a) - f'(b)) / (a - b)
    """
    inverse = 1 / _lengths(x) ** 2  # rows are normalised where they are used: no copy of all features
    values, vectors = eigh(second_moment(x, p * inverse) if total is None else total.copy())
    size, own = size or float(p @ p), float(p @ p)
    use = values > 1e-7 * values[-1]
    values, basis = values[use], vectors[:, use].astype(x.dtype)
    del vectors
    slopes = np.stack([_slope(values, order) for order in orders], 1).astype(x.dtype)
    spread, psi = np.zeros((len(values),) * 2, x.dtype), np.empty((len(x), len(orders)))
    for start in range(0, len(x), ROWS):
        y2 = np.square(x[start : start + ROWS] @ basis) * inverse[start : start + ROWS, None].astype(x.dtype)
        psi[start : start + ROWS] = y2 @ slopes  # (1)
        y2 *= np.sqrt(p[start : start + ROWS, None]).astype(x.dtype)
        spread += y2.T @ y2
    spread[np.diag_indices(len(values))] -= (values**2).astype(x.dtype)  # Var(y_i y_j): E y_i y_j is l_i where i = j
    psi -= p @ psi
    bands = [slice(start, start + BAND) for start in range(0, len(values), BAND)]
    parts = []
    for order, influence in zip(orders, psi.T, strict=True):
        bend = sum(np.vdot(_bend(values, order, rows), spread[rows]) for rows in bands)  # (2)
        plain = log_vendi(values, order)
        variance = size / own * float(p * p @ influence**2)
        bias, variance = _on_log_scale(values, order, 0.5 * size * float(bend), variance)
        parts.append((plain, plain - bias, variance, np.inf))
    return parts


def _on_log_scale(values: np.ndarray, order: float, bias: float, variance: float) -> tuple[float, float]:
    """Bias and variance of ln VS from those of g: the entropy itself (order 1), the largest eigenvalue, or sum l^q.

    Where ln VS = outer ln g, the delta method gives outer (bias / g - variance / 2 g^2) and outer^2 variance / g^2.
    """
    if order == 1:
        return bias, variance
    g, outer = (values[-1], -1.0) if np.isinf(order) else (np.sum(values**order), 1 / (1 - order))
    return outer * (bias / g - variance / g**2 / 2), outer**2 * variance / g**2


def _slope(values: np.ndarray, order: float) -> np.ndarray:
    """f'(l) (d,) of g = tr f(S); for order infinity, of the largest eigenvalue."""
    if np.isinf(order):
        return np.eye(len(values))[-1]
    return -np.log(values) - 1 if order == 1 else order * values ** (order - 1)


def _bend(values: np.ndarray, order: float, rows: slice) -> np.ndarray:
    """Divided differences f'[l_i, l_j] (rows, d)."""
    slope = _slope(values, order)
    if np.isinf(order):
        second = np.zeros_like(values)
    else:
        second = -1 / values if order == 1 else order * (order - 1) * values ** (order - 2)
    gap = np.subtract.outer(values[rows], values)
    near = np.abs(gap) < 1e-6 * np.add.outer(values[rows], values)
    gap[near] = 1
    bend = np.subtract.outer(slope[rows], slope)
    bend /= gap
    bend[near] = (np.add.outer(second[rows], second) / 2)[near]
    return bend


def _estimate(plain: float, value: float, variance: float, dof: float, n: int, most: int, level: float) -> Estimate:
    half = np.sqrt(variance) * (z_value(level) if np.isinf(dof) else t_value(dof, level))
    score, low, high = (float(v) for v in np.clip(np.exp([value, value - half, value + half]), 1, most))
    if low == most:  # too few images for the correction: all of it is beyond what there can be
        low = min(low, float(np.exp(plain)))
    return Estimate(
        score,
        low,
        high,
        n,
        plain=float(np.exp(plain)),
        note="compare at equal n only",
        se=float(score * np.sqrt(variance)),
    )
