"""Write into records what verifying found: by whom, when, and the host's own values. For maintainers."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from retouch.benchmark import records
from retouch.benchmark.records import Claim
from retouch.benchmark.run.plan import Run
from retouch.benchmark.submit.compare_runs import Outcome


def now() -> str:
    """The time as records name it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def write_outcome(cell: list[Run], outcome: Outcome, by: str) -> None:
    """Mark a cell's records as verified, each with the values of a fresh draw, or as disputed, with what differs."""
    for i, (run, record) in enumerate(zip(cell, outcome.records, strict=True)):
        if outcome.differences or not outcome.draws:
            entry = Claim(status="disputed", by=by, when=now(), note=outcome.differences)
        else:
            fresh = outcome.draws[i % len(outcome.draws)]
            cost = outcome.host.cost if outcome.host else None
            entry = Claim(status="verified", by=by, when=now(), goal=fresh.goal, quality=fresh.quality, cost=cost)
        records.write(run.folder, record.model_copy(update={"claim": entry}))


def write_by_sample(cells: list[list[Run]], drawn: int, count: int, by: str) -> None:
    """Mark the cells that were not drawn: all that were drawn agreed."""
    note = f"by sample: {drawn} of {count} cells, drawn at random, were run again and agreed; this one was not drawn"
    for run in (run for cell in cells for run in cell):
        entry = Claim(status="verified", by=by, when=now(), note=note)
        records.write(run.folder, records.read(run.record_path).model_copy(update={"claim": entry}))


def mark(folder: Path, table: dict[str, Any], instances: list[str] | None = None) -> int:
    """Dispute or withdraw a submission's records, all or those of some instances; how many there were.

    table: fields of `Claim` but for the time: status, by, note, superseded_by.
    """
    entry = Claim.model_validate(table | {"when": now()})
    chosen = [one for one in records.read_all(folder)[0] if not instances or one.instance in instances]
    for record in chosen:
        records.write(folder, record.model_copy(update={"claim": entry}))
    return len(chosen)
