"""One module a task: what it reveals, what it asks, and which number is its goal.

Every task module defines
    SUMMARY                 one sentence;
    GOAL                    the metric that becomes the goal on the controls' scale;
    reveal(instance)        -> {"forget" | "retain" | "labelled": Images}: what a method may see;
    reference(instance)     -> held-out Images as the output should be: what quality is measured against;
    keep(instance, view)    -> float64 (N,): weight of each generated image in the quality, 0 = ought not to be there;
    measure(instance, view) -> (metrics, details) beside the quality.
`view` is a `View`: everything the judge saw of the generated images.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, reduce
from types import ModuleType
from typing import Any

import numpy as np

from retouch.benchmark import data, weights
from retouch.benchmark.data.images import Images
from retouch.benchmark.joint import Attribute, cells, key, names
from retouch.benchmark.judges import Judge, Verdict
from retouch.benchmark.support.cache import content_key
from retouch.benchmark.tracks import Instance

HELD_OUT = 3000  # held-out images of data sets that are drawn


@dataclass(frozen=True)
class View:
    """Generated images as the judge sees them; an attribute may be one or several (see `retouch.benchmark.joint`).

    Attributes:
        verdict: of the N samples; judge: with its card; base: counts of each attribute's classes among the base's
            samples, from the track's scale; answers: all arrays that the worker wrote.
    """

    verdict: Verdict
    judge: Judge
    base: dict[str, list[int]] = field(default_factory=dict)
    answers: dict[str, np.ndarray] = field(default_factory=dict)

    def labels(self, attribute: Attribute) -> np.ndarray:
        """The judge's class of each image, int64 (N,)."""
        return cells(self.verdict.labels, attribute, self.judge.sizes)

    def confusion(self, attribute: Attribute) -> np.ndarray:
        """The judge's counts on held-out images, rows truth, columns assigned; errors on two attributes taken apart."""
        tables = [np.array(self.judge.card["measured"]["confusion"][name]) for name in names(attribute)]
        joint = reduce(lambda a, b: np.kron(a, b) / b.sum(), tables)
        return np.rint(joint).astype(np.int64)

    def counted(self, attribute: Attribute) -> np.ndarray:
        """Counts of the attribute's classes among the base's samples, int64 (classes,)."""
        return np.array(self.base[key(attribute)])


def module(task: str) -> ModuleType:
    """The module of a task."""
    from importlib import import_module

    return import_module(f"retouch.benchmark.tasks.{task}")


@cache
def _training(base: str) -> Images:
    return data.load(_data(base), "train")


@cache
def data_sha256(base: str) -> str:
    """Hash of the images and labels that a base was trained on, as they are read or drawn here."""
    images = _training(base)
    return content_key(" ".join(images.labels), images.images, *images.labels.values())


def training(instance: Instance) -> Images:
    """The images that the base was trained on."""
    return _training(instance.base)


def held_out(base: str, **design: Any) -> Images:
    """Held-out images of the data that `base` was trained on, or as `design` states; 3,000 of drawn data sets."""
    spec = _data(base) | design
    spec.pop("counts", None)  # an unevenly filled training set is no reason to hold out unevenly
    return data.load(spec | {"n": HELD_OUT} if "n" in spec else spec, "heldout")


def _data(base: str) -> dict[str, Any]:
    return dict(pretrain_recipe(base)["data"])


def pretrain_recipe(base: str) -> dict[str, Any]:
    """The recipe in a base's card."""
    return weights.card(weights.folder(base))["recipe"]
