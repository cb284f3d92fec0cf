"""Write files so that no reader ever sees half of one; read files of unknown origin with care."""

import json
import os
import stat
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
    """The content of a plain file; a ValueError for a pipe or device, which would never end, and for a huge file."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(f"{path} is not a plain file")
    if status.st_size > limit:
        raise ValueError(f"{path}: larger than {limit / 1e6:.0f} MB")
    return path.read_bytes()
