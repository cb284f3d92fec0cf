"""A group of processes (cgroup v2) whose memory and number the kernel limits, where this user may make one.

systemd gives a session's groups to its user, a container has a tree of its own. The new group lies beside the caller's,
since a group that holds processes can have none below it that limits memory.

Source: the kernel's Documentation/admin-guide/cgroup-v2.rst.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from pathlib import Path

OPTIONAL = {"memory.swap.max": "0", "memory.oom.group": "1"}  # a kernel without swap has no limit of it
TABLES = Path("/proc/self")  # where a process reads its group, and what is mounted


def make(memory_mb: int, processes: int) -> Path | None:
    """Make a group that may use so much memory and so many processes together; None where the system lets nobody."""
    if (above := _above()) is None:
        return None
    folder = above / f"retouch-{os.getpid()}-{secrets.token_hex(4)}"
    with contextlib.suppress(OSError):
        (above / "cgroup.subtree_control").write_text("+memory +pids")
    try:
        folder.mkdir()
        (folder / "memory.max").write_text(str(memory_mb << 20))  # raises where memory is not for groups to limit
        (folder / "pids.max").write_text(str(processes))
    except OSError:
        end(folder)
        return None
    for name, value in OPTIONAL.items():
        with contextlib.suppress(OSError):
            (folder / name).write_text(value)
    return folder


def _above() -> Path | None:
    """The group above this process's own; its own where there is none above; None without cgroup v2."""
    try:
        own = [line.split("::")[1] for line in (TABLES / "cgroup").read_text().splitlines() if line.startswith("0::")]
        mounts = [line.split() for line in (TABLES / "mountinfo").read_text().splitlines() if " - cgroup2 " in line]
        root, place = mounts[0][3:5]
        inner = Path(own[0]).relative_to(root)
    except (OSError, IndexError, ValueError):
        return None
    return Path(place) / inner.parent


def enter(folder: str) -> None:
    """Put the calling process, and with it all that it starts, into a group."""
    Path(folder, "cgroup.procs").write_text("0")


def out_of_memory(folder: Path) -> bool:
    """Whether the kernel has ended a process of the group because its memory was used up."""
    with contextlib.suppress(OSError, ValueError):
        events = dict(line.split() for line in (folder / "memory.events").read_text().splitlines())
        return int(events.get("oom_kill", 0)) > 0
    return False


def end(folder: Path, seconds: float = 5.0) -> None:
    """Kill all processes of a group and remove it, within some seconds."""
    deadline = time.monotonic() + seconds
    while folder.exists() and time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            (folder / "cgroup.kill").write_text("1")
        with contextlib.suppress(OSError):
            folder.rmdir()
            return
        time.sleep(0.01)
