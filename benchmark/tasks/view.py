"""Generated images as the judge sees them, and what several tasks make of that: weights, tables of shares."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from retouch import metrics
from retouch.benchmark.joint import Attribute, cells, key, names

if TYPE_CHECKING:
    from retouch.benchmark.ensemble import Votes
    from retouch.benchmark.judges import Verdict


@dataclass(frozen=True)
class Space:
    """Images in the space of a label-free encoder, in which the judge has no part.

    Attributes:
        name: the encoder's; features: of the samples, float32 (N, F); reference: of the held-out images.
    """

    name: str
    features: np.ndarray
    reference: metrics.Reference


@dataclass(frozen=True)
class View:
    """Generated images as the judge sees them; an attribute may be one or several (see `retouch.benchmark.joint`).

    Attributes:
        verdict: of the N samples; judge: with its card; base: counts of each attribute's classes among the base's
            samples, unclear ones last, from the track's scale; answers: all arrays that the worker wrote.
        real: the judge's verdict on the held-out images that the output should be like.
        spaces: samples and those held-out images in the encoder's space, and in the second's.
    """

    verdict: Verdict | Votes
    judge: Any  # a Judge beside its Verdict, or Judges beside their Votes
    base: dict[str, list[int]] = field(default_factory=dict)
    answers: dict[str, np.ndarray] = field(default_factory=dict)
    real: Verdict | Votes | None = None
    spaces: tuple[Space, ...] = ()

    @property
    def features(self) -> np.ndarray:
        """Features of the samples in the encoder's space, float32 (N, F)."""
        return self.spaces[0].features

    @property
    def space(self) -> Space:
        """The encoder's, in which quality is measured."""
        return self.spaces[0]

    def votes(self, attribute: Attribute, real: bool = False) -> np.ndarray:
        """Each judge's class of each image, int64 (M, N); real: of the held-out images."""
        verdict = self._verdict(real)
        return cells({name: verdict.members(name) for name in names(attribute)}, attribute, self.judge.sizes)

    def guesses(self, attribute: Attribute, real: bool = False) -> np.ndarray:
        """The likeliest class of each image, int64 (N,), also where judges disagree; real: of the held-out images."""
        verdict = self._verdict(real)
        return cells({name: verdict.guess(name) for name in names(attribute)}, attribute, self.judge.sizes)

    def confusion(self, attribute: Attribute) -> np.ndarray:
        """Counts on held-out images (C, C + 1): truth by class assigned, the last column unclear.

        Errors on two attributes are taken for independent.
        """
        tables = [_with_unclear(np.array(self.judge.card["measured"]["confusion"][name])) for name in names(attribute)]
        images = min(int(table.sum()) for table in tables)
        clear, whole = (
            images * reduce(np.kron, [part(table) / table.sum() for table in tables])
            for part in (lambda table: table[:, :-1], lambda table: table.sum(1))
        )
        return np.rint(np.column_stack([clear, np.maximum(whole - clear.sum(1), 0)])).astype(np.int64)

    def shares(self, attribute: Attribute) -> metrics.Shares:
        """Corrected shares of an attribute's classes among the samples."""
        return metrics.voted_shares(self.votes(attribute), self.confusion(attribute))

    def base_shares(self, attribute: Attribute) -> metrics.Shares:
        """The same of the base's samples, by those on which judges agree."""
        return metrics.clear_shares(np.array(self.base[key(attribute)]), self.confusion(attribute))

    def lack(self, attribute: Attribute, shares: np.ndarray) -> np.ndarray:
        """0.5 for each image of a class that should be more frequent than in the base, else -0.5, (N,).

        Of a class whose share is as it should be, 0. Images of the base on which judges disagree are of no class.
        """
        counts = np.array(self.base[key(attribute)][: np.size(shares)], float)
        return 0.5 * np.sign(np.ravel(shares) - counts / counts.sum())[self.guesses(attribute)]

    def groups(self, attribute: Attribute, target: Any) -> Groups:
        """The attribute's classes as groups to be weighted to a mix."""
        return Groups(self.guesses(attribute), self.guesses(attribute, real=True), np.ravel(target))

    def _verdict(self, real: bool) -> Verdict | Votes:
        verdict = self.real if real else self.verdict
        if verdict is None:
            raise ValueError("the view holds no held-out images")
        return verdict


@dataclass(frozen=True)
class Groups:
    """Images sorted into groups whose shares ought to be `target` (G,); labels: of the samples, real: of held-out ones.

    A group nobody is in has no weight.
    """

    labels: np.ndarray
    real: np.ndarray
    target: np.ndarray

    @property
    def weights(self) -> np.ndarray:
        """Weight of each sample, (N,), with which the groups have their target shares: target over actual share."""
        shares = np.bincount(self.labels, minlength=len(self.target)) / len(self.labels)
        return np.divide(self.target, shares, out=np.zeros(len(self.target)), where=shares > 0)[self.labels]

    def __getitem__(self, rows: np.ndarray) -> Groups:
        return Groups(self.labels[rows], self.real, self.target)


def unclear(votes: np.ndarray) -> dict[str, metrics.Estimate]:
    """The share of samples on which judges disagree, by its metric's name; votes (M, N), nothing of a single judge."""
    return {"unclear": metrics.share((votes != votes[0]).any(0))} if len(votes) > 1 else {}


def two_classes(confusion: np.ndarray, values: tuple[int, ...]) -> np.ndarray:
    """A confusion matrix (C, C + 1) as one of "others" and "these values" (2, 3), the last column unclear."""
    these = np.isin(np.arange(len(confusion)), values)
    return np.array([
        [*(confusion[np.ix_(rows, columns)].sum() for columns in (~these, these)), confusion[rows, -1].sum()]
        for rows in (~these, these)
    ])  # fmt: skip


def _with_unclear(table: np.ndarray) -> np.ndarray:
    """Counts (C, C + 1); a single judge leaves nothing unclear."""
    return table if table.shape[1] > len(table) else np.column_stack([table, np.zeros(len(table), table.dtype)])


def share_table(
    attribute: str, shares: metrics.Shares, base: metrics.Shares, target: list[float] | None = None
) -> dict[str, Any]:
    """Shares by class as a record's details keep them."""
    return {
        "attribute": attribute,
        "values": [round(share.value, 5) for share in shares],
        "low": [round(share.low, 5) for share in shares],
        "high": [round(share.high, 5) for share in shares],
        "base": [round(share.value, 5) for share in base],
        "target": target,
    }
