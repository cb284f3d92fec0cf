"""MNIST and Fashion-MNIST through torchvision, 28x28 in a 32x32 frame.

Looked for in RETOUCH_DATA (torchvision's own layout) and in the cache; downloaded only with RETOUCH_DOWNLOAD=1, which
is what `retouch pretrain --download` sets. Packed files in RETOUCH_DATA are unpacked into the cache: the data folder
stays as it is.
"""

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from retouch.benchmark.data.images import Images
from retouch.benchmark.support.cache import cache_folder

SPLITS = {"train": (0, 30_000), "guide": (30_000, 40_000), "judge": (40_000, 60_000), "heldout": (0, 10_000)}
ALLOW = "--download for `retouch pretrain`, RETOUCH_DOWNLOAD=1 elsewhere"
FOLDERS = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST"}


def mnist(
    name: str, split: str, *, n: int | None = None, counts: list[int] | None = None, without: tuple[int, ...] = ()
) -> Images:
    """A split of "mnist" or "fashion_mnist", (N, 1, 32, 32); "heldout" is the official test set.

    Args:
        n: the first n images only; counts: the first so many of each category 0..9 only.
        without: categories to leave out.

    Raises:
        FileNotFoundError: the files are not there or damaged, and no download was asked for, or none is to be had.
    """
    if split not in SPLITS:
        raise ValueError(f"{name} has no split {split!r}; it has {', '.join(SPLITS)}")
    dataset = _read(name, train=split != "heldout")
    first, last = SPLITS[split]
    labels = dataset.targets.numpy().astype(np.int64)[first:last]
    images = np.pad(dataset.data.numpy()[first:last, None], ((0, 0), (0, 0), (2, 2), (2, 2)))
    keep = ~np.isin(labels, without)
    if counts is not None:
        rank = np.empty(len(labels), np.int64)  # of each image within its category
        for category in range(len(counts)):
            (rows,) = np.nonzero(labels == category)
            rank[rows] = np.arange(len(rows))
        keep &= rank < np.asarray(counts)[labels]
    return Images(images[keep][:n], {"category": labels[keep][:n]}, {"category": list(dataset.classes)})


def _read(name: str, train: bool) -> Any:
    import torchvision
    from torchvision.datasets.utils import check_integrity

    reader = getattr(torchvision.datasets, FOLDERS[name])
    download = os.environ.get("RETOUCH_DOWNLOAD") == "1"
    for root in filter(None, (os.environ.get("RETOUCH_DATA"), cache_folder() / "data")):
        try:
            return reader(root, train=train, download=False)
        except RuntimeError:
            continue
    root = cache_folder() / "data"
    packed = _packed(name)
    if not packed and not download:
        raise FileNotFoundError(
            f"{name} is neither in RETOUCH_DATA ({os.environ.get('RETOUCH_DATA') or 'not set'}) nor in {root}: "
            f"point RETOUCH_DATA to a folder with {FOLDERS[name]}/raw, or allow the download: {ALLOW}"
        )
    sums = dict(reader.resources)
    for file in packed:
        if check_integrity(file, sums.get(file.name)):
            target = root / FOLDERS[name] / "raw" / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
        elif not download:
            raise FileNotFoundError(f"{file} is damaged: its md5 is not torchvision's; replace it, or allow the "
                                    f"download: {ALLOW}")  # fmt: skip
    try:
        return reader(root, train=train, download=True)  # what is there is unpacked, and only the rest downloaded
    except (RuntimeError, OSError) as error:
        raise FileNotFoundError(f"{name} could not be downloaded ({error}); put its files into {root}") from None


def _packed(name: str) -> list[Path]:
    """The four .gz files in RETOUCH_DATA, or none unless all are there."""
    folder = os.environ.get("RETOUCH_DATA")
    files = sorted((Path(folder) / FOLDERS[name] / "raw").glob("*-ubyte.gz")) if folder else []
    return files if len(files) == 4 else []
