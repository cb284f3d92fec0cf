"""A store that machines share behind their caches: a folder of a shared file system, or a bucket, through fsspec.

RETOUCH_STORE names it: s3://bucket/prefix, gs://bucket/prefix, /mnt/retouch, ... An object has the name that its file
has below the cache folder: a hash of what made it. A store that fails costs time but no run: what cannot be read is
made again, what cannot be written stays in the cache of the machine that made it. Addresses and keys of a bucket are
those of its own client (AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, ...).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from retouch.benchmark.support.files import write_atomically

TRIES = 3  # of each request, beside those of the bucket's own client
Result = TypeVar("Result")


def address() -> str:
    """RETOUCH_STORE; empty where machines share nothing."""
    return os.environ.get("RETOUCH_STORE", "").rstrip("/")


def put(name: str, content: bytes) -> None:
    """Write an object, whole or not at all; nothing without a store, a warning where every try fails."""

    def write(system: Any, path: str) -> None:
        if "file" in system.protocol:
            write_atomically(Path(path), content)
        else:
            system.pipe_file(path, content)  # a bucket shows an object only once it is complete

    _try("writing", name, write)


def get(name: str) -> bytes | None:
    """The content of an object; None if there is none, or no store, or every try fails."""
    return _try("reading", name, lambda system, path: system.cat_file(path))


def remove(name: str) -> None:
    """Remove an object, if there is one."""
    _try("removing", name, lambda system, path: system.rm_file(path))


def names(folder: str) -> set[str]:
    """The names of the objects below a folder of the store, from there on."""

    def find(system: Any, path: str) -> set[str]:
        system.invalidate_cache()  # others write there
        return {file.removeprefix(path).lstrip("/") for file in system.find(path)}

    return _try("listing", folder, find) or set()


def _try(verb: str, name: str, request: Callable[[Any, str], Result]) -> Result | None:
    """What a request returns, tried a few times; None without a store or such an object, or with a warning."""
    if not address():
        return None
    system, root = _system(address())
    trouble: Exception | None = None
    for _ in range(TRIES):
        try:
            return request(system, f"{root}/{name}")
        except Exception as error:  # every client has its own, of the network, of the bucket and of damaged answers
            if isinstance(error, FileNotFoundError) and verb != "writing":
                return None
            trouble = error
    print(f"retouch: {verb} {name} in {address()} failed: {type(trouble).__name__}: {trouble}", file=sys.stderr)
    return None


@cache
def _system(address: str) -> tuple[Any, str]:
    """The file system of an address, and its path there; a ValueError if its client is not installed."""
    try:
        from fsspec.core import url_to_fs

        return url_to_fs(address)
    except ImportError as error:
        raise ValueError(f"RETOUCH_STORE={address}: {error}; pip install 'retouch-bench[cluster]'") from None
