"""Generated images as the judge sees them, and what several tasks make of that: weights, tables of shares."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from retouch import metrics
from retouch.benchmark.joint import Attribute, cells, key, names

if TYPE_CHECKING:
    from retouch.benchmark.judges import Judge, Verdict


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
            samples, from the track's scale; answers: all arrays that the worker wrote.
        reference: features of the held-out images that the output should be like; real: the judge's verdict on them.
        spaces: samples and held-out images in the encoder's space, and in the second's.
    """

    verdict: Verdict
    judge: Judge
    base: dict[str, list[int]] = field(default_factory=dict)
    answers: dict[str, np.ndarray] = field(default_factory=dict)
    reference: metrics.Reference | None = None
    real: Verdict | None = None
    spaces: tuple[Space, ...] = ()

    @property
    def features(self) -> np.ndarray:
        """Features of the samples in the encoder's space, float32 (N, F)."""
        return self.spaces[0].features

    def labels(self, attribute: Attribute) -> np.ndarray:
        """The judge's class of each image, int64 (N,)."""
        return cells(self.verdict.labels, attribute, self.judge.sizes)

    def confusion(self, attribute: Attribute) -> np.ndarray:
        """The judge's counts on held-out images, rows truth, columns assigned; errors on two attributes taken apart."""
        tables = [np.array(self.judge.card["measured"]["confusion"][name]) for name in names(attribute)]
        joint = reduce(lambda a, b: np.kron(a, b) / b.sum(), tables)
        return np.rint(joint).astype(np.int64)

    def shares(self, attribute: Attribute) -> metrics.Shares:
        """Corrected shares of an attribute's classes among the samples."""
        return metrics.shares(self.labels(attribute), self.confusion(attribute))

    def base_shares(self, attribute: Attribute) -> metrics.Shares:
        """The same of the base's samples."""
        return metrics.shares(np.array(self.base[key(attribute)]), self.confusion(attribute))


def two_classes(confusion: np.ndarray, values: tuple[int, ...]) -> np.ndarray:
    """A confusion matrix (C, C) of counts as one of "others" and "these values" (2, 2)."""
    these = np.isin(np.arange(len(confusion)), values)
    return np.array([[confusion[np.ix_(a, b)].sum() for b in (~these, these)] for a in (~these, these)])


def group_weights(labels: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Weights (N,) with which the groups in `labels` have the shares `target`; groups nobody is in are left out."""
    shares = np.bincount(labels, minlength=len(target)) / len(labels)
    return np.divide(target, shares, out=np.zeros(len(target)), where=shares > 0)[labels]


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
