"""Run a grid: several runs at once, long ones first, one record each; a failed run does not stop the others."""

from __future__ import annotations

import json
import math
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Event, current_thread, main_thread
from typing import Any

from retouch.benchmark import records
from retouch.benchmark.question import Question
from retouch.benchmark.records import Record
from retouch.benchmark.run import edit, resumed, reveal
from retouch.benchmark.run.answers import Answers, cached, keep_answers, keep_log
from retouch.benchmark.run.keep import keep
from retouch.benchmark.run.placement import Placement
from retouch.benchmark.run.plan import Run, families, longest_first
from retouch.benchmark.run.record import failed, scored
from retouch.benchmark.run.resolve import Resolved, resolve
from retouch.benchmark.run.resume import share
from retouch.benchmark.support import machine
from retouch.benchmark.worker import environment, fork
from retouch.benchmark.worker.process import RunFailed, Stopped

Progress = Callable[[Run, int, int], None]  # the run, steps done, steps in all


def _nothing(*_: object) -> None:
    pass


@dataclass(frozen=True)
class Events:
    """What to call as a run begins and takes steps, for the grid's state, with a line, and to ask whether to end."""

    start: Callable[[Run], None] = _nothing
    progress: Progress = _nothing
    state: Callable[[], dict[str, Any]] = dict
    say: Callable[[str], None] = _nothing
    late: Callable[[], bool] = bool


PLENTY = dict.fromkeys(("CPU", "GPU", "memory"), math.inf)  # what a worker of this machine may take
Engine = Callable[[list[Run], Events], Iterator[Record]]  # of runs, the longest first; a record once it is written


def local(workers: int, families: Iterable[str] = ()) -> Engine:
    """The engine of one machine: `workers` runs at a time, each edit in a process of its own.

    Each worker has bases of its own as long as it can, as machines of a cluster do: what a base's first run computes
    for all the others, nobody waits for.
    On Ctrl-C all workers end at once and leave no record; those that were written are yielded before it is raised.
    families: of the generators that come, which the server of these processes imports now.
    """
    fork.start(families)

    def engine(runs: list[Run], events: Events) -> Iterator[Record]:
        stop, pool, placement = Event(), ThreadPoolExecutor(workers), Placement(runs)
        placement.machines({str(worker): 1.0 for worker in range(workers)})
        pending: dict[Future[Record], str] = {}  # the workers of the runs under way

        def submit(worker: str) -> None:
            if not stop.is_set() and not events.late() and (run := placement.take(worker, PLENTY)):
                pending[pool.submit(execute, run, events, stop=stop)] = worker

        try:
            for worker in range(workers):
                submit(str(worker))
            with _noted(stop):
                while pending:
                    done, _ = wait(pending, return_when=FIRST_COMPLETED)
                    for future in done:
                        submit(pending.pop(future))
                    yield from (future.result() for future in done if not _is_stopped(future))
            if stop.is_set():
                raise KeyboardInterrupt
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)

    return engine


@contextmanager
def _noted(stop: Event) -> Iterator[None]:
    """Within it the first Ctrl-C sets `stop`, wherever it meets the main thread; a second one interrupts as ever."""
    previous = signal.getsignal(signal.SIGINT)
    if current_thread() is not main_thread() or previous in (signal.SIG_IGN, None):
        yield
        return

    def note(*_: object) -> None:
        stop.set()
        signal.signal(signal.SIGINT, previous)

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def _is_stopped(future: Future[Record]) -> bool:
    return isinstance(future.exception(), Stopped)


def grid(
    runs: list[Run], engine: Engine | None = None, events: Events = Events(), hours: float = math.inf
) -> Iterator[Record]:
    """Work through the runs; yields each record when it is written.

    The longest come first, so that no worker is left with a long run while the others have nothing to do. After `hours`
    no run begins, and those under way are finished. Default engine: one run at a time on this machine.
    """
    end = time.monotonic() + 3600 * hours
    events = replace(events, late=lambda: time.monotonic() >= end)
    yield from (engine or local(1, families(runs)))(longest_first(runs), events)


def execute(run: Run, events: Events = Events(), again: bool = False, stop: Event | None = None) -> Record:
    """Execute a run and write its record beside its contact sheet; a failure's record states the reason.

    A run that cannot start, because a file of the package or of the submission is missing or damaged, replaces no
    earlier record. `again`: ignore the cached answers of an earlier run; `stop`: see `edit.answers`.
    """
    events.start(run)
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
        answers = (None if again or run.keep else cached(resolved)) or _ask(resolved, questions, events.progress, stop)
        record = scored(resolved, answers, questions, began)
        if run.keep:
            events.say(_kept(resolved, answers, questions))
    except RunFailed as failure:
        keep_log(resolved, failure.printed)
        record = failed(run, resolved, str(failure), failure.status)
    except Exception as error:  # whatever the answers did to the scoring: the other runs go on
        record = failed(run, resolved, f"could not be scored: {type(error).__name__}: {error}")
    records.write(run.folder, record)
    if record.status != "failed":
        share(resolved)
        resumed.forget(resolved)
    return record


def _determinism(run: Run, answers: Answers) -> dict[str, str]:
    """What makes the run repeatable, and what that costs, in words."""
    if run.device == "cpu":
        return {"determinism": "one thread"}
    price = answers.cost["determinism"]
    return {"determinism": f"deterministic kernels: a training step takes {price:.2f} times as long as without"}


def _kept(resolved: Resolved, answers: Answers, questions: list[Question]) -> str:
    """Keep the edited generator; returns a line that says where it is, or why it is not kept."""
    try:
        return f"{keep(resolved, answers, questions)} holds the edited generator and its card"
    except (ValueError, OSError) as error:
        return f"{resolved.run.label} is not kept: {error}"


def _ask(resolved: Resolved, questions: list[Question], on_progress: Progress, stop: Event | None) -> Answers:
    """The answers of a worker, kept in the cache with what the method printed."""
    run = resolved.run
    answers = edit.answers(resolved, questions, lambda step, of: on_progress(run, step, of), stop)
    if resolve(run).key != resolved.key:
        raise RunFailed("the submission's files changed while it ran; run it again", printed=answers.printed)
    packages = machine.packages() | environment.versions(run.folder)
    origin = {
        "packages": json.dumps(packages),
        "host": json.dumps(machine.host(run.device) | _determinism(run, answers)),
    }
    answers.cost |= origin | {"device": machine.device(run.device)}
    keep_answers(resolved, answers)
    keep_log(resolved, answers.printed)
    return answers
