"""Run a grid: several runs at once, the longest first, one record each; a failed run does not stop the others."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed

from retouch.benchmark import records
from retouch.benchmark.question import Question
from retouch.benchmark.records import Record
from retouch.benchmark.run import edit, reveal
from retouch.benchmark.run.answers import Answers, cached, keep_answers, keep_log
from retouch.benchmark.run.plan import Run, estimate, families
from retouch.benchmark.run.record import failed, scored
from retouch.benchmark.run.resolve import Resolved, resolve
from retouch.benchmark.support import machine
from retouch.benchmark.worker import fork
from retouch.benchmark.worker.process import RunFailed

Progress = Callable[[Run, int, int], None]  # the run, steps done, steps in all


def _nothing(*_: object) -> None:
    pass


def grid(
    runs: list[Run], workers: int = 1, on_start: Callable[[Run], None] = _nothing, on_progress: Progress = _nothing
) -> Iterator[Record]:
    """Work through the runs, `workers` at a time; yields each record when it is written.

    The longest come first, so that no worker is left with a long run while the others have nothing to do.
    """
    fork.start(families(runs))
    with ThreadPoolExecutor(workers) as pool:
        longest = sorted(runs, key=_minutes, reverse=True)
        pending = [pool.submit(execute, run, on_start, on_progress) for run in longest]
        try:
            for future in as_completed(pending):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def execute(
    run: Run, on_start: Callable[[Run], None] = _nothing, on_progress: Progress = _nothing, again: bool = False
) -> Record:
    """Execute a run and write its record beside its contact sheet; a failure's record states the reason.

    A run that cannot start, because a file of the package or of the submission is missing or damaged, replaces no
    earlier record. `again`: ignore the cached answers of an earlier run.
    """
    on_start(run)
    began = time.perf_counter()
    try:
        resolved = resolve(run)
    except (ValueError, OSError) as damaged:
        record = failed(run, None, str(damaged))
        if not run.record_path.exists():
            records.write(run.folder, record)
        return record
    try:
        questions = reveal.questions(resolved)
        answers = (None if again else cached(resolved)) or _ask(resolved, questions, on_progress)
        record = scored(resolved, answers, questions, began)
    except RunFailed as failure:
        keep_log(resolved, failure.printed)
        record = failed(run, resolved, str(failure), failure.status)
    except Exception as error:  # whatever the answers did to the scoring: the other runs go on
        record = failed(run, resolved, f"could not be scored: {type(error).__name__}: {error}")
    records.write(run.folder, record)
    return record


def _minutes(run: Run) -> float:
    try:
        return estimate(run)["minutes"]
    except ValueError:
        return 0.0  # its base is damaged: the run will not start, and its record says so


def _ask(resolved: Resolved, questions: list[Question], on_progress: Progress) -> Answers:
    """The answers of a worker, kept in the cache with what the method printed."""
    run = resolved.run
    answers = edit.answers(resolved, questions, lambda step, of: on_progress(run, step, of))
    if resolve(run).key != resolved.key:
        raise RunFailed("the submission's files changed while it ran; run it again", printed=answers.printed)
    answers.cost |= {"device": machine.device(run.device), "packages": json.dumps(machine.packages())}
    keep_answers(resolved, answers)
    keep_log(resolved, answers.printed)
    return answers
