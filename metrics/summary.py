"""From many runs to a row of a table: instances × seeds, their mean, paired differences, and ties shown as ties.

The instances of a track are fixed, the seeds are a sample: seeds are drawn anew within each instance (stratified
bootstrap, Agarwal et al. 2021). With S seeds such draws are too narrow by sqrt((S - 1)/S), and with few seeds a normal
quantile is too small: both are mended by one factor, without which three seeds cover 80% instead of 95%.
"""
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from metrics.estimate import Estimate, percentiles, t_value, z_value

DRAWS = 2000


@dataclass(frozen=True)
class Aggregate:
    """A method's scores on a track in two numbers: the mean, and the mean of the middle half (robust against one
    outlier).
    """

    mean: Estimate
    iqm: Estimate


def aggregate(scores: np.ndarray, *, level: float = 0.95, draws: int = DRAWS, seed: int = 0) -> Aggregate:
    """scores: (instances, seeds); (instances,) means one seed each. n is the number of runs."""
    scores = _scores(scores, "scores")
    drawn, widen, note = _resample(scores, draws, level, seed)
    mean = _estimate(float(scores.mean()), drawn.mean(1), widen, scores, level, note)
    iqm = _estimate(float(_middle(scores.reshape(1, -1))[0]), _middle(drawn), widen, scores, level, note)
    return Aggregate(mean, iqm)


def paired_difference(a: np.ndarray, b: np.ndarray, *, level: float = 0.95, draws: int = DRAWS,
                      seed: int = 0) -> Estimate:
    """Mean of a - b over the same instances and seeds (instances, seeds); the pairing takes their difficulty out."""
    a, b = _scores(a, "a"), _scores(b, "b")
    if a.shape != b.shape:
        raise ValueError(f"a and b: found shapes {a.shape} and {b.shape}, wanted the same instances and seeds")
    return aggregate(a - b, level=level, draws=draws, seed=seed).mean


def ranks(table: Mapping[str, np.ndarray], *, level: float = 0.95) -> dict[str, int]:
    """Rank of each method (higher scores are better): 1 + how many methods are better by a difference that excludes 0.

    Two methods whose paired interval covers 0 therefore share a rank, unless a third one tells them apart.
    """
    names = list(table)
    better = {name: sum(paired_difference(table[other], table[name], level=level).low > 0
                        for other in names if other != name) for name in names}
    return {name: 1 + better[name] for name in names}


def smallest_difference(table: Mapping[str, np.ndarray], *, level: float = 0.95, power: float = 0.8) -> float:
    """The true difference that this table's instances and seeds show, as an interval without 0, in `power` of all
    cases.

    (t + z_power) × the standard error of a paired difference, pooled over all pairs of methods.
    """
    arrays = [_scores(scores, name) for name, scores in table.items()]
    if len(arrays) < 2:
        raise ValueError(f"table: found {len(arrays)} methods, wanted at least two")
    pairs = [paired_difference(a, b, level=level) for i, a in enumerate(arrays) for b in arrays[:i]]
    if any(pair.se is None for pair in pairs):
        raise ValueError("table: found a single run of each method, wanted several seeds or instances")
    pooled = np.sqrt(np.mean([pair.se**2 for pair in pairs]))
    return float(pooled * (t_value(_dof(arrays[0]), level) + z_value(2 * power - 1)))


def _resample(scores: np.ndarray, draws: int, level: float, seed: int) -> tuple[np.ndarray, float, str]:
    """Draws (draws, runs), the factor that mends their width, and a note on what was drawn."""
    rng = np.random.default_rng(seed)
    instances, seeds = scores.shape
    if seeds > 1:
        picks = rng.integers(0, seeds, (draws, instances, seeds))
        drawn = np.take_along_axis(scores[None], picks, axis=2).reshape(draws, -1)
        note = "over seeds, instances fixed"
    else:  # with one seed each, only the instances' own spread is left to draw from
        drawn = scores[:, 0][rng.integers(0, instances, (draws, instances))]
        seeds, note = instances, "one seed: over instances"
    if seeds == 1:
        return drawn, np.inf, "one run: no interval"
    return drawn, float(np.sqrt(seeds / (seeds - 1))), note


def _estimate(value: float, drawn: np.ndarray, widen: float, scores: np.ndarray, level: float, note: str) -> Estimate:
    if np.isinf(widen):
        return Estimate(value, -np.inf, np.inf, scores.size, note=note)
    heavy = t_value(_dof(scores), level) / z_value(level)  # few seeds: Student's quantile in place of the normal one
    low, high = percentiles(value + (drawn - drawn.mean()) * widen * heavy, level)
    return Estimate(value, min(low, value), max(high, value), scores.size, note=note, se=float(drawn.std() * widen))


def _middle(scores: np.ndarray) -> np.ndarray:
    """Interquartile mean of each row: the lowest and the highest quarter (rounded down) are left out."""
    cut = scores.shape[1] // 4
    return np.sort(scores, axis=1)[:, cut:scores.shape[1] - cut].mean(1)


def _dof(scores: np.ndarray) -> int:
    instances, seeds = scores.shape
    return instances * (seeds - 1) if seeds > 1 else max(instances - 1, 1)


def _scores(scores: np.ndarray, name: str) -> np.ndarray:
    scores = np.asarray(scores, dtype=np.float64)
    scores = scores[:, None] if scores.ndim == 1 else scores
    if scores.ndim != 2 or scores.size == 0:
        raise ValueError(f"{name}: found shape {scores.shape}, wanted (instances, seeds)")
    if not np.isfinite(scores).all():
        raise ValueError(f"{name}: found {int((~np.isfinite(scores)).sum())} missing or infinite scores, wanted all "
                         f"present")
    return scores
