"""How far a mix of categories is from another: distances between corrected shares, freed of their noise floor.

A distance is never below 0, so noise alone makes it positive: with N images the plain value of a perfect generator is
about its `floor`. Squares add up (E|p + e - t|^2 = |p - t|^2 + E|e|^2), so the floor is taken off in squares; both are
shown.
"""

from collections.abc import Callable

import numpy as np

from retouch.metrics.checks import as_distribution, unmasked
from retouch.metrics.estimate import Estimate, score_interval, z_value
from retouch.metrics.judged.judged_shares import Shares, shares

Mix = np.ndarray | Shares


def fairness_discrepancy(
    judged: Mix, confusion: np.ndarray | None, target: np.ndarray, *, level: float = 0.95, seed: int = 0
) -> Estimate:
    """L2 distance of the corrected shares to the target (C,), in [0, sqrt 2]; 0 = on target. The paper's "FD"."""
    mix = _mix(judged, confusion, seed)
    target = as_distribution(target, "target", len(mix))
    return _above_floor(mix.values - target, mix.draws - target, mix.draws - mix.values, _l2, mix.n, level)


def total_variation(
    mix_a: Mix,
    mix_b: Mix,
    confusion: np.ndarray | None = None,
    *,
    drop: tuple[int, ...] = (),
    level: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """Half the L1 distance between two mixes, in [0, 1].

    Each mix: counts (C,), floats that sum to 1 (shares, taken as exactly known), or `Shares`. `drop`: categories to
    leave out on both sides before comparing (the redacted ones).
    """
    a, b = _mix(mix_a, confusion, seed), _mix(mix_b, confusion, seed + 1)
    if len(a) != len(b):
        raise ValueError(f"mix_a and mix_b: found {len(a)} and {len(b)} categories, wanted the same")
    keep = np.setdiff1d(np.arange(len(a)), drop)
    if len(keep) < 2:
        raise ValueError(f"drop: found {drop}, wanted at least two categories left of {len(a)}")
    (pa, da), (pb, db) = _kept(a, keep), _kept(b, keep)
    return _above_floor(pa - pb, da - db, (da - pa) - (db - pb), _tv, min(a.n, b.n), level)


def kl_to_target(
    judged: Mix, confusion: np.ndarray | None, target: np.ndarray, *, level: float = 0.95, seed: int = 0
) -> Estimate:
    """Kullback-Leibler divergence KL(shares || target) in nats, freed of its noise floor; 0 = on target."""
    mix = _mix(judged, confusion, seed)
    target = as_distribution(target, "target", len(mix))
    if target.min() == 0:
        raise ValueError(
            "target: found a class with probability 0, wanted all positive: the divergence would be infinite"
        )
    plain, draws = _kl(mix.values, target), _kl(mix.draws, target)
    noise = _kl(mix.draws, mix.draws.mean(0))  # never infinite, as it would be to an estimate with an empty class
    low, high = _interval(plain - noise.mean(), draws, noise, level)
    value = max(0.0, plain - noise.mean())
    high = min(max(high, value), -float(np.log(target.min())))  # all in the rarest class
    return Estimate(value, min(low, value), high, mix.n, plain=float(plain), floor=noise.mean())


def entropy(judged: Mix, confusion: np.ndarray | None = None, *, level: float = 0.95, seed: int = 0) -> Estimate:
    """Shannon entropy of the corrected shares in nats, in [0, ln C]: ln C - KL(shares || even), so the sampling bias
    (C - 1)/2N is taken out with the noise floor.
    """
    mix = _mix(judged, confusion, seed)
    away, most = kl_to_target(mix, None, np.full(len(mix), 1 / len(mix)), level=level), np.log(len(mix))
    return Estimate(most - away.value, max(0.0, most - away.high), most - away.low, mix.n, plain=most - away.plain)


def _above_floor(
    gap: np.ndarray, draws: np.ndarray, noise: np.ndarray, norm: Callable, n: int, level: float
) -> Estimate:
    """Norm of the gap (C,) less that of its noise, in squares; (draws, C): draws of the gap, and their errors."""
    plain, floor2 = float(norm(gap)), float(np.mean(norm(noise) ** 2))
    square = plain**2 - floor2
    ends = np.sqrt(_interval(square, norm(draws) ** 2, norm(noise) ** 2, level))
    value = float(np.sqrt(max(0.0, square)))
    return Estimate(
        value, float(min(ends[0], value)), float(max(ends[1], value)), n, plain=plain, floor=float(np.sqrt(floor2))
    )


def _interval(value: float, draws: np.ndarray, noise: np.ndarray, level: float) -> tuple[float, float]:
    """Interval of a squared distance without its floor; `draws` of it, `noise`: their squared distances to the data.

    Its noise grows with the distance, so a mirrored bootstrap would miss on one side (86% instead of 95% measured).
    """
    second = float(np.var(noise))
    low, high = score_interval(value, max(float(np.var(draws)) - second, 0.0), second, z_value(level))
    return max(low, 0.0), max(high, 0.0)


def _mix(judged: Mix, confusion: np.ndarray | None, seed: int) -> Shares:
    if isinstance(judged, Shares):
        return judged
    values = unmasked(judged, "mix")
    if np.issubdtype(values.dtype, np.floating) and values.ndim == 1 and abs(values.sum() - 1) < 1e-6:
        known = as_distribution(values, "mix", len(values))
        return Shares([Estimate(float(v), float(v), float(v), 0) for v in known], known[None], 0)
    return shares(judged, confusion, seed=seed)


def _kept(mix: Shares, keep: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values, draws = mix.values[keep], mix.draws[:, keep]
    if values.sum() <= 0:
        raise ValueError("mix: found no image at all in the categories that remain, wanted some")
    return values / values.sum(), draws / draws.sum(1, keepdims=True)


def _l2(gap: np.ndarray) -> np.ndarray:
    return np.linalg.norm(gap, axis=-1)


def _tv(gap: np.ndarray) -> np.ndarray:
    return np.abs(gap).sum(-1) / 2


def _kl(p: np.ndarray, target: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(p > 0, p * np.log(p / target), 0.0).sum(-1)
