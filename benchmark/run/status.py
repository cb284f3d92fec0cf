"""What `retouch status` reads: one JSON a grid, in the cache folder, rewritten as runs begin and end."""

from __future__ import annotations

import contextlib
import os
import time
from threading import Lock
from typing import Any

from retouch.benchmark.records import Record
from retouch.benchmark.run.plan import Run
from retouch.benchmark.support.cache import cache_folder
from retouch.benchmark.support.files import write_json


class Status:
    """The state of a grid of runs, which begin in several threads."""

    def __init__(self, runs: list[Run]) -> None:
        self._lock = Lock()
        self.file = cache_folder() / "status" / f"{os.getpid()}.json"
        self.state: dict[str, Any] = {"pid": os.getpid(), "began": time.time(), "waiting": [r.label for r in runs],
                                      "running": {}, "done": {}}  # fmt: skip

    def started(self, run: Run) -> None:
        """A run begins."""
        with self._lock:
            self.state["waiting"].remove(run.label)
            self.state["running"][run.label] = time.time()
            self._write()

    def finished(self, record: Record) -> None:
        """A run has its record."""
        with self._lock:
            self.state["running"].pop(record.label, None)
            self.state["done"][record.label] = record.status
            self._write()

    def _write(self) -> None:
        with contextlib.suppress(OSError):
            write_json(self.file, self.state)
