"""Limits of a worker and all that it starts together, with or without a sandbox: memory, processes and disk."""

from __future__ import annotations

import contextlib
import os
import resource
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from retouch.benchmark.support import plugins

PROCESSES = 128  # and threads, where the kernel counts them
DISK_MB = 2000  # of the work folder, and of any one file
INTERVAL = 0.2  # seconds between looks
ENVIRONMENT = ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES")  # variables that a worker inherits


@dataclass(frozen=True)
class Place:
    """Where a worker works: folders as it sees them, and its limits.

    Attributes:
        task: what was revealed; submission: the submission's folder; work: the folder to work in, made if missing.
        memory_mb: see `apply`; processes: 0, or how many its user may run; uid: the user that root becomes.
        path: RETOUCH_PATH, for families from outside the package; packages: the submission's own, "" for none.
        watchers: processes that it may send no signal; none in a sandbox, which shows it no process of others.
        group: folder of the group (cgroup) that it starts in, where there is one.
    """

    task: str
    submission: str
    work: str
    memory_mb: int
    processes: int = 0
    uid: int = 0
    path: str = ""
    packages: str = ""
    watchers: tuple[int, ...] = ()
    group: str = ""


class OverLimit(Exception):
    """A worker used more than it may."""


def environment(home: Path | str, path: str = "") -> dict[str, str]:
    """The whole environment of a worker: no credentials, and no folder of the caller's but RETOUCH_PATH."""
    inherited = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    own = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(home), "TMPDIR": str(home), "USER": "worker"}
    own |= {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1", "CUBLAS_WORKSPACE_CONFIG": ":4096:8"}  # the last
    # for determinism on CUDA devices
    own |= {plugins.PATH: path} if path else {}
    return inherited | own


def apply(memory_mb: int, processes: int) -> None:
    """Limit this process and its children, irrevocably. 0 processes: no limit by the kernel.

    The kernel's limit on data holds for each process alone and catches bursts between two looks of `Watch`. It is twice
    the track's limit because it counts reserved memory, used or not.
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
    """A watch over the processes below a process, and over the folder that they work in.

    Args:
        pid: the root of the tree, not counted itself; memory_mb: what all others may use together.
        folder: the work folder; None in the sandbox, whose files lie in memory: they have a size, and count as that.
    """

    def __init__(self, pid: int, memory_mb: int, folder: Path | None) -> None:
        self.memory_mb, self.folder, self.peak = memory_mb, folder, 0.0
        self._root, self._looked = psutil.Process(pid), 0.0
        self._seen: set[psutil.Process] = set()

    def look(self) -> None:
        """Check the limits, unless the last look was less than INTERVAL ago; OverLimit names what exceeds one."""
        if time.monotonic() - self._looked < INTERVAL:
            return
        processes = self._below()
        if len(processes) > PROCESSES + 2:  # bubblewrap's own
            raise OverLimit(f"the worker ran {len(processes)} processes; {PROCESSES} are allowed")
        self.peak = max(self.peak, used := self._memory(processes))
        if used > self.memory_mb:
            raise OverLimit(f"the worker used {used:.0f} MB; the track allows {self.memory_mb} MB")
        if self.folder and size(self.folder) > DISK_MB << 20:
            raise OverLimit(f"the worker wrote more than {DISK_MB} MB, or too many files, into its work folder")
        self._looked = time.monotonic()

    def processor_seconds(self) -> float:
        """Processor seconds that the whole tree has used so far, also in processes that have ended."""
        tree = [self._root, *self._below()]
        ended = sum(
            _memory_field(process, "cpu_times", f"children_{kind}") for process in tree for kind in ("user", "system")
        )
        return ended + sum(
            _memory_field(process, "cpu_times", kind) for process in tree[1:] for kind in ("user", "system")
        )

    def _below(self) -> list[psutil.Process]:
        try:
            processes = self._root.children(recursive=True)
        except psutil.Error:
            processes = []
        self._seen.update(processes)
        return processes

    def _memory(self, processes: list[psutil.Process]) -> float:
        """MB in use, with files in memory. Shared pages are counted once, which is slow, only where that may matter."""
        files = 0.0 if self.folder else _files_in_memory(processes)
        resident = sum(_memory_field(process, "memory_info", "rss") for process in processes) / 2**20
        if resident + files <= self.memory_mb:
            return resident + files
        own, shared = np.sum([_proportional(process.pid) for process in processes] or [(0.0, 0.0)], axis=0)
        return float(own + max(shared, files))  # pages of those files are part of `shared` where they are mapped

    def end(self) -> None:
        """Kill all of them, also those that have left the tree since an earlier look."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            self._below()
            alive = [
                process for process in self._seen if process.is_running() and _status(process) != psutil.STATUS_ZOMBIE
            ]
            if not alive:
                return
            for process in alive:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            time.sleep(0.005)


def _files_in_memory(processes: list[psutil.Process]) -> float:
    """MB of the files that a sandbox keeps in memory, as its newest process sees them; 0 where none can be asked.

    bubblewrap's own processes, which are there first and last, see the host's folders.
    """
    for process in reversed(processes):
        with contextlib.suppress(OSError):
            rooms = [os.statvfs(f"/proc/{process.pid}/root/{name}") for name in ("tmp", "dev/shm")]
            own = [room for room in rooms if room.f_blocks * room.f_frsize <= DISK_MB << 20]  # not the host's own
            return sum((room.f_blocks - room.f_bfree) * room.f_frsize for room in own) / 2**20
    return 0.0


def _proportional(pid: int) -> tuple[float, float]:
    """MB of a process, pages shared by k processes counted 1/k: of its own, and of shared memory; 0 once it is gone."""
    with contextlib.suppress(OSError, ValueError):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
        sizes = {name: float(size) / 1024 for name, size, *_ in map(str.split, lines)}
        shared = sizes.get("Pss_Shmem:", 0.0)
        return sizes["Pss:"] - shared, shared
    return 0.0, 0.0


def _memory_field(process: psutil.Process, call: str, field: str) -> float:
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
    """Bytes on disk below a folder, without following links; 2^62 where there are over `most` files and folders."""
    total, count, queue = 0, 0, [str(folder)]
    while queue:
        with contextlib.suppress(OSError), os.scandir(queue.pop()) as entries:
            for entry in entries:
                count += 1
                if count > most:
                    return 1 << 62
                with contextlib.suppress(OSError):
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        queue.append(entry.path)
    return total
