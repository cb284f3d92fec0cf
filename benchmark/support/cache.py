"""The cache folder, which holds answers, rendered pictures, features and the state of grids between calls."""

import contextlib
import hashlib
import io
import json
import os
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from retouch.benchmark.support.files import write_atomically


def cache_folder() -> Path:
    """RETOUCH_CACHE, or ~/.cache/retouch."""
    return Path(os.environ.get("RETOUCH_CACHE") or Path.home() / ".cache" / "retouch")


def content_key(made_by: str, *arrays: np.ndarray) -> str:
    """sha256 of `made_by`, a text that names the maker, and of arrays: their types, shapes and values."""
    digest = hashlib.sha256(made_by.encode())
    for array in arrays:
        digest.update(f"\0{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def json_key(value: Any) -> str:
    """sha256 of anything that JSON can hold."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


@cache
def code_key(*modules: ModuleType) -> str:
    """sha256 of the source of modules, so that what an older version of them made is not reused."""
    return hashlib.sha256(b"\0".join(Path(str(module.__file__)).read_bytes() for module in modules)).hexdigest()


def keep(file: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write arrays into the cache; a full disk costs the cache, not the run."""
    buffer = io.BytesIO()
    named: dict[str, Any] = {**arrays}
    np.savez(buffer, **named)
    with contextlib.suppress(OSError):
        write_atomically(file, buffer.getvalue())


def remembered(file: Path, make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The arrays in a file of the cache; if there are none, those that `make` returns, after they are written there."""
    arrays = kept(file)
    if arrays is None:
        keep(file, arrays := make())
    return arrays


def kept(file: Path) -> dict[str, np.ndarray] | None:
    """The arrays that `keep` wrote; None for a missing or damaged file (an npz has a checksum for every array)."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None
