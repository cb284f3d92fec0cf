"""`retouch answers push|pull`: answers of records, packed beside a release, so that others score without running.

They go to a folder or bucket by the name that they have in the cache, a hash of what made them. A record names the hash
of its answers' content: what is pulled and has another one is thrown away.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from retouch.benchmark import records, submission
from retouch.benchmark.records import Record
from retouch.benchmark.run.plan import Run
from retouch.benchmark.run.resolve import resolve
from retouch.benchmark.submit.rescore import DEVICES, own_answers, run_of
from retouch.benchmark.support import cache, store
from retouch.benchmark.support.console import console
from retouch.benchmark.support.variables import variables


def with_answers(folders: list[Path]) -> Iterator[tuple[Record, Run]]:
    """Yield the records of submissions that rest on answers, each with its run."""
    for folder in folders:
        manifest = submission.read(folder)
        for record in records.read_all(folder)[0]:
            run = run_of(record, folder, manifest)
            if run and "answers" in record.provenance.sha256:
                yield record, run


def push(folders: list[Path], address: str) -> int:
    """Copy the answers of all records to `address`; the exit code, 1 if the cache lacks some."""
    sent, missing = 0, []
    with variables(RETOUCH_STORE=""):
        known = [(record, own_answers(record, run)) for record, run in with_answers(folders)]
    with variables(RETOUCH_STORE=address):
        for record, own in known:
            if own is None:
                missing.append(record.label)
            else:
                file = own[0].answers_file
                store.put(f"answers/{file.name}", file.read_bytes())
                sent += 1
    return _report("sent", sent, missing, "the cache lacks its answers; `retouch run` makes them")


def pull(folders: list[Path], address: str) -> int:
    """Copy into the cache the answers of all records that it lacks; the exit code, 1 if `address` lacks some."""
    got, missing = 0, []
    for record, run in with_answers(folders):
        with variables(RETOUCH_STORE=""):
            if own_answers(record, run):
                continue
        files = [resolve(replace(run, device=device)).answers_file for device in DEVICES]
        with variables(RETOUCH_STORE=address):
            fetched = [file for file in files if cache.fetch(file)]
        with variables(RETOUCH_STORE=""):
            if own_answers(record, run):
                got += 1
                continue
        for file in fetched:  # other answers than the record's
            file.unlink(missing_ok=True)
        missing.append(record.label)
    return _report("fetched", got, missing, f"{address} has no answers that this record rests on")


def _report(verb: str, count: int, missing: list[str], why: str) -> int:
    for label in missing:
        console.print(f"{label}: {why}", markup=False)
    console.print(f"answers of {count} records {verb}, {len(missing)} missing")
    return int(bool(missing))
