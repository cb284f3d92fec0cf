"""The board's data in one object: records, scores, and when to look for newer ones."""

import hashlib
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from retouch.benchmark.support.files import write_atomically
from retouch.leaderboard.rank import scores
from retouch.leaderboard.read import load

SLOW = 1.5  # seconds: a folder whose scan takes longer (a network drive) is looked through in the background
MANY = 5000  # records from which a folder is looked through in the background, not at every view
PAUSE = 60.0  # seconds between two scans in the background


@dataclass(frozen=True, eq=False)
class View:
    """What the pages draw from: never changed, only replaced; equal to itself alone, to be a key of caches."""

    records: load.Records
    scores: pd.DataFrame
    stamp: str = ""

    @property
    def runs(self) -> pd.DataFrame:
        """The table of runs."""
        return self.records.runs


def read(source: Path, progress: load.Progress | None = None) -> View:
    """Records and scores of a folder or a Parquet; both are kept in the cache."""
    found = load.read_parquet(source) if source.is_file() else load.read_folder(source, progress)
    kept = load.place(source) / "scores.parquet"
    made = scores.table(found.runs, found.controls, _old(kept), progress)
    with suppress(OSError):  # no place to write: computed again at the next start
        write_atomically(kept, made.to_parquet(index=False))
    return View(found, made, stamp(source, found.seen))


def _old(file: Path) -> pd.DataFrame | None:
    try:
        return pd.read_parquet(file)
    except (OSError, ValueError):
        return None


def stamp(source: Path, seen: load.Seen) -> str:
    """Changes whenever a record, a manifest or the Parquet does."""
    manifests = (
        [(str(p), p.stat().st_mtime_ns) for p in sorted(load.submissions_root(source).glob("*/submission.toml"))]
        if source.is_dir()
        else [(str(source), source.stat().st_mtime_ns)]
    )
    return hashlib.sha256(repr((sorted(seen.items()), manifests)).encode()).hexdigest()


_boards: "dict[str, Board]" = {}
_making = threading.Lock()


def shared(source: Path, progress: load.Progress | None = None) -> "Board":
    """The one board of a source in this process, made at the first call."""
    with _making:
        key = str(source.resolve())
        if key not in _boards:
            _boards[key] = Board(source.resolve(), progress)
        return _boards[key]


@dataclass
class Board:
    """Hands out the newest view; looks for new records before (small folders) or behind (large ones)."""

    source: Path
    progress: load.Progress | None = field(default=None, repr=False)
    view: View = field(init=False)
    _looked: float = field(init=False, default=0.0)
    _slow: bool = field(init=False, default=False)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.view = read(self.source, self.progress)
        self._looked = time.monotonic()
        self._slow = len(self.view.records.seen) > MANY

    def newest(self) -> View:
        """The view; a changed folder is read again."""
        if not self._slow:
            self._refresh()
        elif time.monotonic() - self._looked > PAUSE:
            threading.Thread(target=self._refresh, daemon=True).start()
        return self.view

    def _refresh(self) -> None:
        if not self._lock.acquire(blocking=False):
            return
        try:
            start = time.monotonic()
            seen = (
                load.scan(load.submissions_root(self.source), load.names_in(self.source))
                if self.source.is_dir()
                else {}
            )
            now = stamp(self.source, seen)
            self._slow = len(seen) > MANY or time.monotonic() - start > SLOW
            if now != self.view.stamp:
                self.view = read(self.source)
            self._looked = time.monotonic()
        finally:
            self._lock.release()
