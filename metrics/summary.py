"""From many runs to a row of a table: instances × seeds, their mean, paired differences, and ties shown as ties.

The instances of a track are fixed, the seeds are a sample: the bootstrap draws seeds anew within each instance
(stratified, Agarwal et al. 2021). With S seeds such draws are too narrow by sqrt((S - 1)/S), and with few seeds a
normal quantile is too small: one factor mends both, without which three seeds cover 80% instead of 95%.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from retouch.metrics.checks import unmasked
from retouch.metrics.estimate import Estimate, percentiles, t_value, z_value

DRAWS = 2000


@dataclass(frozen=True)
class Aggregate:
    """A method's scores on a track: their mean, and the mean of the middle half, which an outlier does not move."""

    mean: Estimate
    iqm: Estimate


def aggregate(scores: np.ndarray, *, level: float = 0.95, draws: int = DRAWS, seed: int = 0) -> Aggregate:
    """scores: (instances, seeds); (instances,) means one seed each. n is the number of runs."""
    scores = _scores(scores, "scores")
    resampled, widen, note = _resample(scores, draws, level, seed)
    mean = _estimate(float(scores.mean()), resampled.mean(1), widen, scores, level, note)
    iqm = _estimate(float(_middle(scores.reshape(1, -1))[0]), _middle(resampled), widen, scores, level, note)
    return Aggregate(mean, iqm)


def paired_difference(
    a: np.ndarray, b: np.ndarray, *, level: float = 0.95, draws: int = DRAWS, seed: int = 0
) -> Estimate:
    """Mean of a - b over the same instances and seeds (instances, seeds); the pairing takes their difficulty out."""
    a, b = _scores(a, "a"), _scores(b, "b")
    if a.shape != b.shape:
        raise ValueError(f"a and b: found shapes {a.shape} and {b.shape}, wanted the same instances and seeds")
    return aggregate(a - b, level=level, draws=draws, seed=seed).mean


def ranks(table: Mapping[str, np.ndarray], *, level: float = 0.95) -> dict[str, int]:
    """Rank of each method, 1 for the best; scores (instances, seeds), higher is better.

    A method's rank is 1 plus the number of methods that beat it: those whose paired difference to it has an interval
    above 0. Methods that cannot be told apart share a rank. A method whose scores vary widely is hard to beat in this
    sense; so that it does not stand above methods with a higher mean, it gets at least the rank of each of these.
    """
    if not table:
        return {}
    arrays = _same_shapes(table)
    values, draws, widen, _ = _means_of_draws(arrays, level)
    places = np.array([1 + _better(values, draws, widen, i, level) for i in range(len(values))])
    best_first = np.lexsort((places, -values))
    places[best_first] = np.maximum.accumulate(places[best_first])
    return dict(zip(table, places.tolist(), strict=True))


def means(table: Mapping[str, np.ndarray], *, level: float = 0.95) -> dict[str, Estimate]:
    """`aggregate(...).mean` of every method of a table (same instances and seeds for all), all at once."""
    if not table:
        return {}
    arrays = _same_shapes(table)
    values, draws, widen, note = _means_of_draws(arrays, level)
    if np.isinf(widen):
        return {
            name: Estimate(float(v), -np.inf, np.inf, arrays[0].size, note=note)
            for name, v in zip(table, values, strict=True)
        }
    spread = (draws - draws.mean(1, keepdims=True)) * widen
    low, high = np.quantile(values[:, None] + spread, [0.5 - level / 2, 0.5 + level / 2], axis=1)
    se = spread.std(1) * z_value(level) / t_value(_dof(arrays[0]), level)
    return {
        name: Estimate(float(v), float(min(lo, v)), float(max(hi, v)), arrays[0].size, note=note, se=float(e))
        for name, v, lo, hi, e in zip(table, values, low, high, se, strict=True)
    }


def _same_shapes(table: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    arrays = [_scores(scores, name) for name, scores in table.items()]
    for name, array in zip(table, arrays, strict=True):
        if array.shape != arrays[0].shape:
            raise ValueError(f"{name}: found shape {array.shape}, wanted {arrays[0].shape}, that of the first")
    return arrays


def _means_of_draws(arrays: list[np.ndarray], level: float) -> tuple[np.ndarray, np.ndarray, float, str]:
    """Means (M,), the means of the same draws for all (M, draws), the factor that mends their width, and the note."""
    index, widen, note = _index(arrays[0].shape, DRAWS, 0)
    draws = np.stack([array.reshape(-1)[index].mean(1) for array in arrays])
    heavy = 1.0 if np.isinf(widen) else t_value(_dof(arrays[0]), level) / z_value(level)
    return np.array([array.mean() for array in arrays]), draws, widen * heavy, note


def _better(values: np.ndarray, draws: np.ndarray, widen: float, i: int, level: float) -> int:
    """How many methods' paired difference to method `i` excludes 0: as `paired_difference`, all at once."""
    ahead = np.flatnonzero(values > values[i])
    if np.isinf(widen) or not len(ahead):
        return 0
    gaps = values[ahead] - values[i]
    spread = (draws[ahead] - draws[i]) - (draws[ahead] - draws[i]).mean(1, keepdims=True)
    sure = gaps + spread.min(1) * widen > 0  # every draw is above 0, so its quantile is too
    low = np.quantile(spread[~sure], 0.5 - level / 2, axis=1) if (~sure).any() else np.empty(0)
    return int(sure.sum() + (gaps[~sure] + low * widen > 0).sum())


def smallest_difference(table: Mapping[str, np.ndarray], *, level: float = 0.95, power: float = 0.8) -> float:
    """Smallest true difference of two methods that these instances and seeds show with probability `power`.

    Shown means that the interval of the paired difference excludes 0. The value is (t + z_power) times the standard
    error of a paired difference, pooled over all pairs of methods: of M numbers, the mean squared difference of two is
    twice their variance.
    """
    arrays = _same_shapes(table)
    if len(arrays) < 2:
        raise ValueError(f"table: found {len(arrays)} methods, wanted at least two")
    index, widen, _ = _index(arrays[0].shape, DRAWS, 0)
    if np.isinf(widen):
        raise ValueError("table: found a single run of each method, wanted several seeds or instances")
    draws = np.stack([array.reshape(-1)[index].mean(1) for array in arrays])
    spread = draws - draws.mean(1, keepdims=True)
    pooled = widen * np.sqrt(2 * spread.var(0, ddof=1).mean())
    return float(pooled * (t_value(_dof(arrays[0]), level) + z_value(2 * power - 1)))


def _resample(scores: np.ndarray, draws: int, level: float, seed: int) -> tuple[np.ndarray, float, str]:
    """Draws (draws, runs), the factor that mends their width, and a note on what they range over."""
    index, widen, note = _index(scores.shape, draws, seed)
    return scores.reshape(-1)[index], widen, note


def _index(shape: tuple[int, int], draws: int, seed: int) -> tuple[np.ndarray, float, str]:
    """Row numbers of runs (draws, runs): a function of the shape and the seed alone, so that methods share draws."""
    rng = np.random.default_rng(seed)
    instances, seeds = shape
    if seeds > 1:
        picks = rng.integers(0, seeds, (draws, instances, seeds))
        index = (picks + seeds * np.arange(instances)[:, None]).reshape(draws, -1)
        return index, float(np.sqrt(seeds / (seeds - 1))), "over seeds, instances fixed"
    if instances == 1:
        return np.zeros((draws, 1), np.int64), np.inf, "one run: no interval"
    index = rng.integers(0, instances, (draws, instances))  # with one seed each, only the instances' own spread is left
    return index, float(np.sqrt(instances / (instances - 1))), "one seed: over instances"


def _estimate(value: float, draws: np.ndarray, widen: float, scores: np.ndarray, level: float, note: str) -> Estimate:
    if np.isinf(widen):
        return Estimate(value, -np.inf, np.inf, scores.size, note=note)
    heavy = t_value(_dof(scores), level) / z_value(level)  # few seeds: Student's quantile in place of the normal one
    low, high = percentiles(value + (draws - draws.mean()) * widen * heavy, level)
    return Estimate(value, min(low, value), max(high, value), scores.size, note=note, se=float(draws.std() * widen))


def _middle(scores: np.ndarray) -> np.ndarray:
    """Interquartile mean of each row: the lowest and the highest quarter (rounded down) are left out."""
    cut = scores.shape[1] // 4
    return np.sort(scores, axis=1)[:, cut : scores.shape[1] - cut].mean(1)


def _dof(scores: np.ndarray) -> int:
    instances, seeds = scores.shape
    return instances * (seeds - 1) if seeds > 1 else max(instances - 1, 1)


def _scores(scores: np.ndarray, name: str) -> np.ndarray:
    scores = unmasked(scores, name).astype(np.float64)
    scores = scores[:, None] if scores.ndim == 1 else scores
    if scores.ndim != 2 or scores.size == 0:
        raise ValueError(f"{name}: found shape {scores.shape}, wanted (instances, seeds)")
    if not np.isfinite(scores).all():
        raise ValueError(
            f"{name}: found {int((~np.isfinite(scores)).sum())} missing or infinite scores, wanted all present"
        )
    return scores
