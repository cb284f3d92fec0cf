"""Kernel distance (KID of Bińkowski et al. 2018): squared MMD with (x.y/d + 1)^3, all pairs, unbiased at every n.

Known difference to the peers: they average over random subsets of 1,000, and call the spread over subsets "std"; here
every pair counts once, and the interval is that of the estimate: the variance of a U-statistic to second order
(Hoeffding), V = 4 Var a(x)/n + 4 Var b(y)/m + 2 Vxx/n(n-1) + 2 Vyy/m(m-1) + 4 Vxy/nm. The first two vanish when both
sets agree.
"""

import numpy as np

from retouch.metrics.checks import as_features, same_width
from retouch.metrics.engine.pairs import Cross, Own, Side, cross_pass, own_pass
from retouch.metrics.engine.reference import Reference
from retouch.metrics.estimate import Estimate, score_interval, z_value

LEAST = 4  # rows: below that there is no variance to speak of
SAMPLE = 1000  # points from which the second-order terms are taken: 1% is enough for a variance


def kd(
    generated: np.ndarray, reference: np.ndarray | Reference, *, level: float = 0.95, device: str = "cpu"
) -> Estimate:
    """Kernel distance of (n, d) to (m, d) features; 0 = same distribution (third moments), may be slightly negative."""
    generated, reference = as_features(generated, "generated", LEAST), Reference.of(reference)
    as_features(reference.features, "reference", LEAST)
    same_width(generated, reference.features)
    a, b = Side(generated, reference.centre, device), reference.side(device)
    x, y = own_pass(a, reference.centre, 1, "generated"), reference.own(1, b)
    cross = cross_pass(a, b, reference.centre, x.radii2, y.radii2)
    return from_rows(generated, x, reference.features, y, cross, level)


def from_rows(
    generated: np.ndarray, x: Own, reference: np.ndarray, y: Own, cross: Cross, level: float = 0.95
) -> Estimate:
    """Kernel distance from each point's mean kernel values, which the one-pass suite computes once."""
    n, m = len(generated), len(reference)
    value = x.kernel.mean() + y.kernel.mean() - cross.kernel_x.mean() - cross.kernel_y.mean()
    vxx, vyy, vxy = _second_order(generated, reference)
    var_a = np.var(x.kernel - cross.kernel_x, ddof=1) - vxx / n - vxy / m  # row means are noisy themselves
    var_b = np.var(y.kernel - cross.kernel_y, ddof=1) - vyy / m - vxy / n
    first = 4 * max(var_a, 0) / n + 4 * max(var_b, 0) / m
    second = 2 * vxx / (n * (n - 1)) + 2 * vyy / (m * (m - 1)) + 4 * vxy / (n * m)
    low, high = score_interval(value, first, second, z_value(level))
    return Estimate(value, low, high, min(n, m), se=np.sqrt(first + second))


def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(x.y/d + 1)^3, (n, m)."""
    return (x @ y.T / x.shape[1] + 1) ** 3


def _second_order(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """Mean squares of the doubly centred kernels xx, yy, xy, float64, on up to 1,000 points of each."""
    rng = np.random.default_rng(0)
    x, y = (p[rng.choice(len(p), min(SAMPLE, len(p)), replace=False)].astype(np.float64) for p in (x, y))
    centre = y.mean(0)
    xx, yy, xy = (_square(_without_offset(u, v, centre), u is v) for u, v in ((x, x), (y, y), (x, y)))
    return xx, yy, xy


def _without_offset(x: np.ndarray, y: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """The kernel less a constant, (5) of `engine.pairs`: precise where features have a large offset."""
    u, v, d = x - centre, y - centre, x.shape[1]
    o = centre @ centre / d + 1
    b = u @ v.T
    b += (u @ centre)[:, None]
    b += v @ centre
    b /= d
    value = b + 3 * o  # b^3 + 3 o b^2 + 3 o^2 b, in place: memory costs more here than sums
    value *= b
    value += 3 * o * o
    value *= b
    return value


def _square(k: np.ndarray, own: bool) -> float:
    """Mean square after rows and columns are centred; overwrites k."""
    k -= k.mean(1, keepdims=True)
    k -= k.mean(0)
    if own:
        np.fill_diagonal(k, 0)
    return float(np.vdot(k, k) / (k.size - len(k) if own else k.size))
