"""Write files so that no reader ever sees half of one; read files of unknown origin with care."""

import hashlib
import json
import os
import stat
from functools import lru_cache
from pathlib import Path
from threading import get_ident
from typing import Any


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` to a file beside `path`, then rename it in one step; makes missing folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{get_ident()}.part")
    try:
        draft.write_bytes(content)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON, keys in their own order; a ValueError for NaN and infinity, which JSON lacks."""
    write_atomically(path, (json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False) + "\n").encode())


def read_bytes(path: Path, limit: int = 10_000_000) -> bytes:
    """The content of a plain file of at most `limit` bytes; see `check_plain` for errors."""
    check_plain(path, limit)
    return path.read_bytes()


def check_plain(path: Path, limit: int) -> None:
    """Raise a ValueError for a pipe or device, which would never end, and for a file of more than `limit` bytes."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(f"{path} is not a plain file")
    if status.st_size > limit:
        raise ValueError(f"{path}: larger than {limit / 1e6:.0f} MB")


State = tuple[str, int, int, int, int]  # a file's path, inode, size, and the times of its last changes


def state(path: Path) -> State:
    """What differs once a file has changed; a method can set the time of a change, but not that of the inode's."""
    status = path.stat()
    return str(path), status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def sha256(path: Path) -> str:
    """Hash of a file's content; a file that has not changed is read once a process."""
    return _sha256(state(path))


@lru_cache(maxsize=4096)
def _sha256(of: State) -> str:
    with open(of[0], "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
