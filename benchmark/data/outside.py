"""Data sets of one's own: tables of a track's data.toml, read from a folder of images, an npz, torchvision, Arrow.

    [people]
    source = "folder"                  # or "npz", "torchvision" (set = "CIFAR10"), "arrow" (Hugging Face's on disk)
    path = "images"                    # from the track's folder on
    table = "attributes.csv"           # or .parquet; without one, folders of images are categories
    file = "file_name"                 # the column of a folder's table that names the image; this is the default
    attributes = ["glasses", "smile"]  # columns
    identity = "person"                # a column, where there is one: some people are kept apart as "strangers"
    size = 64                          # images are cropped to squares and brought to this size
    channels = 3
    licence = "CC0"

Every image belongs to one split for good, by a hash of its name, or of its person's with `split_by = "identity"`:
`splits` states their shares. Real images cannot be drawn again: a target distribution is met by weights, of a
reference; by repeating what is rare, in a training set; or by leaving out images, as few as will do.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from retouch.benchmark.data import sources
from retouch.benchmark.data.images import Images
from retouch.benchmark.data.sources import Entry
from retouch.benchmark.support import plugins
from retouch.benchmark.support.cache import content_key

FILE = "data.toml"
FROM_FILES = ("mnist", "fashion_mnist", "celeba", "celeba_faces", "cifar10")  # the package's that do not ship
TAKEN = ("digits", "faces", *FROM_FILES)  # names of the package's own data sets


def entries() -> dict[str, Path]:
    """The names of all data sets of one's own, with their data.toml."""
    files = [folder / FILE for folder in plugins.tracks() if (folder / FILE).is_file()]
    return {name: file for file in files for name in _tables(file)}


def entry(name: str) -> Entry:
    """A table of data.toml, its paths from the file's folder on; a ValueError names each wrong field."""
    file = entries()[name]
    try:
        made = Entry.model_validate(_tables(file)[name])
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise ValueError(
            f"{file}: [{name}] {field}: {first['msg']}; benchmark/data/outside.py has every field"
        ) from None
    table = file.parent / made.table if made.table else None
    return made.model_copy(update={"path": file.parent / made.path, "table": table})


def _tables(file: Path) -> dict[str, Any]:
    try:
        tables = tomllib.loads(file.read_text())
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{file} is not TOML: {error}; mend that line") from None
    if taken := next((name for name in tables if name in TAKEN), ""):
        raise ValueError(f"{file}: [{taken}] is a data set of the package; call yours otherwise")
    return tables


def everything(name: str) -> tuple[Images, np.ndarray]:
    """All images of a data set with their labels, and the split (N,) of each; read once a process."""
    return _everything(name, entry(name))


def sha256(name: str) -> str:
    """Hash of all images and labels of a data set, as they are read here."""
    images, _ = everything(name)
    return content_key(" ".join(images.labels), images.images, *images.labels.values())


@cache
def _everything(name: str, made: Entry) -> tuple[Images, np.ndarray]:
    names, pixels, columns = sources.read(made)
    wanted = [*made.attributes, *[made.identity] * bool(made.identity)] or list(columns)
    if lacking := [column for column in wanted if column not in columns]:
        place = made.table or made.path
        raise ValueError(f"{place}: no column {lacking[0]!r}; there are {', '.join(columns) or 'none'}")
    labels, words = {}, {}
    for column in wanted:
        values, codes = np.unique(np.asarray(columns[column]), return_inverse=True)
        label = "identity" if column == made.identity else column
        labels[label], words[label] = codes.astype(np.int64), [str(value) for value in values]
    if made.split_by == "identity":
        people = np.array([_chance(f"split {one}") for one in words["identity"]])
        chance = people[labels["identity"]]
    else:
        chance = np.array([_chance(f"image {one}") for one in names])
    parts, shares = zip(*made.splits, strict=True)
    ends = np.cumsum(shares)
    split = np.array(parts)[np.searchsorted(ends / ends[-1], chance, side="right").clip(max=len(ends) - 1)]
    if made.identity:
        apart = np.array([_chance(f"person {one}") < made.strangers for one in words["identity"]])
        split = np.where(apart[labels["identity"]], "strangers", split)
    return Images(pixels, labels, words), split.astype(object)


def _chance(text: str) -> float:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big") / 2**48


def load(name: str, split: str, **choice: Any) -> Images:
    """A split of a data set of one's own.

    Args:
        choice: n and start; exclude, only: people; without: categories; counts: of each category at most;
            target: {"glasses,smile": shares}, a table of joint shares that is met by leaving out images; weighted: the
            same by weights of all images; resampled: by repeating some, as many images as there were.

    Raises:
        ValueError: an unknown split or choice, or too few images of what the target asks for.
    """
    images, splits = everything(name)
    if split not in set(splits):
        raise ValueError(f"{name} has no split {split!r}; it has {', '.join(sorted(set(splits)))}")
    images = images[np.flatnonzero(splits == split)]
    start, n, weighted = choice.pop("start", 0), choice.pop("n", None), choice.pop("weighted", None)
    for word, value in choice.items():
        if word not in _CHOICES:
            raise ValueError(
                f"{name}: no choice {word!r} of images; there are n, start, weighted, {', '.join(_CHOICES)}"
            )
        images = images[_CHOICES[word](images, value)]
    if not len(images):
        raise ValueError(f"{name}: no image of split {split!r} is left after {choice}; bring more images")
    images = replace(images, weights=_weights(images, weighted)) if weighted else images
    return images[start:][:n]


def _people(images: Images, people: list[int]) -> np.ndarray:
    return np.isin(_label(images, "identity"), people)


def _label(images: Images, attribute: str) -> np.ndarray:
    if attribute not in images.labels:
        raise ValueError(f"no attribute {attribute!r} in the table; there are {', '.join(images.labels)}")
    return images.labels[attribute]


def _counts(images: Images, counts: list[int]) -> np.ndarray:
    label = _label(images, "category")
    return np.sort(np.concatenate([np.flatnonzero(label == k)[:most] for k, most in enumerate(counts)]))


def _cells(images: Images, target: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The cell (N,) of each image in the target's table, how many images each cell holds, and its wanted share.

    Raises:
        ValueError: an attribute that there is not, a table of another size, a wanted cell without images.
    """
    [(names, table)] = target.items()
    shares, attributes = np.asarray(table, float), names.split(",")
    labels = [_label(images, attribute) for attribute in attributes]
    sizes = tuple(len(images.names[attribute]) for attribute in attributes)
    if shares.shape != sizes:
        raise ValueError(f"target {names}: a table {shares.shape} of shares, but the attributes have {sizes} values")
    cells = np.ravel_multi_index(labels, shares.shape)
    held, wanted = np.bincount(cells, minlength=shares.size), shares.ravel() / shares.sum()
    if (empty := np.flatnonzero((wanted > 0) & (held == 0))).size:
        values = zip(attributes, np.unravel_index(empty[0], sizes), strict=True)
        what = ", ".join(f"{attribute} = {images.names[attribute][value]}" for attribute, value in values)
        raise ValueError(f"too few images of the target: none with {what}; bring some, or set its share to 0")
    return cells, held, wanted


def _target(images: Images, target: dict[str, Any]) -> np.ndarray:
    """Rows whose joint shares are the target's, as many as the scarcest cell allows."""
    cells, held, wanted = _cells(images, target)
    most = int(np.min(held[wanted > 0] / wanted[wanted > 0]))
    rows = [np.flatnonzero(cells == cell)[: round(most * share)] for cell, share in enumerate(wanted)]
    return np.sort(np.concatenate(rows))


def _weights(images: Images, target: dict[str, Any]) -> np.ndarray:
    """Weights (N,), sum 1, under which the joint shares are the target's."""
    cells, held, wanted = _cells(images, target)
    return np.divide(wanted, held, out=np.zeros(len(wanted)), where=held > 0)[cells]


def _resampled(images: Images, target: dict[str, Any]) -> np.ndarray:
    """N rows whose joint shares are the target's, each image as often as its weight says, up to one (systematic)."""
    ends = np.cumsum(_weights(images, target))
    return np.searchsorted(ends, (np.arange(len(images)) + 0.5) / len(images) * ends[-1])


_CHOICES: dict[str, Any] = {
    "exclude": lambda images, people: ~_people(images, people),
    "only": _people,
    "without": lambda images, categories: ~np.isin(_label(images, "category"), categories),
    "counts": _counts,
    "target": _target,
    "resampled": _resampled,
}
