"""Resolve a run once: look up and hash all that decides its result, in one object that is passed on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from retouch.benchmark import generators, records, versions
from retouch.benchmark.records import UNSANDBOXED, Record
from retouch.benchmark.run.method import method_sha256
from retouch.benchmark.run.plan import Run
from retouch.benchmark.setup import Setup, current_versions
from retouch.benchmark.support.cache import cache_folder, code_key, json_key
from retouch.benchmark.tasks import look_up

SCORING = ("judge", "encoder", "second_encoder", "scale")  # what decides the scores of answers, not the answers

DRAWS = 10_007  # of held-out images, by the evaluation seed; with evaluation 0 the public ones


@dataclass(frozen=True)
class Resolved:
    """A run with all that decides its result.

    Attributes:
        identity: hashes of all that decides the result; a record with others is stale.
        key: name of its answers in the cache: a hash of what decides the answers, without judge and scale.
    """

    run: Run
    setup: Setup
    identity: dict[str, str]
    key: str

    @property
    def answers_file(self) -> Path:
        """Where the answers are kept."""
        return cache_folder() / "answers" / f"{self.key}.npz"

    @property
    def log_file(self) -> Path:
        """Where the end of what the method printed is kept."""
        return self.answers_file.with_suffix(".log")

    @property
    def record_name(self) -> str:
        """Name of its record in the store: a hash of all that decides the record."""
        run = self.run
        return json_key([self.identity, current_versions(run.track, run.instance), self.key, run.name, run.point])


def resolve(run: Run) -> Resolved:
    """Look up and hash everything that decides a run's result.

    Raises:
        ValueError, OSError: a file of the package or of the submission that is missing or damaged.
    """
    method = method_sha256(run.folder, run.submission.entry)
    setup = replace(
        look_up(run.track, run.instance, run.submission.access), draw=run.evaluation % DRAWS, device=run.device
    )
    return resolved(run, setup, setup.hashes() | {"method": method})


def resolved(run: Run, setup: Setup, identity: dict[str, str]) -> Resolved:
    """A run with what another of the same submission and instance has looked up."""
    return Resolved(run, setup, identity, _key(run, identity))


def _key(run: Run, identity: dict[str, str]) -> str:
    material = {name: value for name, value in identity.items() if name not in SCORING}
    extras = [run.evaluation] * bool(run.evaluation) + ["sandboxed"] * run.sandboxed
    edit = [run.submission.entry, run.submission.access, run.params]
    return json_key([material, code_key(generators), edit, run.seed, run.device, *extras])


def current_record(run: Run) -> Record | None:
    """The record at hand if it is valid and current; failed runs count as missing, so that they are tried again."""
    try:
        return current(resolve(run), records.read(run.record_path))
    except (OSError, ValueError):
        return None


def current(resolved: Resolved, record: Record) -> Record | None:
    """The record unchanged if the run would give it again, else None."""
    run = resolved.run
    same = (record.method, record.access, record.params) == (run.submission.entry, run.submission.access, run.params)
    fresh = record.provenance.sha256.items() >= resolved.identity.items() and not versions.moved(record)
    locked = not run.sandboxed or record.provenance.sandbox != UNSANDBOXED
    return record if same and fresh and locked and record.status != "failed" else None
