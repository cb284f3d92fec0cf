"""Data sets, one module each; `load` finds them by name."""

from typing import Any

from benchmark.data.images import Images


def load(spec: dict[str, Any], split: str) -> Images:
    """Load a split of a data set.

    Args:
        spec: {"name": "digits" | "faces" | "mnist" | "fashion_mnist", ...}; the rest are that data set's arguments.
        split: "train", "guide", "judge", "heldout", ...: each data set documents its own.

    Raises:
        ValueError: no such data set or split, with the known names.
    """
    arguments = dict(spec)
    name = arguments.pop("name")
    if name == "digits":
        from benchmark.data.digits import digits as read
    elif name == "faces":
        from benchmark.data.faces import faces as read
    elif name in ("mnist", "fashion_mnist"):
        from functools import partial

        from benchmark.data.mnist import mnist

        read = partial(mnist, name)
    else:
        raise ValueError(f"there is no data set {name!r}; there are digits, faces, mnist and fashion_mnist")
    return read(split, **arguments)
