"""Labelled images: the type that every data set returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Images:
    """N pictures with their labels.

    `images` are uint8 (N, C, H, W); `labels` map an attribute to int64 (N,); `names` map an attribute to the words
    for its values 0, 1, ... An attribute without names takes any value. `weights`, float64 (N,) with sum 1, say how
    much each picture counts; None: all alike.
    """

    images: np.ndarray
    labels: dict[str, np.ndarray] = field(default_factory=dict)
    names: dict[str, list[str]] = field(default_factory=dict)
    weights: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.images.dtype != np.uint8 or self.images.ndim != 4:
            raise ValueError(f"images must be uint8 (N, C, H, W), not {self.images.dtype} {self.images.shape}")
        for name, values in self.labels.items():
            if values.dtype != np.int64 or values.shape != (len(self),):
                raise ValueError(f"label {name!r} must be int64 ({len(self)},), not {values.dtype} {values.shape}")
        for name, words in self.names.items():
            if name not in self.labels:
                raise ValueError(f"names for {name!r}, but no such label; there are {sorted(self.labels)}")
            values = self.labels[name]
            if values.size and not 0 <= values.min() <= values.max() < len(words):
                raise ValueError(f"label {name!r} must lie in 0..{len(words) - 1}, one for each of its names")

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, rows: np.ndarray | slice | Sequence[int]) -> Images:
        """The images of some rows, with their labels; `rows` is an index array, a mask or a slice."""
        if not isinstance(rows, slice):
            rows = np.asarray(rows, dtype=np.int64 if len(np.atleast_1d(rows)) == 0 else None)
            if rows.ndim != 1:
                raise ValueError("choose images by an index array, a mask or a slice, as in images[i : i + 1]")
        weights = None if self.weights is None else self.weights[rows] / self.weights[rows].sum()
        return Images(self.images[rows], {name: v[rows] for name, v in self.labels.items()}, self.names, weights)


def concat(parts: Sequence[Images]) -> Images:
    """Join sets of images, which must have the same image shape, the same labels and the same names."""
    if not parts:
        raise ValueError("concat needs at least one set of images")
    first = parts[0]
    for part in parts[1:]:
        if part.images.shape[1:] != first.images.shape[1:]:
            raise ValueError(f"image shapes differ: {first.images.shape[1:]} and {part.images.shape[1:]}")
        if part.labels.keys() != first.labels.keys() or part.names != first.names:
            raise ValueError("labels or their names differ, so that one number would mean two things")
    labels = {name: np.concatenate([part.labels[name] for part in parts]) for name in first.labels}
    return Images(np.concatenate([part.images for part in parts]), labels, first.names)
