"""One run from reveal to arrays: a worker edits within its budget and is asked; its claims are held against a clock."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from retouch.benchmark.question import Question
from retouch.benchmark.records import UNSANDBOXED
from retouch.benchmark.run import reveal
from retouch.benchmark.run.answers import Answers
from retouch.benchmark.run.ask import ask, borne_out
from retouch.benchmark.run.resolve import Resolved
from retouch.benchmark.worker import sandbox
from retouch.benchmark.worker.process import RunFailed, Session, number

GRACE = 2.0  # seconds past the budget before a worker is stopped: one step may be under way
READY = 180  # seconds until the worker stands ready: imports, yardstick
IMPORTS = 30  # seconds that importing the method may take before the budget's clock runs all the same


def answers(
    resolved: Resolved, questions: list[Question], on_progress: Callable[[int, int], None] = lambda step, of: None
) -> Answers:
    """Edit and ask, in a worker of its own.

    Raises:
        RunFailed: the method raised, died, overran its budget without a checkpoint, or answered with something else
            than asked for.
    """
    run, folder = resolved.run, Path(tempfile.mkdtemp(prefix="retouch-"))
    checkpoint, reached = folder / "checkpoint.zip", {"steps": 0, "charged": 0.0}

    def keep(payload: bytes, steps: int, charged: float) -> None:
        checkpoint.write_bytes(payload)
        reached.update(steps=steps, charged=charged)

    worker = partial(
        Session, folder, run.folder, device=run.device, memory_mb=run.track.max_memory_mb, sandboxed=run.sandboxed,
        on_progress=on_progress, on_checkpoint=keep,
    )  # fmt: skip
    cost: dict[str, Any] = {"sandbox": sandbox.name() if run.sandboxed else UNSANDBOXED}
    seconds, printed = max(120, run.track.max_minutes * 60), ""  # seconds for all answers
    try:
        reveal.lay_out(resolved, folder / "reveal")
        with worker() as session:
            try:
                _edit(resolved, session, cost, _size(folder / "reveal/base"))
                return Answers(ask(session, questions, seconds, cost), cost, session.printed())
            except _OutOfTime:
                if not checkpoint.exists():
                    raise RunFailed(
                        f"edit was still running {GRACE:.0f} s past its budget of {cost['budget']:.0f} s; loop over "
                        "budget.steps(n), or call budget.checkpoint(generator) on the way",
                        "over_budget",
                    ) from None
            finally:
                printed = session.printed()
        _took(resolved, cost, cost["budget"], reached["charged"], reached["steps"], cut=True)
        with worker() as session:
            _ready(session)
            session.tell(checkpoint.read_bytes(), kind="restore")
            return Answers(ask(session, questions, seconds, cost), cost, printed)
    except RunFailed as failure:
        failure.printed = printed
        raise
    finally:
        _remove(folder)


class _OutOfTime(Exception):
    pass


def _ready(session: Session) -> dict[str, Any]:
    """Yardstick and sampling speed of the base: measured before any code of the method was there."""
    try:
        return session.hear("ready", READY)[0]
    except TimeoutError:
        raise RunFailed(f"the worker was not ready after {READY} s; is the machine overloaded?") from None


def _edit(resolved: Resolved, session: Session, cost: dict[str, Any], weights: int) -> None:
    """Have it edit; fills `cost`. Checkpoints may be four times as large as the base's weights."""
    ready = _ready(session)
    cost |= {name: number(ready, name, 1e-9, 1e6) for name in ("yardstick", "base", "images")}
    setup = resolved.setup
    cost["budget"] = min(setup.train_steps * cost["yardstick"], setup.track.max_minutes * 60)
    session.tell(kind="edit", seconds=cost["budget"])
    with contextlib.suppress(TimeoutError):
        session.hear("imported", IMPORTS)
    began = time.monotonic()
    try:
        done = session.hear("edited", cost["budget"] + GRACE, 4 * weights + 2**20)[0]
    except TimeoutError:
        raise _OutOfTime from None
    wall = borne_out(number(done, "edited", 0, 1e9), time.monotonic() - began)
    charged = number(done, "charged", 0, 1e9)
    _took(resolved, cost, wall, charged, int(number(done, "steps", 0, 1e12)), done.get("cut") is True)


def _took(resolved: Resolved, cost: dict[str, Any], wall: float, charged: float, steps: int, cut: bool) -> None:
    """Note what the edit took; RunFailed if that is more than it may."""
    cost |= {"wall": wall, "edited": wall + charged, "steps": steps, "cut": cut}
    if cost["edited"] > cost["budget"] + GRACE and not resolved.run.submission.control:
        raise RunFailed(f"edit charged {cost['edited']:.0f} s to a budget of {cost['budget']:.0f} s", "over_budget")


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*.safetensors"))


def _remove(folder: Path) -> None:
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except RecursionError:  # folders nested by the thousand
        subprocess.run(["rm", "-rf", folder], check=False)
