"""Fréchet distance of two samples whose groups are weighted to a target mix, with the interval that this asks for.

Both samples are read as stratified: group g has the share t_g of the target however many rows n_g it has, so a sample
with a skewed mix is post-stratified (Holt and Smith 1979), and a reference that was drawn evenly over its groups is
taken as it was drawn. Sampling then varies within groups alone. Weights are a function of the counts n_g: they are
computed anew for every block that the jackknife leaves out, and blocks hold an equal share of every group. An interval
that took the weights for fixed and the reference for independent draws was wholly below the truth in 94% of trials.

Symbols. m_g, S_g: mean and covariance of group g. m = sum_g t_g m_g, W = sum_g t_g S_g (within),
B = sum_g t_g (m_g - m)(m_g - m)^T (between). Of n_g rows with the sums t1_g, T_g about a centre:

(1)  covariance S = W + B = sum_g v_g T_g - sum_g t_g^2 / (n_g - 1) m_g m_g^T - m m^T    unbiased
     v_g = t_g / n_g + t_g^2 / (n_g (n_g - 1))
(2)  variance of a product of two features, in the eigenbasis of S, within groups: s_i s_j - b_i b_j, b = diag of B
"""

from typing import NamedTuple

import numpy as np

from retouch.metrics.checks import as_distribution, as_features, same_width, unmasked
from retouch.metrics.engine.linear import eigh
from retouch.metrics.engine.moments import BLOCKS
from retouch.metrics.estimate import Estimate
from retouch.metrics.frechet import degenerate_variance, estimate, jackknifed

LEAST = 4  # rows of a group


class Groups(NamedTuple):
    """Sums of each group's rows about a common centre."""

    counts: np.ndarray  # (G,)
    sums: np.ndarray  # (G, d)
    squares: np.ndarray  # (G, d, d)


class Strata:
    """Moments of rows (n, d) whose groups 0..G-1 have the shares `target`, with blocks to leave out."""

    def __init__(self, rows: np.ndarray, labels: np.ndarray, target: np.ndarray) -> None:
        self.centre = rows.mean(0, dtype=np.float64)
        self.rows, self.labels, self.target = rows - self.centre, labels, target
        self.sizes = np.ones(min(BLOCKS, len(rows)))  # blocks of equal weight
        order = np.lexsort((np.random.default_rng(0).random(len(rows)), labels))
        self.block = np.empty(len(rows), np.int64)
        self.block[order] = np.arange(len(rows)) % len(self.sizes)  # every group is dealt to all blocks in turn
        self.groups = self._sums(np.arange(len(rows)))

    @property
    def inverse_size(self) -> float:
        """sum_g t_g^2 / n_g: the variance of the mean in units of a row's."""
        return float(np.sum(self.target**2 / self.groups.counts))

    def mean_and_covariance(self, without: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """m (d,) and S (d, d) of (1); `without` leaves one block out and weights the other rows anew."""
        groups = self.groups
        if without is not None:
            block = self._sums(np.flatnonzero(self.block == without))
            groups = Groups(*(whole - part for whole, part in zip(groups, block, strict=True)))
        t, n = self.target, groups.counts
        means = groups.sums / n[:, None]
        mean = t @ means
        v = t / n + t**2 / (n * (n - 1))
        covariance = np.tensordot(v, groups.squares, 1) - (means.T * (t**2 / (n - 1))) @ means - np.outer(mean, mean)
        return self.centre + mean, covariance

    def between(self) -> np.ndarray:
        """B (d, d)."""
        means = self.groups.sums / self.groups.counts[:, None]
        means = means - self.target @ means
        return (means.T * self.target) @ means

    def _sums(self, some: np.ndarray) -> Groups:
        """The sums of some rows, by group."""
        parts = [self.rows[some[self.labels[some] == g]] for g in range(len(self.target))]
        counts = np.array([float(len(part)) for part in parts])
        return Groups(counts, np.stack([part.sum(0) for part in parts]), np.stack([part.T @ part for part in parts]))


def stratified_fd(
    generated: np.ndarray,
    labels: np.ndarray,
    reference: np.ndarray,
    reference_labels: np.ndarray,
    target: np.ndarray,
    *,
    level: float = 0.95,
) -> Estimate:
    """Fréchet distance of (n, d) to (m, d) features, the groups of both weighted to the shares `target` (G,), sum 1.

    labels (n,), reference_labels (m,): whole numbers 0..G-1. 0 = same mean and covariance of the weighted mixes. Groups
    with a target of 0 are left out. Needs 4 rows of every other group, and rows worth d on both sides: the effective
    number is 1 / sum_g t_g^2 / n_g. Beyond some hundred features it takes 42 spectra all the same: minutes at 2,048.
    """
    generated, reference = as_features(generated, "generated"), as_features(reference, "reference")
    same_width(generated, reference)
    target = as_distribution(target, "target", len(target))
    a = _strata(generated, labels, target, "generated")
    b = _strata(reference, reference_labels, target, "reference")
    plain, bias, variance, dof, _ = jackknifed(a, b)
    second = _second_order(a, b)
    n = min(round(1 / a.inverse_size), round(1 / b.inverse_size))
    return estimate(plain, plain - bias, variance, second, dof, n, level)


def _strata(features: np.ndarray, labels: np.ndarray, target: np.ndarray, name: str) -> Strata:
    """The groups with a positive target, numbered anew."""
    labels = unmasked(labels, f"{name} labels")
    if labels.shape != features.shape[:1] or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"{name} labels: found shape {labels.shape} of {labels.dtype}, wanted a whole number for each row"
        )
    if labels.min() < 0 or labels.max() >= len(target):
        raise ValueError(f"{name} labels: found {labels.min()} to {labels.max()}, wanted 0 to {len(target) - 1}")
    counts = np.bincount(labels, minlength=len(target))
    rare = np.flatnonzero((target > 0) & (counts < LEAST))
    if len(rare):
        raise ValueError(f"{name}: found {counts[rare[0]]} rows of group {rare[0]}, wanted at least {LEAST} of each")
    use = target[labels] > 0
    number = np.cumsum(target > 0) - 1
    strata = Strata(features[use], number[labels[use]], target[target > 0])
    if (worth := round(1 / strata.inverse_size)) < features.shape[1]:
        raise ValueError(
            f"{name}: found rows worth {worth} by their groups' weights, of width {features.shape[1]}, wanted at least "
            "as many: below that FD's bias cannot be removed; use kd"
        )
    return strata


def _second_order(a: Strata, b: Strata) -> float:
    """Variance of FD's second-order part by (2), for samples that agree."""
    spectrum, basis = eigh((a.mean_and_covariance()[1] + b.mean_and_covariance()[1]) / 2)
    between = np.einsum("ij,ik,kj->j", basis, (a.between() + b.between()) / 2, basis, optimize=True)
    spectrum = np.maximum(spectrum, 0)
    return degenerate_variance(spectrum, a.inverse_size + b.inverse_size, np.clip(between, 0, spectrum))
