"""Attributes, one or several at once: the values of several are the cells of their joint table, in row-major order."""

import math
from collections.abc import Mapping

import numpy as np

Attribute = str | list[str]


def names(attribute: Attribute) -> list[str]:
    """The attributes that `attribute` names."""
    return [attribute] if isinstance(attribute, str) else list(attribute)


def key(attribute: Attribute) -> str:
    """The attribute as one string: "glasses", or "glasses, smile"."""
    return ", ".join(names(attribute))


def size(attribute: Attribute, sizes: Mapping[str, int]) -> int:
    """How many cells there are."""
    return math.prod(sizes[name] for name in names(attribute))


def cells(labels: Mapping[str, np.ndarray], attribute: Attribute, sizes: Mapping[str, int]) -> np.ndarray:
    """The cell of each image, int64 (N,), from its value of each attribute; sizes: how many values each has.

    A value beyond the last, which says that judges disagree, makes the cell one beyond the last too.
    """
    cell, unclear = np.zeros((), dtype=np.int64), np.zeros((), dtype=bool)
    for name in names(attribute):
        cell, unclear = cell * sizes[name] + labels[name], unclear | (labels[name] >= sizes[name])
    return np.where(unclear, size(attribute, sizes), cell)
