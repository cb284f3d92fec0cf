"""What is left of a plan: runs without a valid record, at hand or in the store, where any machine may have left it."""

from __future__ import annotations

from pathlib import Path

from retouch.benchmark import records
from retouch.benchmark.records import Record
from retouch.benchmark.run.plan import Run
from retouch.benchmark.run.resolve import Resolved, current, resolve, resolved
from retouch.benchmark.support import store
from retouch.benchmark.support.files import write_atomically

FOLDER = "records"  # of the store


def missing(runs: list[Run]) -> list[Run]:
    """The runs that have to be made; records that only the store has are written where they belong.

    A submission and an instance are looked up once for all their seeds and operating points.
    """
    shared, looked_up = store.names(FOLDER), dict[tuple[Path, str, str], Resolved | None]()
    left = []
    for run in runs:
        cell = (run.folder, run.track.name, run.instance.name)
        if cell not in looked_up:
            looked_up[cell] = _resolve(run)
        first = looked_up[cell]
        this = first and resolved(run, first.setup, first.identity)
        if this is None or not (_at_hand(this) or _fetched(this, shared)):
            left.append(run)
    return left


def _resolve(run: Run) -> Resolved | None:
    try:
        return resolve(run)
    except (OSError, ValueError):
        return None  # it will not start, and its record says why


def _at_hand(resolved: Resolved) -> Record | None:
    try:
        return current(resolved, records.read(resolved.run.record_path))
    except (OSError, ValueError):
        return None


def _fetched(resolved: Resolved, shared: set[str]) -> bool:
    """Whether the store has the run's record; it is then written, its picture first."""
    name, target = f"{FOLDER}/{resolved.record_name}", resolved.run.record_path
    content = store.get(f"{name}.json") if f"{resolved.record_name}.json" in shared else None
    try:
        record = content and current(resolved, Record.model_validate_json(content))
    except ValueError:
        return False
    if not content or not record:
        return False
    if "picture" in record.provenance.sha256:
        picture = store.get(f"{name}.png")
        if picture is None:
            return False
        write_atomically(target.with_suffix(".png"), picture)
    write_atomically(target, content)
    return True


def share(resolved: Resolved) -> None:
    """Put a run's record into the store, its picture first."""
    if store.address():
        for suffix in (".png", ".json"):
            file = resolved.run.record_path.with_suffix(suffix)
            if file.exists():
                store.put(f"{FOLDER}/{resolved.record_name}{suffix}", file.read_bytes())
