"""The weights under which a data set is most diverse, with a proof of how close they are.

ln VS(p) is concave in p, and its slope towards image i is s_i - ln VS(p) with s_i = -x_i^T ln(S) x_i. So no weights
have a ln VS above max_i s_i: the certificate. The multiplicative update p_i <- p_i exp(s_i) / Z never leaves the
simplex and never lowers the score. With a power r, p_i <- p_i exp(r s_i) / Z, it goes farther: r grows as long as the
score does; where it falls the step is taken back, and r is a quarter of what it was, 1 at least. That takes a third of
the steps. The paper's own objective b * VS + (1 - b) * entropy (Berns et al. 2023) is here, too; its Adam optimiser
belongs to the method.
"""

from dataclasses import dataclass, field

import numpy as np

from retouch.metrics.checks import as_weights
from retouch.metrics.vendi_score import TINY, log_vendi, normalised, second_moment, vendi_gradient

FASTER = 1.5  # factor by which a step that raises the score makes the next one longer


@dataclass(frozen=True)
class Optimum:
    """Weights (n,) that sum to 1, their plain Vendi score, and an upper bound on that of any weights."""

    weights: np.ndarray = field(repr=False)
    value: float
    bound: float  # no weights give a Vendi score above this (proven)
    steps: int

    @property
    def gap(self) -> float:
        """Proven relative distance to the optimum: bound / value - 1."""
        return self.bound / self.value - 1


def optimal_vendi_weights(features: np.ndarray, tolerance: float = 0.01, steps: int = 2000) -> Optimum:
    """Weights whose Vendi score (order 1) is within `tolerance` of the best possible, certified; (n, d) features."""
    if not tolerance > 0:
        raise ValueError(f"tolerance: found {tolerance}, wanted a number above 0")
    x = normalised(features)
    p = best = np.full(len(x), 1 / len(x))
    score, bound, slope, power, taken = -np.inf, np.inf, np.zeros(len(x)), 1.0, 0
    while True:
        taken += 1
        values, vectors = np.linalg.eigh(second_moment(x, p))
        reached, gain = log_vendi(values, 1), _surprise(x, values, vectors)
        bound = min(bound, float(gain.max()))
        if reached >= score:
            score, best, slope, power = reached, p, gain, FASTER * power
        elif power > 1:
            power = max(1.0, power / 4)
        else:
            break  # only rounding is left
        if bound - score <= np.log1p(tolerance) or taken >= steps:
            break
        p = best * np.exp(power * (slope - slope.max()))
        p /= p.sum()
    return Optimum(best, float(np.exp(score)), float(np.exp(bound)), taken)


def diversity_objective(features: np.ndarray, weights: np.ndarray, balance: float = 0.5) -> tuple[float, np.ndarray]:
    """b * VS(p) + (1 - b) * H(p) (nats), and its gradient in p (n,); the objective of Diversity Weights."""
    if not 0 <= balance <= 1:
        raise ValueError(f"balance: found {balance}, wanted a number from 0 to 1")
    log_score, slope = vendi_gradient(features, weights)
    p = as_weights(weights, len(slope))
    score, logs = np.exp(log_score), np.log(np.maximum(p, 1e-300))
    return float(balance * score - (1 - balance) * p @ logs), balance * score * slope - (1 - balance) * (logs + 1)


def effective_sample_size(weights: np.ndarray) -> float:
    """1 / sum p^2: how many equally weighted images the weights amount to, in [1, n]."""
    p = as_weights(weights, len(np.asarray(weights)))
    return float(1 / np.sum(p * p))


def _surprise(x: np.ndarray, values: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """s_i = -x_i^T ln(S) x_i (n,), float64."""
    logs = -np.log(np.maximum(values, TINY * values[-1]))
    return ((x @ vectors.astype(x.dtype)) ** 2).astype(np.float64) @ logs
