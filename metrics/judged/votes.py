"""Shares of images that several judges look at: what they agree on is corrected, what they disagree on is counted.

An image is clear where all M judges name one class, else unclear. Of real images of class i the share u_i is unclear,
as the confusion counts it (C, C + 1; its last column). A generator's images are unclear more often than that, and no
real image tells what these are. With q the share of unclear samples and p the shares of the clear ones, corrected:

(1)  e = max(0, q - sum_i p_i u_i)            samples that only the judges' disagreement on them can explain
(2)  p' = (1 - e) p + e v                     v: the classes' shares of the judges' votes on unclear samples
(3)  interval: each draw hands every such sample to one of the classes that were named for it (Manski's bounds, with
     a random preference among the classes), so that it reaches from "none of them" to "all of them"

With one judge, or with judges that always agree, these are the plain corrected shares.
"""

from dataclasses import replace

import numpy as np

from retouch.metrics.checks import unmasked
from retouch.metrics.estimate import Estimate, percentiles
from retouch.metrics.judged.judged_shares import Shares, share, shares


def agreed(votes: np.ndarray, classes: int) -> np.ndarray:
    """The class that all of votes (M, N) name, int64 (N,); `classes` where they disagree."""
    return np.where((votes == votes[0]).all(0), votes[0], classes)


def voted_share(votes: np.ndarray, confusion: np.ndarray, *, level: float = 0.95) -> Estimate:
    """Share of class 1 among N images on which M judges vote, (M, N) of 0 and 1.

    confusion: counts (2, 3) on held-out images, rows truth, columns 0, 1, unclear. Unclear images count as not of class
    1 in the correction; what it cannot explain of them is added by (2), and the upper end holds all of it.
    """
    votes, table = _votes(votes, 2), _table(confusion, 2)
    n, label = votes.shape[1], agreed(votes, 2)
    seen = int((label == 1).sum())
    clear = share(np.array([n - seen, seen]), np.stack([table[:, 0] + table[:, 2], table[:, 1]], 1), level=level)
    unclear = label == 2
    p = np.array([1 - clear.value, clear.value])
    excess = max(0.0, float(unclear.mean() - p @ (table[:, 2] / table.sum(1))))
    if excess == 0:
        return replace(clear, plain=seen / n)
    value = min(clear.value + excess * float(votes[:, unclear].mean()), 1.0)
    return replace(clear, value=value, high=min(max(clear.high, clear.value) + excess, 1.0), plain=seen / n)


def voted_shares(
    votes: np.ndarray, confusion: np.ndarray, *, level: float = 0.95, draws: int = 1000, seed: int = 0
) -> Shares:
    """Shares of all C classes among N images on which M judges vote, (M, N) of 0..C-1; confusion: counts (C, C + 1)."""
    classes = len(confusion)
    votes, table = _votes(votes, classes), _table(confusion, classes)
    label, n = agreed(votes, classes), votes.shape[1]
    if (label == classes).all():  # nothing is clear: any share of the classes that were named
        clear = shares(np.ones(classes), level=level, draws=draws, seed=seed)
    else:
        clear = clear_shares(np.bincount(label, minlength=classes + 1), table, level=level, draws=draws, seed=seed)
    unclear = votes[:, label == classes]
    excess = max(0.0, unclear.shape[1] / n - float(clear.values @ (table[:, -1] / table.sum(1))))
    if excess == 0:
        return clear
    excess = 1.0 if unclear.shape[1] == n else excess
    named = np.stack([(unclear == c).mean(0) for c in range(classes)], 1)  # (unclear, C) shares of the votes
    handed = _handed(named > 0, draws, np.random.default_rng(seed + 1))
    values = (1 - excess) * clear.values + excess * named.mean(0)
    sampled = (1 - excess) * clear.draws + excess * handed
    ends = [percentiles(sampled[:, c], level) for c in range(classes)]
    estimates = [
        Estimate(v, min(low, v), max(high, v), n, plain=one.plain, se=float(sampled[:, c].std()))
        for c, (v, (low, high), one) in enumerate(zip(values, ends, clear.estimates, strict=True))
    ]
    return Shares(estimates, sampled, n)


def clear_shares(
    counts: np.ndarray, confusion: np.ndarray, *, level: float = 0.95, draws: int = 1000, seed: int = 0
) -> Shares:
    """Corrected shares from the counts of clear images alone, (C,) or with those of unclear ones behind them (C + 1,).

    confusion: counts (C, C + 1), of which a class's unclear column says how many of its images are not clear.
    """
    table = _table(confusion, len(confusion))
    found = shares(np.asarray(counts)[: len(table)], table[:, :-1], level=level, draws=draws, seed=seed)
    clear = table[:, :-1].sum(1) / table.sum(1)
    if np.ptp(clear) == 0:
        return found
    scale = (found.values / clear).sum()
    sampled = found.draws / clear
    sampled /= sampled.sum(1, keepdims=True)
    estimates = [
        replace(one, value=one.value / c / scale, low=min(one.low, one.low / c / scale),
                high=min(1.0, max(one.high, one.high / c / scale)))
        for one, c in zip(found.estimates, clear, strict=True)
    ]  # fmt: skip
    return Shares(estimates, sampled, found.n)


def _handed(named: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """(draws, C): shares of the unclear images (named: (N, C) bool) when each goes to one of its classes by (3)."""
    patterns, count = np.unique(named, axis=0, return_counts=True)
    preference = rng.dirichlet(np.ones(named.shape[1]), draws)[:, None] * patterns  # (draws, patterns, C)
    to = preference / preference.sum(2, keepdims=True)
    return np.einsum("p,dpc->dc", count / count.sum(), to)


def _votes(votes: np.ndarray, classes: int) -> np.ndarray:
    votes = unmasked(votes, "votes")
    if votes.ndim != 2 or not votes.size or not (np.issubdtype(votes.dtype, np.integer) or votes.dtype == bool):
        raise ValueError(f"votes: found shape {votes.shape} of {votes.dtype}, wanted whole-number labels (M, N)")
    if votes.min() < 0 or votes.max() >= classes:
        raise ValueError(f"votes: found labels from {votes.min()} to {votes.max()}, wanted 0 to {classes - 1}")
    return votes.astype(np.int64)


def _table(confusion: np.ndarray, classes: int) -> np.ndarray:
    """Counts (C, C + 1); a table of one judge (C, C) has no unclear images."""
    table = unmasked(confusion, "confusion")
    if table.shape == (classes, classes):
        table = np.concatenate([table, np.zeros((classes, 1), table.dtype)], 1)
    if table.shape != (classes, classes + 1):
        raise ValueError(f"confusion: found shape {table.shape}, wanted ({classes}, {classes + 1}): truth by assigned")
    return table
