"""scikit-learn's handwritten digits: 1,797 real 8x8 images, in the wheel, no download.

Source: Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998.
"""

from functools import cache
from importlib.metadata import version

import numpy as np

from retouch.benchmark.data.images import Images
from retouch.benchmark.support.cache import cache_folder, keep, kept

SPLITS = {"train": (0, 100), "judge": (100, 140), "heldout": (140, 1000)}  # positions within each digit's images


def _scans() -> dict[str, np.ndarray]:
    """scikit-learn's own values, 0 to 16, and labels; from the cache, since importing scikit-learn takes a second."""
    file = cache_folder() / "digits" / f"{version('scikit-learn')}.npz"
    arrays = kept(file)
    if arrays is None:
        from sklearn.datasets import load_digits

        bunch = load_digits()
        arrays = {"images": bunch.images.astype(np.uint8), "labels": bunch.target.astype(np.int64)}
        keep(file, arrays)
    return arrays


@cache
def _positions() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All images as uint8, their labels, and each image's place in a fixed shuffle of its own digit."""
    scans = _scans()
    images, labels = np.round(scans["images"] * (255 / 16)).astype(np.uint8)[:, None], scans["labels"]
    place = np.empty(len(labels), np.int64)
    rng = np.random.Generator(np.random.Philox(8))
    for digit in range(10):
        (rows,) = np.nonzero(labels == digit)
        place[rng.permutation(rows)] = np.arange(len(rows))
    return images, labels, place


def digits(split: str, *, counts: list[int] | None = None, without: tuple[int, ...] = ()) -> Images:
    """One split of the digits, (N, 1, 8, 8).

    Args:
        split: "train" (100 of each digit), "judge" (40 of each) or "heldout" (the other 34 to 43 of each).
        counts: keep this many of each digit 0..9 (of "train": at most 100).
        without: digits to leave out.
    """
    if split not in SPLITS:
        raise ValueError(f"digits has no split {split!r}; it has {', '.join(SPLITS)}")
    images, labels, place = _positions()
    first, last = SPLITS[split]
    rows = (place >= first) & (place < last) & ~np.isin(labels, without)
    if counts is not None:
        rows &= place - first < np.asarray(counts)[labels]
    names = {"category": [str(digit) for digit in range(10)]}
    return Images(images[rows], {"category": labels[rows]}, names)
