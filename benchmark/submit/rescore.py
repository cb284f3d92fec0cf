"""`retouch rescore`: stale records are scored again from cached answers; no worker starts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from retouch.benchmark import records, submission, tracks, versions
from retouch.benchmark.records import Claim, Record
from retouch.benchmark.run.answers import cached
from retouch.benchmark.run.plan import Run
from retouch.benchmark.run.record import scored
from retouch.benchmark.run.resolve import resolve
from retouch.benchmark.run.reveal import questions
from retouch.benchmark.support.console import console

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
            run = Run(folder, manifest, manifest.point(record.point).name, track, track.instance(record.instance),
                      record.seed, sandboxed=record.provenance.sandbox != records.UNSANDBOXED)  # fmt: skip
            yield record, run if run.params == record.params else None
        except ValueError:
            yield record, None


def rescore(record: Record, run: Run | None) -> Record | None:
    """The record scored again and written, its cost and packages kept; None where no cached answers are its own."""
    hashed = record.provenance.sha256.get("answers")
    for device in DEVICES if run else ():
        began, resolved = time.perf_counter(), resolve(replace(run, device=device))
        answers = cached(resolved)
        if answers is None or (hashed and answers.sha256 != hashed):
            continue
        again = scored(resolved, answers, questions(resolved), began)
        edited = {"packages": record.provenance.packages, "sandbox": record.provenance.sandbox}
        provenance = again.provenance.model_copy(update=edited)
        again = again.model_copy(update={"cost": record.cost, "provenance": provenance, "claim": Claim()})
        records.write(run.folder, again)
        return again
    return None


def rescore_and_show(folders: list[Path]) -> int:
    """Rescore the stale records of all these submissions; lists those that need another run, and is then 1."""
    count, left = 0, []
    for folder in folders:
        for record, run in stale(folder):
            if again := rescore(record, run):
                count += 1
                console.print(f"scored again: {again.label}, score {record.score} -> {again.score}", markup=False)
            else:
                left.append(record)
    for record in left:
        why = f"no cached answers of its own; `retouch run {record.submission}` makes them"
        console.print(f"stale: {record.label}: {why}", markup=False)
    console.print(f"{count} scored again, {len(left)} stale records left")
    return int(bool(left))
