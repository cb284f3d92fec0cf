"""How often a submission was run on tuning instances: a number beside every score that was tuned."""

from __future__ import annotations

import contextlib
from pathlib import Path

from retouch.benchmark import records
from retouch.benchmark.run.plan import Run


def tuning_runs(run: Run) -> int:
    """Runs of the submission on the tuning instances of the run's task, this one included if it is such a run.

    A record of a tuning instance counts the runs whose records it replaced, so that none is lost by running again.
    """
    chosen = [instance for instance in run.track.instances if instance.tuning and instance.task == run.instance.task]
    if run.instance.tuning:
        return 1 + _count(run.record_path)
    folder = run.folder / "records" / run.track.name
    return sum(_count(file) for instance in chosen for file in (folder / instance.name).glob("*.json"))


def _count(file: Path) -> int:
    with contextlib.suppress(OSError, ValueError):
        return max(1, records.read(file).tuning_runs)
    return 0
