"""What a worker may use, with or without a sandbox: memory, processes and disk, of all that it starts together."""

from __future__ import annotations

import contextlib
import os
import resource
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from retouch.benchmark.support import plugins

PROCESSES = 128  # and threads, where the kernel counts them
DISK_MB = 2000  # of the work folder, and of any one file
EVERY = 0.2  # seconds between looks
ENVIRONMENT = ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES")  # what a worker keeps of ours


@dataclass(frozen=True)
class Place:
    """Where a worker works: folders as it sees them, and its limits.

    Attributes:
        task: what was revealed; submission: the submission's folder; work: the folder to work in, made if missing.
        memory_mb: see `apply`; processes: 0, or how many its user may run; uid: the user that root becomes.
        path: RETOUCH_PATH, for families from outside the package.
    """

    task: str
    submission: str
    work: str
    memory_mb: int
    processes: int = 0
    uid: int = 0
    path: str = ""


class OverLimit(Exception):
    """A worker used more than it may."""


def environment(home: Path | str, path: str = "") -> dict[str, str]:
    """The whole environment of a worker: no token, no folder of ours but RETOUCH_PATH."""
    kept = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    own = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(home), "TMPDIR": str(home), "USER": "worker"}
    own |= {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"} | ({plugins.PATH: path} if path else {})
    return kept | own


def apply(memory_mb: int, processes: int) -> None:
    """Limit this process and its children, for good. 0 processes: no limit by the kernel.

    The kernel's limit on data holds for each process alone and is there for bursts between two looks of `Watch`; it is
    twice the real one because it counts what is reserved, used or not.
    """
    limits = {resource.RLIMIT_CORE: 0, resource.RLIMIT_FSIZE: DISK_MB << 20}
    if memory_mb:
        limits[resource.RLIMIT_DATA] = 2 * memory_mb << 20
    if processes:
        limits[resource.RLIMIT_NPROC] = processes
    for which, most in limits.items():
        hard = resource.getrlimit(which)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(which, (most, most))
    with contextlib.suppress(OSError):  # where memory runs out, this process goes first
        Path("/proc/self/oom_score_adj").write_text("1000")


class Watch:
    """The processes below one, and the folder that they work in.

    Args:
        pid: the root of the tree, itself not counted; memory_mb: what all others may use together.
        folder: the work folder where nothing else limits its size.
    """

    def __init__(self, pid: int, memory_mb: int, folder: Path | None) -> None:
        self.memory_mb, self.folder, self.peak = memory_mb, folder, 0.0
        self._root, self._looked = psutil.Process(pid), 0.0
        self._seen: set[psutil.Process] = set()

    def look(self) -> None:
        """Look now, unless it is too soon; OverLimit says what there is too much of."""
        if time.monotonic() - self._looked < EVERY:
            return
        found = self._below()
        if len(found) > PROCESSES + 2:  # bubblewrap's own
            raise OverLimit(f"the worker ran {len(found)} processes; {PROCESSES} are allowed")
        self.peak = max(self.peak, used := self._memory(found))
        if used > self.memory_mb:
            raise OverLimit(f"the worker used {used:.0f} MB; the track allows {self.memory_mb} MB")
        if self.folder and size(self.folder) > DISK_MB << 20:
            raise OverLimit(f"the worker wrote more than {DISK_MB} MB, or too many files, into its work folder")
        self._looked = time.monotonic()

    def processor_seconds(self) -> float:
        """Seconds of the processor that the whole tree has used so far, of those that have ended, too."""
        living = [self._root, *self._below()]
        ended = sum(_of(one, "cpu_times", f"children_{kind}") for one in living for kind in ("user", "system"))
        return ended + sum(_of(one, "cpu_times", kind) for one in living[1:] for kind in ("user", "system"))

    def _below(self) -> list[psutil.Process]:
        try:
            found = self._root.children(recursive=True)
        except psutil.Error:
            found = []
        self._seen.update(found)
        return found

    def _memory(self, processes: list[psutil.Process]) -> float:
        """MB in use; where that seems too much, pages that several processes share are counted once."""
        resident = sum(_of(one, "memory_info", "rss") for one in processes) / 2**20
        if resident <= self.memory_mb:
            return resident
        return sum(_of(one, "memory_full_info", "pss") for one in processes) / 2**20

    def end(self) -> None:
        """End them all, those too that have left the tree since they were seen."""
        until = time.monotonic() + 5
        while time.monotonic() < until:
            self._below()
            alive = [one for one in self._seen if one.is_running() and _status(one) != psutil.STATUS_ZOMBIE]
            if not alive:
                return
            for one in alive:
                with contextlib.suppress(psutil.Error):
                    one.kill()
            time.sleep(0.005)


def _of(process: psutil.Process, call: str, field: str) -> float:
    try:
        return getattr(getattr(process, call)(), field)
    except (psutil.Error, AttributeError):
        return 0


def _status(process: psutil.Process) -> str:
    try:
        return process.status()
    except psutil.Error:
        return psutil.STATUS_ZOMBIE


def size(folder: Path, most: int = 20_000) -> int:
    """Bytes on disk below a folder, links not followed; from `most` files or folders on, as if it were full."""
    total, count, left = 0, 0, [str(folder)]
    while left:
        with contextlib.suppress(OSError), os.scandir(left.pop()) as entries:
            for entry in entries:
                count += 1
                if count > most:
                    return 1 << 62
                with contextlib.suppress(OSError):
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        left.append(entry.path)
    return total
