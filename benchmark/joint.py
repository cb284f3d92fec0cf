"""Attributes, one or several at once: the values of several are the cells of their joint table, in row-major order."""

from collections.abc import Mapping

import numpy as np

Attribute = str | list[str]


def names(attribute: Attribute) -> list[str]:
    """The attributes that `attribute` names."""
    return [attribute] if isinstance(attribute, str) else list(attribute)


def key(attribute: Attribute) -> str:
    """The attribute as one string: "glasses", or "glasses, smile"."""
    return ", ".join(names(attribute))


def cells(labels: Mapping[str, np.ndarray], attribute: Attribute, sizes: Mapping[str, int]) -> np.ndarray:
    """The cell of each image, int64 (N,), from its value of each attribute; sizes: how many values each has."""
    cell = np.zeros((), dtype=np.int64)
    for name in names(attribute):
        cell = cell * sizes[name] + labels[name]
    return cell
