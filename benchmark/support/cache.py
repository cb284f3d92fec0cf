"""The cache folder, which holds answers, rendered pictures, features and the state of grids between calls.

Behind it may lie a store that machines share: what is kept goes there, too, and what is missing is looked for there.
"""

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

from retouch.benchmark.support import store
from retouch.benchmark.support.files import write_atomically

SEAL = "sha256"  # the array of an entry that holds the hash of the others


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
    """sha256 of the source of modules, of a package all below it, so that what an older version made is not reused."""
    roots = [Path(str(module.__file__)) for module in modules]
    files = [sorted(root.parent.rglob("*.py")) if root.stem == "__init__" else [root] for root in roots]
    return hashlib.sha256(b"\0".join(file.read_bytes() for part in files for file in part)).hexdigest()


def keep(file: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write arrays into the cache and the store, with a hash of them and of their place."""
    buffer = io.BytesIO()
    named: dict[str, Any] = {**arrays, SEAL: np.array(_seal(file, arrays))}
    np.savez(buffer, **named)
    keep_bytes(file, buffer.getvalue())


def keep_bytes(file: Path, content: bytes) -> None:
    """Write a file into the cache and the store; a full disk costs the cache, not the run."""
    with contextlib.suppress(OSError):
        if not cache_folder().exists():
            cache_folder().mkdir(parents=True, mode=0o700)  # for nobody else to read or to write
        write_atomically(file, content)
    store.put(_name(file), content)


def _name(file: Path) -> str:
    """What the store calls a file of the cache."""
    return file.relative_to(cache_folder()).as_posix()


def _seal(file: Path, arrays: dict[str, np.ndarray]) -> str:
    names = sorted(arrays)
    return content_key(" ".join([file.name, *names]), *(arrays[name] for name in names))


def remembered(file: Path, make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The arrays in a file of the cache; if there are none, those that `make` returns, after they are written there."""
    arrays = kept(file)
    if arrays is None:
        keep(file, arrays := make())
    return arrays


def kept(file: Path) -> dict[str, np.ndarray] | None:
    """The arrays that `keep` wrote, from the cache or else the store; None if both lack them or hold damaged ones."""
    arrays = _arrays(file)
    return _arrays(file) if arrays is None and fetch(file) else arrays


def fetch(file: Path) -> bool:
    """Copy a file from the store into the cache; False if it is not there."""
    content = store.get(_name(file))
    if content is not None:
        with contextlib.suppress(OSError):
            write_atomically(file, content)
    return content is not None


def fetch_folder(name: str, last: str) -> Path | None:
    """A folder of the store as a folder of the cache, copied once; None if the store has none.

    last: the file that makes the folder whole, which is copied after all others.
    """
    folder = cache_folder() / name
    if (folder / last).exists():
        return folder
    files = {file for file in store.names(name) if ".." not in Path(file).parts}
    whole = last in files and all(fetch(folder / file) for file in sorted(files, key=lambda file: file == last))
    return folder if whole else None


def _arrays(file: Path) -> dict[str, np.ndarray] | None:
    """The arrays of a file; None if it is missing, damaged, from elsewhere or rewritten."""
    try:
        with np.load(file, allow_pickle=False) as packed:
            arrays = dict(packed)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None
    seal = arrays.pop(SEAL, None)
    return arrays if seal is not None and str(seal) == _seal(file, arrays) else None
