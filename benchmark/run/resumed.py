"""An edit that has ended, kept in the store until the run has its record: a run lost meanwhile goes on from it.

Sampling may take longer than the edit, and a machine that is taken away then costs only that. What is kept are weights:
the next worker must draw the very images that the first one drew. Where it does not, since the method has put a filter
around the generator, the run begins again. Its record is the same either way.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from retouch.benchmark.run.resolve import Resolved
from retouch.benchmark.support import store
from retouch.benchmark.support.cache import cache_folder, keep, kept

WORTH = 60.0  # seconds of an edit from which on its weights are kept


class Edited(NamedTuple):
    """An edit's outcome: weights as a zip, the images drawn to know them by, its cost, and what the method printed."""

    weights: bytes
    images: np.ndarray
    cost: dict[str, Any]
    printed: str


def worthwhile(cost: dict[str, Any]) -> bool:
    """Whether an edit is kept: another machine could go on from it, and would save time."""
    return bool(store.address()) and cost["wall"] >= WORTH


def save(resolved: Resolved, edited: Edited) -> None:
    """Put an edit into the store."""
    texts = {"cost": np.array(json.dumps(edited.cost)), "printed": np.array(edited.printed)}
    keep(_file(resolved), {"weights": np.frombuffer(edited.weights, np.uint8), "images": edited.images, **texts})


def load(resolved: Resolved) -> Edited | None:
    """The edit of a run that was lost after it; None if there is none."""
    arrays = kept(_file(resolved)) if store.address() else None
    if arrays is None:
        return None
    cost = json.loads(str(arrays["cost"]))
    return Edited(arrays["weights"].tobytes(), arrays["images"], cost, str(arrays["printed"]))


def forget(resolved: Resolved) -> None:
    """Remove the edit of a run that has its record."""
    if _file(resolved).exists():
        _file(resolved).unlink()
        store.remove(f"edits/{resolved.key}.npz")


def _file(resolved: Resolved) -> Path:
    return cache_folder() / "edits" / f"{resolved.key}.npz"
