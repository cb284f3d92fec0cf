"""The index of a folder of records, kept between starts: reading 100,000 JSON files takes half a minute."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from retouch.benchmark import records, tracks, versions
from retouch.benchmark.support.files import write_atomically
from retouch.leaderboard.read import frame

FORM = "1"  # of the index's own files
Stamps = dict[str, tuple[int, int]]  # record file, relative -> (modification time in ns, size)


@dataclass(frozen=True)
class Index:
    """Everything that the record files of a folder held at their stamps: the runs, and why other files are none."""

    runs: pd.DataFrame
    rejected: dict[str, str]
    stamps: Stamps


def cache_folder() -> Path:
    """Where all indices are kept: RETOUCH_CACHE, else the platform's cache."""
    if os.environ.get("RETOUCH_CACHE"):
        return Path(os.environ["RETOUCH_CACHE"]) / "board"
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or Path.home() / ".cache"
    return Path(base) / "retouch" / "board"


def place(folder: Path) -> Path:
    """Where the index of this folder is kept."""
    key = hashlib.sha256(f"{FORM}:{folder.resolve()}:{_code()}".encode()).hexdigest()[:24]
    return cache_folder() / key


def _code() -> str:
    """Hash of what decides how a record is read: a change of schema, tracks or scales makes the index anew."""
    files = [Path(str(module.__file__)) for module in (records, frame, versions)]
    files += [*sorted(tracks.FOLDER.glob("*/track.toml")), *sorted(tracks.FOLDER.glob("*/scale.json"))]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def read(folder: Path) -> Index | None:
    """The index of a folder; None where there is none that can be read."""
    try:
        files = pd.read_parquet(place(folder) / "files.parquet")
        runs = pd.read_parquet(place(folder) / "runs.parquet")
    except (OSError, ValueError):
        return None
    stamps = dict(zip(files["file"], zip(files["time"], files["size"], strict=True), strict=True))
    bad = files[files["rejected"] != ""]
    return Index(runs, dict(zip(bad["file"], bad["rejected"], strict=True)), stamps)


def write(folder: Path, index: Index) -> None:
    """Keep the index; where nothing can be written, the next start reads every record again."""
    files = pd.DataFrame(
        {
            "file": list(index.stamps),
            "time": [time for time, _ in index.stamps.values()],
            "size": [size for _, size in index.stamps.values()],
            "rejected": [index.rejected.get(name, "") for name in index.stamps],
        }
    )
    try:
        write_atomically(place(folder) / "runs.parquet", index.runs.to_parquet(index=False))
        write_atomically(place(folder) / "files.parquet", files.to_parquet(index=False))
    except OSError:
        return
