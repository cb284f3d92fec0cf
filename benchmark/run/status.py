"""What `retouch status` reads: one JSON a grid, in the cache folder, rewritten as runs begin and end."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections import Counter
from threading import Lock
from typing import Any

from retouch.benchmark.records import Record
from retouch.benchmark.run.plan import Run, minutes
from retouch.benchmark.support.cache import cache_folder
from retouch.benchmark.support.files import write_json

EVERY = 0.5  # seconds between two versions of the file
BAD = 200  # of the runs that are not ok, as many are named


class Status:
    """The state of a grid of runs, which begin in several threads."""

    def __init__(self, runs: list[Run]) -> None:
        self._lock, self._written = Lock(), 0.0
        self.file = cache_folder() / "status" / f"{os.getpid()}.json"
        self._minutes = dict(zip((run.label for run in runs), minutes(runs), strict=True))
        self._expected = self._spent = 0.0  # minutes of the runs that have ended, as estimated and as they were
        self._running: dict[str, float] = {}
        self._statuses: Counter[str] = Counter()
        self._bad: dict[str, str] = {}
        self._began, self._total = time.time(), len(runs)

    def started(self, run: Run) -> None:
        """A run begins, perhaps not for the first time."""
        with self._lock:
            self._running[run.label] = time.time()
            self._write()

    def finished(self, record: Record) -> None:
        """A run has its record."""
        with self._lock:
            began = self._running.pop(record.label, time.time())
            self._spent += (time.time() - began) / 60
            self._expected += self._minutes.pop(record.label, 0.0)
            self._statuses[record.status] += 1
            if record.status != "ok" and len(self._bad) < BAD:
                self._bad[record.label] = record.status
            self._write()

    def close(self) -> None:
        """Nothing more will begin."""
        with self._lock:
            self._write(last=True)

    def state(self) -> dict[str, Any]:
        """How the grid stands; `hours`: of work left, by the estimates and by how far those were off so far."""
        pace = self._spent / self._expected if self._expected else 1.0
        return {
            "pid": os.getpid(), "host": socket.gethostname(), "began": self._began, "total": self._total,
            "running": dict(self._running), "done": dict(self._statuses), "bad": dict(self._bad),
            "hours": pace * sum(self._minutes.values()) / 60,
        }  # fmt: skip

    def _write(self, last: bool = False) -> None:
        """Write the state, unless it has been written just now and another change will come."""
        if last or time.monotonic() > self._written + EVERY:
            self._written = time.monotonic()
            with contextlib.suppress(OSError):
                write_json(self.file, self.state())
