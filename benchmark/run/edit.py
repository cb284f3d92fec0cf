"""One run from reveal to answers: a worker edits within its budget and answers; its times are checked by a clock."""

from __future__ import annotations

import contextlib
import math
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np

from retouch.benchmark.budget import SLACK
from retouch.benchmark.question import Question
from retouch.benchmark.records import UNSANDBOXED
from retouch.benchmark.run import resumed, reveal
from retouch.benchmark.run.answers import Answers
from retouch.benchmark.run.ask import answer_to, ask, plausible_seconds
from retouch.benchmark.run.plan import Run
from retouch.benchmark.run.resolve import Resolved
from retouch.benchmark.worker import environment, sandbox
from retouch.benchmark.worker.process import RunFailed, Session, number, progress

GRACE = 2.0  # seconds past the clock's limit before a worker is stopped, so that a step may end
READY = 180  # seconds that the worker may take for its imports and the yardstick
IMPORTS = 30  # seconds that importing the method may take before the clock runs all the same
REMEDY = "loop over budget.steps(n), or call budget.checkpoint(generator) on the way"


def answers(
    resolved: Resolved, questions: list[Question], on_progress: Callable[[int, int], None] = lambda step, of: None,
    stop: Event | None = None,
) -> Answers:  # fmt: skip
    """Edit and ask the questions, in a worker process, which `stop` ends.

    Raises:
        Stopped: `stop` was set.
        RunFailed: the method raised, died, overran its budget without a checkpoint, or gave an answer of another form
            than its question states.
    """
    run, packages = resolved.run, _packages(resolved.run)
    folder = Path(tempfile.mkdtemp(prefix="retouch-"))
    checkpoint, cost = folder / "checkpoint.zip", {"sandbox": sandbox.name() if run.sandboxed else UNSANDBOXED}
    checkpoint_progress: dict[str, Any] = {}

    def keep(payload: bytes, progress: dict[str, Any]) -> None:
        if progress["operations"] <= _allowed(resolved, cost):
            checkpoint.write_bytes(payload)
            checkpoint_progress.update(progress)

    worker = partial(
        Session, folder, folder / "submission", device=run.device, memory_mb=run.track.max_memory_mb,
        sandboxed=run.sandboxed, packages=packages, on_progress=on_progress, on_checkpoint=keep, stop=stop or Event(),
    )  # fmt: skip
    seconds, printed = max(120, run.track.max_minutes * 60), ""  # seconds for all answers
    try:
        reveal.lay_out(resolved, folder / "reveal")
        reveal.lay_out_code(run.folder, folder / "submission")
        if (edited := resumed.load(resolved)) and (answers := _resumed(edited, worker, questions, seconds)):
            return answers
        with worker() as session:
            try:
                return _fresh(resolved, session, questions, cost, _size(folder / "reveal/base"), seconds)
            except _OverBudget as over:
                if not checkpoint_progress:
                    raise RunFailed(f"{over}; {REMEDY}", "over_budget") from None
            finally:
                printed = session.printed()
        cost |= checkpoint_progress | {"cut": cost["cut"]}
        with worker() as session:
            _ready(session)
            session.tell(checkpoint.read_bytes(), kind="restore")
            weights = checkpoint.read_bytes() if run.keep else b""
            return Answers(ask(session, questions, seconds, cost), cost, printed, weights)
    except RunFailed as failure:
        failure.printed = printed
        raise
    finally:
        _remove(folder)


def _packages(run: Run) -> Path | None:
    """The submission's own packages; a RunFailed where they cannot be installed."""
    try:
        return environment.build(run.folder, run.sandboxed)
    except (ValueError, OSError, subprocess.SubprocessError) as error:
        raise RunFailed(str(error)) from None


def _fresh(
    resolved: Resolved, session: Session, questions: list[Question], cost: dict[str, Any], size: int, seconds: float
) -> Answers:
    """Edit and ask; a long edit is noted before it is asked, so that none is made twice. size: bytes of the base."""
    _edit(resolved, session, cost, size)
    weights = _weights(session, size) if resolved.run.keep or resumed.worthwhile(cost) else b""
    if weights and resumed.worthwhile(cost):
        images = answer_to(session, _paired(questions), seconds)
        resumed.save(resolved, resumed.Edited(weights, images, cost, session.printed()))
    arrays = ask(session, questions, seconds, cost)
    if cost["operations"] > _allowed(resolved, cost):
        late = f"weights changed after the edit: with what that took, the {_over(resolved, cost)}"
        raise RunFailed(f"{late}; {REMEDY}", "over_budget")
    return Answers(arrays, cost, session.printed(), weights)


def _paired(questions: list[Question]) -> Question:
    """The question for a few images from given noise."""
    return next(question for question in questions if question.name == "paired")


def _resumed(
    edited: resumed.Edited, worker: Callable[[], Session], questions: list[Question], seconds: float
) -> Answers | None:
    """The answers of an edit that another machine has made; None if its weights alone draw other images."""
    with worker() as session:
        cost = edited.cost | _speed(_ready(session))
        session.tell(edited.weights, kind="restore")
        if not np.array_equal(answer_to(session, _paired(questions), seconds), edited.images):
            return None
        return Answers(ask(session, questions, seconds, cost), cost, edited.printed, edited.weights)


class _OverBudget(Exception):
    """The edit took more than it may; the last checkpoint counts, if there is one."""


def _ready(session: Session) -> dict[str, Any]:
    """Wait for the costs of the base's training and sampling, measured before any code of the method is imported."""
    try:
        return session.hear("ready", READY)[0]
    except TimeoutError:
        raise RunFailed(f"the worker was not ready after {READY} s; is the machine overloaded?") from None


def _speed(ready: dict[str, Any]) -> dict[str, float]:
    """How fast this machine draws the base's images."""
    seconds, images = (number(ready, name, 1e-9, 1e12) for name in ("base", "images"))
    return {"base": seconds, "images": images, "image_seconds": seconds / images}


def _edit(resolved: Resolved, session: Session, cost: dict[str, Any], weights: int) -> None:
    """Start the edit, wait for its end and add to `cost`. A checkpoint may have four times the bytes of `weights`."""
    ready, seconds = _ready(session), resolved.run.track.max_minutes * 60
    cost |= {name: number(ready, name, 1e-9, 1e12) for name in ("yardstick", "busy", "determinism")} | _speed(ready)
    cost |= {name: int(number(ready, name, 0, 1e18)) for name in ("step_operations", "image_operations")}
    busy = session.watch.processor_seconds()
    session.tell(kind="edit", seconds=seconds)
    with contextlib.suppress(TimeoutError):
        session.hear("imported", IMPORTS)
    began = time.monotonic()
    try:
        message = session.hear("edited", seconds + GRACE, 4 * weights + 2**20)[0]
    except TimeoutError:
        cost |= {"wall": seconds, "cut": True}
        raise _OverBudget(f"edit was still running {GRACE:.0f} s past the track's limit of {seconds:.0f} s") from None
    cost |= {"processor": session.watch.processor_seconds() - busy}
    cost |= progress(message) | {"bytes_added": int(number(message, "bytes_added", 0, 1e15))}
    cost |= {"wall": plausible_seconds(number(message, "edited", 0, 1e9), time.monotonic() - began)}
    if cost["operations"] > _allowed(resolved, cost):
        raise _OverBudget(_over(resolved, cost))


def _over(resolved: Resolved, cost: dict[str, Any]) -> str:
    times = cost["operations"] / max(resolved.setup.train_steps * cost["step_operations"], 1)
    return f"edit took {times:.2f} times its budget of {resolved.run.instance.budget}"


def _weights(session: Session, size: int) -> bytes:
    """The edited generator's weights as a zip, empty where it has none to save; size: bytes of the base's."""
    session.tell(kind="keep")
    return session.hear("kept", READY, 4 * size + 2**20)[1]


def _allowed(resolved: Resolved, cost: dict[str, Any]) -> float:
    """Operations that the edit may take, and SLACK for a last step; infinite for a control.

    Infinite, too, where no operation of the base's training can be counted: only the clock then limits the edit.
    """
    if resolved.run.submission.control or not cost["step_operations"]:
        return math.inf
    return resolved.setup.train_steps * cost["step_operations"] * (1 + SLACK)


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*.safetensors"))


def _remove(folder: Path) -> None:
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except RecursionError:  # folders nested by the thousand
        subprocess.run(["rm", "-rf", folder], check=False)
