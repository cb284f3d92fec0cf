"""What `retouch status` reads: one JSON a grid, in the cache folder, rewritten as runs begin and end."""

from __future__ import annotations

import contextlib
import math
import os
import socket
import time
from collections import Counter
from itertools import repeat
from threading import Lock
from typing import Any

from retouch.benchmark.records import Record
from retouch.benchmark.run.plan import Run, estimates
from retouch.benchmark.support.cache import cache_folder
from retouch.benchmark.support.files import write_json

EVERY = 0.5  # seconds between two versions of the file
BAD = 200  # of the runs that are not ok, as many are named
SUMS = ("minutes", "gpu_minutes", "disk")  # what adds up over runs


class Status:
    """The state of a grid of runs, which begin in several threads; what is left is estimated anew as runs end."""

    def __init__(self, runs: list[Run], price: float | None = None) -> None:
        """price: of an hour of a worker, or of a whole GPU where runs take one."""
        self._lock, self._written, self._price = Lock(), 0.0, price
        self.file = cache_folder() / "status" / f"{os.getpid()}.json"
        self._estimates = dict(zip((run.label for run in runs), estimates(runs), strict=True))
        self._left = {name: math.fsum(map(_known, self._estimates.values(), repeat(name))) for name in SUMS}
        self._expected = self._spent = 0.0  # minutes of the runs that have ended, as estimated and as they were
        self._memory = 0.0  # MB of the largest worker so far
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
            estimate = self._estimates.pop(record.label, {})
            self._expected += _known(estimate, "minutes")
            self._left = {name: max(0.0, left - _known(estimate, name)) for name, left in self._left.items()}
            self._memory = max(self._memory, record.cost.peak_memory_mb if record.cost else 0.0)
            self._statuses[record.status] += 1
            if record.status != "ok" and len(self._bad) < BAD:
                self._bad[record.label] = record.status
            self._write()

    def close(self) -> None:
        """Nothing more will begin."""
        with self._lock:
            self._write(last=True)

    def state(self) -> dict[str, Any]:
        """How the grid stands.

        `hours`, `gpu_hours`: of work left, by the estimates and by how far those were off so far; `money`: what they
        cost, None without a price; `disk`: MB still to be written; `memory`: MB of the largest worker so far.
        """
        pace = self._spent / self._expected if self._expected else 1.0
        hours, gpu_hours = (pace * self._left[name] / 60 for name in ("minutes", "gpu_minutes"))
        return {
            "pid": os.getpid(), "host": socket.gethostname(), "began": self._began, "total": self._total,
            "running": dict(self._running), "done": dict(self._statuses), "bad": dict(self._bad),
            "hours": hours, "gpu_hours": gpu_hours, "disk": self._left["disk"], "memory": self._memory,
            "money": None if self._price is None else self._price * (gpu_hours or hours),
        }  # fmt: skip

    def _write(self, last: bool = False) -> None:
        """Write the state, unless it has been written just now and another change will come."""
        if last or time.monotonic() > self._written + EVERY:
            self._written = time.monotonic()
            with contextlib.suppress(OSError):
                write_json(self.file, self.state())


def _known(estimate: dict[str, float], name: str) -> float:
    """A number of an estimate; 0 where nobody knows it."""
    value = estimate.get(name, 0.0)
    return 0.0 if math.isnan(value) else value
