"""CIFAR-10's own pixels from two npz files in RETOUCH_DATA/cifar10_subset: 10,000 training images, 9,859 test images.

A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009; no formal licence, so that it does not
ship. Each file has images uint8 (N, 3, 32, 32), labels and class_names.
"""

from __future__ import annotations

import os
import zipfile
from functools import cache
from pathlib import Path

import numpy as np

from retouch.benchmark.data.images import Images

SPLITS = {"train": (0, 7000), "guide": (7000, 10_000), "judge": (0, 6000), "heldout": (6000, 9859)}
FILES = {"train": "cifar10_train_10000.npz", "test": "cifar10_test_9859.npz"}


def cifar10(split: str, *, n: int | None = None, without: tuple[int, ...] = ()) -> Images:
    """A split, (N, 3, 32, 32): "train" and "guide" of the training file, "judge" and "heldout" of the test file.

    Args:
        n: the first n images only; without: categories to leave out.

    Raises:
        FileNotFoundError: the files are not in RETOUCH_DATA; ValueError: damaged files, no such split.
    """
    if split not in SPLITS:
        raise ValueError(f"cifar10 has no split {split!r}; it has {', '.join(SPLITS)}")
    part = "train" if split in ("train", "guide") else "test"
    images, labels, names = _read(os.environ.get("RETOUCH_DATA", ""), FILES[part])
    rows = slice(*SPLITS[split])
    whole = Images(images[rows], {"category": labels[rows]}, {"category": names})
    return whole[~np.isin(whole.labels["category"], without)][:n]


@cache
def _read(root: str, name: str) -> tuple[np.ndarray, np.ndarray, list[str]]:
    file = Path(root) / "cifar10_subset" / name
    if not root or not file.is_file():
        raise FileNotFoundError(f"cifar10 is not in RETOUCH_DATA ({root or 'not set'}): it looks for "
                                f"cifar10_subset/{name} there")  # fmt: skip
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return arrays["images"], arrays["labels"].astype(np.int64), arrays["class_names"].tolist()
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{file} is damaged or no set of images ({error}); replace it") from None
