"""`retouch rescore`: score stale records again from their cached answers, without starting a worker."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from retouch.benchmark import records, submission, tracks, versions
from retouch.benchmark.records import Claim, Record
from retouch.benchmark.run.answers import Answers, cached
from retouch.benchmark.run.plan import Run
from retouch.benchmark.run.record import scored
from retouch.benchmark.run.resolve import Resolved, resolve
from retouch.benchmark.run.reveal import questions
from retouch.benchmark.submission import Submission
from retouch.benchmark.support import machine
from retouch.benchmark.support.console import console

DEVICES = ("cpu", "cuda")  # on which the answers may have been made


def stale(folder: Path) -> Iterator[tuple[Record, Run | None]]:
    """Yield the stale records of a submission, each with its run.

    The run is None where the manifest or the track no longer has it, or where its params have changed.
    """
    manifest = submission.read(folder)
    for record in records.read_all(folder)[0]:
        if versions.moved(record) and record.status not in ("failed", "over_budget"):
            yield record, run_of(record, folder, manifest)


def run_of(record: Record, folder: Path, manifest: Submission) -> Run | None:
    """The run that a record tells of; None where manifest or track no longer has it, or its params have changed."""
    try:
        track = tracks.load(record.track)
        run = Run(folder, manifest, manifest.point(record.point).name, track, track.instance(record.instance),
                  record.seed, sandboxed=record.provenance.sandbox != records.UNSANDBOXED)  # fmt: skip
    except ValueError:
        return None
    return run if run.params == record.params else None


def own_answers(record: Record, run: Run) -> tuple[Resolved, Answers] | None:
    """The cached answers that a record rests on, by their hash; None where cache and store lack them."""
    answers_sha256 = record.provenance.sha256.get("answers")
    for device in DEVICES:
        resolved = resolve(replace(run, device=device))
        answers = cached(resolved)
        if answers and answers_sha256 in (None, answers.sha256):
            return resolved, answers
    return None


def rescore(record: Record, run: Run | None) -> Record | None:
    """Score a record again and write it with its own cost and packages; None where the cache lacks its answers."""
    began = time.perf_counter()
    if run is None or (own := own_answers(record, run)) is None:
        return None
    resolved, answers = own
    try:
        machine.usable(resolved.run.device)
    except ValueError:  # answers of an accelerator that this machine lacks
        setup = replace(resolved.setup, device="cpu")
        resolved = replace(resolved, run=replace(run, device="cpu"), setup=setup)
    result = scored(resolved, answers, questions(resolved), began)
    origin = {name: getattr(record.provenance, name) for name in ("packages", "sandbox", "host")}
    provenance = result.provenance.model_copy(update=origin)
    result = result.model_copy(update={"cost": record.cost, "provenance": provenance, "claim": Claim()})
    records.write(run.folder, result)
    return result


def rescore_and_show(folders: list[Path]) -> int:
    """Rescore the stale records of submissions and print those that need another run; the exit code, 1 if any does."""
    count, rest = 0, []
    for folder in folders:
        for record, run in stale(folder):
            if result := rescore(record, run):
                count += 1
                console.print(f"scored again: {result.label}, score {record.score} -> {result.score}", markup=False)
            else:
                rest.append(record)
    for record in rest:
        remedy = f"no cached answers of its own; `retouch run {record.submission}` makes them"
        console.print(f"stale: {record.label}: {remedy}", markup=False)
    console.print(f"{count} scored again, {len(rest)} stale records left")
    return int(bool(rest))
