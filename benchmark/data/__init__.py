"""Data sets, one module each; `load` finds them by name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from retouch.benchmark.data import outside
from retouch.benchmark.data.images import Images
from retouch.benchmark.data.outside import FROM_FILES
from retouch.benchmark.support import plugins


def load(spec: dict[str, Any], split: str) -> Images:
    """Load a split of a data set.

    Args:
        spec: {"name": "digits" | "faces" | one of FROM_FILES, ...}; the rest are that data set's arguments.
        split: "train", "guide", "judge", "heldout", ...: each data set documents its own.

    Raises:
        ValueError: no such data set or split, with the known names.
    """
    arguments = dict(spec)
    name = arguments.pop("name")
    read: Callable[..., Images]
    if name == "digits":
        from retouch.benchmark.data.digits import digits

        read = digits
    elif name == "faces":
        return _faces(arguments, split)
    elif name in ("mnist", "fashion_mnist"):
        from functools import partial

        from retouch.benchmark.data.mnist import mnist

        read = partial(mnist, name)
    elif name in ("celeba", "celeba_faces"):
        from functools import partial

        from retouch.benchmark.data.celeba import celeba

        read = partial(celeba, name)
    elif name == "cifar10":
        from retouch.benchmark.data.cifar10 import cifar10

        read = cifar10
    elif name in outside.entries():
        return outside.load(name, split, **arguments)
    elif name in plugins.installed("data"):
        read = plugins.named(plugins.installed("data")[name], Path())
    else:
        known = ", ".join((*outside.TAKEN, *outside.entries(), *plugins.installed("data")))
        raise ValueError(f"there is no data set {name!r}; there are {known}; data.toml of a track adds others")
    return read(split, **arguments)


def check(spec: dict[str, Any]) -> None:
    """Nothing, if a data set that is read from files can be read.

    Raises:
        FileNotFoundError: files that are missing or damaged, with the remedy.
    """
    if spec["name"] in FROM_FILES:
        load(spec, "heldout")


def _faces(spec: dict[str, Any], split: str) -> Images:
    """Rendered faces from a recipe's table: n, size, seed, and the design's entries beside them."""
    from retouch.benchmark.data.faces import Design, faces

    spec = dict(spec)
    drawn = {key: spec.pop(key) for key in ("size", "seed", "start") if key in spec}
    n = spec.pop("n", 12_000)
    if "target" in spec:  # TOML has neither tuples nor integer keys: "glasses,smile" and shares as nested lists
        [(names, shares)] = spec["target"].items()
        spec["target"] = {tuple(names.split(",")): dict(np.ndenumerate(shares))}
    lists = {key: tuple(value) for key, value in spec.items() if isinstance(value, list)}
    return faces(split, n, design=Design(**{**spec, **lists}), **drawn)
