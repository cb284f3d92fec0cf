"""`retouch rescore`: stale records are scored again from cached answers; no worker starts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from retouch.benchmark import records, submission, tracks, versions
from retouch.benchmark.cli import show
from retouch.benchmark.records import Claim, Record
from retouch.benchmark.run import grid
from retouch.benchmark.run.plan import Run

DEVICES = ("cpu", "cuda")  # where the answers may have been made


def stale(folder: Path) -> Iterator[tuple[Record, Run | None]]:
    """The records of a submission that do not stand on today's versions, and the runs that they are of.

    None for a run that the manifest or the track has no more, and for one whose params have changed.
    """
    manifest = submission.read(folder)
    for record in records.read_all(folder)[0]:
        if not versions.moved(record) or record.status in ("failed", "over_budget"):
            continue
        try:
            track = tracks.load(record.track)
            one = Run(folder, manifest, manifest.point(record.point).name, track, track.instance(record.instance),
                      record.seed, sandboxed=record.provenance.sandbox != records.UNSANDBOXED)  # fmt: skip
            yield record, one if one.params == record.params else None
        except ValueError:
            yield record, None


def rescore(record: Record, one: Run | None) -> Record | None:
    """The record scored again and written, its cost and packages kept; None where no cached answers are its own."""
    for device in DEVICES if one else ():
        given = grid.cached(replace(one, device=device))
        said = record.provenance.sha256.get("answers")
        if given is None or (said and grid.digest(given.arrays) != said):
            continue
        new = grid.scored(replace(one, device=device), given, time.perf_counter())
        edited = {"packages": record.provenance.packages, "sandbox": record.provenance.sandbox}
        kept = new.provenance.model_copy(update=edited)
        new = new.model_copy(update={"cost": record.cost, "provenance": kept, "claim": Claim()})
        records.write(one.folder, new)
        return new
    return None


def rescore_and_show(folders: list[Path]) -> int:
    """Rescore the stale records of all these submissions; lists those that need another run, and is then 1."""
    done, left = 0, []
    for folder in folders:
        for record, one in stale(folder):
            if new := rescore(record, one):
                done += 1
                show.console.print(f"scored again: {new.label}, score {record.score} -> {new.score}", markup=False)
            else:
                left.append(record)
    for record in left:
        why = f"no cached answers of its own; `retouch run {record.submission}` makes them"
        show.console.print(f"stale: {record.label}: {why}", markup=False)
    show.console.print(f"{done} scored again, {len(left)} stale records left")
    return int(bool(left))
