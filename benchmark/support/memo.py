"""What was made of files, for as long as neither they nor the package change: they are then not read again.

A file is known by its size, inode and times; one that was changed within the last seconds is read again, since another
change could leave it with the same times. All that lies below the package and RETOUCH_PATH counts as the package.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from retouch.benchmark.support import plugins
from retouch.benchmark.support.cache import cache_folder, json_key
from retouch.benchmark.support.files import state, write_atomically
from retouch.benchmark.support.places import BENCHMARK, METHODS

FRESH = 2.0  # seconds after a change in which a file is not taken as known


def stamp(*files: Path) -> list[Any]:
    """What files are known by, as JSON has it; None for one that is not there."""
    stamps: list[Any] = []
    for file in files:
        try:
            stamps.append(list(state(file)))
        except OSError:
            stamps.append(None)
    return stamps


def settled(stamps: list[Any]) -> bool:
    """Whether the last change of these files is long enough ago for their stamps to tell the next one."""
    return all(one is None or one[-1] < (time.time() - FRESH) * 1e9 for one in stamps)


def package_key() -> str:
    """A hash of the stamps of all files that decide how any other file is read."""
    roots = [BENCHMARK, METHODS, *plugins.roots()]
    return json_key([stamp(*(file for root in roots for file in _below(root))), os.environ.get("RETOUCH_DATA", "")])


def _below(folder: Path) -> Iterator[Path]:
    for inner, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != "__pycache__" and not name.startswith("."))
        yield from (Path(inner, name) for name in sorted(names))


class Memo:
    """JSON values by file, kept in the cache from one call to the next.

    key: all beside the files and the package that decides the values.
    """

    def __init__(self, name: str, *key: Any) -> None:
        self.file = cache_folder() / "memo" / f"{name}-{json_key([*key, package_key()])}.json"
        self._known: dict[str, Any] = {}
        self._now: dict[str, Any] = {}
        with contextlib.suppress(OSError, ValueError):
            self._known = json.loads(self.file.read_text())

    def of(self, files: list[Path], make: Callable[[], Any]) -> Any:
        """The value of the first file and its companions: the known one, or what `make` returns."""
        name, stamps = str(files[0]), stamp(*files)
        known = self._known.get(name)
        if known and known[0] == stamps:
            self._now[name] = known
            return known[1]
        value = make()
        if settled(stamps):
            self._now[name] = [stamps, value]
        return value

    def keep(self) -> None:
        """Write what is known now; files that were not asked about are forgotten."""
        if self._now != self._known:
            write_atomically(self.file, json.dumps(self._now).encode())
