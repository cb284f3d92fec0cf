"""The board's data in one object: records and scores, read again when the folder changes."""

import hashlib
import threading
import time
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from retouch.benchmark import tasks
from retouch.benchmark.support.files import write_atomically
from retouch.leaderboard.rank import scores, tables
from retouch.leaderboard.read import frame, index, load

SLOW = 1.5  # seconds: a folder whose scan takes longer (a network drive) is looked through in the background
MANY = 5000  # records from which a folder is looked through in the background, not at every view
T = TypeVar("T")
KEPT = 500  # drawn parts that are kept; then all are drawn anew
PAUSE = 60.0  # seconds between two scans in the background


@dataclass(frozen=True, eq=False)
class View:
    """Everything that the pages draw: never changed, only replaced; equal to itself alone, to be a key of caches.

    `whole`: the view of all editions, of which `at` has taken one.
    """

    records: load.Records
    scores: pd.DataFrame
    stamp: str = ""
    whole: "View | None" = None
    _parts: "dict[str, View]" = field(default_factory=dict, repr=False)
    _kept: dict[Hashable, Any] = field(default_factory=dict, repr=False)
    _making: Any = field(default_factory=threading.RLock, repr=False)

    def memo(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make`, which returns no None, has returned for a key; kept as long as this view stands."""
        value: T | None = self._kept.get(key)
        if value is None:
            with self._making:  # one visitor makes, the others wait; what is made may ask for other parts
                value = self._kept.get(key)
                if value is None:
                    value = make()
                    if len(self._kept) >= KEPT:
                        self._kept.clear()
                    self._kept[key] = value
        return value

    def ranked(self) -> pd.DataFrame:
        """The scores, with how many rows share each rank."""
        return self.memo("ranked", lambda: tables.add_ties(self.scores))

    @property
    def runs(self) -> pd.DataFrame:
        """The table of runs."""
        return self.records.runs

    def tracks(self) -> list[str]:
        """The tracks that have records, the one with most records first."""
        counts = self.runs["track"].value_counts()
        return [str(name) for name in counts[counts > 0].index]

    def tasks(self, track: str) -> list[str]:
        """The tasks of a track that have records, in the benchmark's order."""
        names = set(self.runs.loc[self.runs["track"] == track, "task"].unique())
        return [task for task in tasks.names() if task in names] + sorted(names - set(tasks.names()))

    def families(self, track: str, task: str = "") -> list[str]:
        """The families of a track, or of a task in it, that have records; in the board's order."""
        here = (self.runs["track"] == track) & ((self.runs["task"] == task) | (task == ""))
        names = set(self.runs.loc[here, "family"].unique())
        return [family for family in frame.FAMILIES if family in names]

    def submissions(self) -> list[str]:
        """The names of all submissions that have records."""
        return [str(name) for name in self.runs["submission"].cat.categories]

    def editions(self, track: str) -> list[str]:
        """The editions of a track's records, see `frame.editions`."""
        return self.memo(("editions", track), lambda: frame.editions(self.runs, track))

    def at(self, edition: str) -> "View":
        """The records and scores of one edition, as if there were no others."""
        with self._making:
            if edition not in self._parts:
                records = load.of_edition(self.records, edition)
                scores = self.scores[self.scores["edition"] == edition]
                self._parts[edition] = View(records, scores, self.stamp, self.whole or self)
        return self._parts[edition]

    def newest(self, track: str) -> "View":
        """Today's records of a track; those of the newest edition where there are none yet."""
        return self.at(self.editions(track)[0])

    def by_age(self) -> list[str]:
        """The same names, the one with the oldest record of any edition first."""
        runs = (self.whole or self).runs[["submission", "time"]].drop_duplicates().astype(str)
        first = runs.groupby("submission")["time"].min()
        return sorted(self.submissions(), key=lambda name: (first.get(name, ""), name))

    def titles(self) -> dict[str, str]:
        """Every submission's title."""
        return {name: self.records.title(name) for name in self.submissions()}


def read(source: Path, progress: load.Progress | None = None) -> View:
    """Records and scores of a folder or a Parquet; both are kept in the cache."""
    records = load.read_parquet(source) if source.is_file() else load.read_folder(source, progress)
    file = index.place(source) / "scores.parquet"
    table = scores.table(records.runs, records.controls, _old(file), progress)
    with suppress(OSError):  # no place to write: computed again at the next start
        write_atomically(file, table.to_parquet(index=False))
    return View(records, table, stamp(source, records.stamps))


def _old(file: Path) -> pd.DataFrame | None:
    try:
        return pd.read_parquet(file)
    except (OSError, ValueError):
        return None


def stamp(source: Path, stamps: index.Stamps) -> str:
    """Changes whenever a record, a manifest, a release or the Parquet does."""
    root = load.submissions_root(source)
    files = [*sorted(root.glob("*/submission.toml")), *load.releases(root)] if source.is_dir() else [source]
    others = [(str(file), file.stat().st_mtime_ns) for file in files]
    return hashlib.sha256(repr((sorted(stamps.items()), others)).encode()).hexdigest()


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
    """The newest view: a small folder is looked through at every call, a large one in the background."""

    source: Path
    progress: load.Progress | None = field(default=None, repr=False)
    view: View = field(init=False)
    _looked: float = field(init=False, default=0.0)
    _slow: bool = field(init=False, default=False)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.view = read(self.source, self.progress)
        self._looked = time.monotonic()
        self._slow = len(self.view.records.stamps) > MANY

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
            stamps = _stamps(self.source)
            self._slow = len(stamps) > MANY or time.monotonic() - start > SLOW
            if stamp(self.source, stamps) != self.view.stamp:
                self.view = read(self.source)
            self._looked = time.monotonic()
        finally:
            self._lock.release()


def _stamps(source: Path) -> index.Stamps:
    return load.scan(load.submissions_root(source), load.names_in(source)) if source.is_dir() else {}
