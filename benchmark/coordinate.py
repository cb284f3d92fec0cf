"""One run from reveal to arrays: start the worker, watch it, stop it at the end of its budget, take its answers."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmark import reveal
from benchmark.forks import CONTEXT
from benchmark.plan import Run
from benchmark.tasks import attribute_rebalancing

GRACE = 2.0  # seconds past the budget before a worker is stopped: one step may be under way
READY = 180  # seconds until the edit has to begin


class RunFailed(Exception):
    """A run that has no scores; the message says why and what to do."""

    def __init__(self, message: str, status: str = "failed") -> None:
        super().__init__(message)
        self.status = status


@dataclass
class Answers:
    """What a worker left: arrays by name, and what it took."""

    arrays: dict[str, np.ndarray]
    cost: dict[str, Any] = field(default_factory=dict)


def answers(run: Run, on_progress: Callable[[int, int], None] = lambda step, of: None) -> Answers:
    """Edit and ask, in a worker of its own.

    Raises:
        RunFailed: the method raised, died, overran its budget without a checkpoint, or answered with something else
            than asked for.
    """
    folder = Path(tempfile.mkdtemp(prefix="retouch-"))
    try:
        reveal.lay_out(run, folder / "reveal")
        cost: dict[str, Any] = {}
        try:
            _session(run, folder, cost, on_progress)
        except _OutOfTime:
            if not (folder / "checkpoint").exists():
                raise RunFailed(
                    f"edit was still running {GRACE:.0f} s past its budget of {cost['budget']:.0f} s; loop over "
                    "budget.steps(n), or call budget.checkpoint(generator) on the way",
                    "over_budget",
                ) from None
            cost |= {"edited": cost["budget"], "wall": cost["budget"], "steps": 0, "cut": True}
            _session(run, folder, cost, on_progress)
        return Answers(_collect(run, folder / "answers"), cost)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _OutOfTime(Exception):
    pass


def _session(run: Run, folder: Path, cost: dict[str, Any], on_progress: Callable[[int, int], None]) -> None:
    """One worker's life: it edits (or takes up the checkpoint), is asked, and ends. Fills `cost`."""
    ours, theirs = CONTEXT.Pipe()
    process = CONTEXT.Process(target=_start, args=(str(folder), theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        if not (folder / "checkpoint").exists():
            began = _hear(run, process, ours, folder, READY, on_progress)
            cost |= {"budget": began["began"], "yardstick": began["yardstick"]}
            try:
                cost |= _hear(run, process, ours, folder, began["began"] + GRACE, on_progress)
            except TimeoutError:
                raise _OutOfTime from None
            _within_budget(run, cost)
        ours.send_bytes(reveal.questions(run, folder))
        try:
            cost |= _hear(run, process, ours, folder, max(120, run.track.max_minutes * 60), on_progress)
        except TimeoutError:
            raise RunFailed("the edited generator took too long to sample; its .sample must not cost minutes") from None
    finally:
        _end(process)


def _start(folder: str, pipe: Connection) -> None:
    from benchmark.worker import work  # torch and diffusers: the fork server has them, the coordinator need not

    work(folder, pipe)


def _within_budget(run: Run, cost: dict[str, Any]) -> None:
    if cost["edited"] > cost["budget"] + GRACE and not run.submission.control:
        raise RunFailed(f"edit charged {cost['edited']:.0f} s to a budget of {cost['budget']:.0f} s", "over_budget")


def _hear(
    run: Run, process: Any, pipe: Connection, folder: Path, seconds: float, on_progress: Callable[[int, int], None]
) -> dict[str, Any]:
    """The worker's next message; TimeoutError after `seconds`, RunFailed if it failed, died or outgrew its memory."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if pipe.poll(0.05):
            return _message(process, pipe, folder)
        if not process.is_alive() and not pipe.poll(0):
            raise _dead(process, folder)
        _check_memory(run, process.pid)
        with contextlib.suppress(OSError, ValueError):
            step, of = (folder / "progress").read_text().split()
            on_progress(int(step), int(of))
    raise TimeoutError


def _message(process: Any, pipe: Connection, folder: Path) -> dict[str, Any]:
    try:
        message = json.loads(pipe.recv_bytes())
        if not isinstance(message, dict):
            raise ValueError
    except (EOFError, OSError):
        raise _dead(process, folder) from None
    except ValueError:
        raise RunFailed(
            "the worker's channel carried something else than its messages; a method must not touch it"
        ) from None
    if "failed" in message:
        raise RunFailed(f"{message['failed']}{_last_lines(folder)}")
    return message


def _dead(process: Any, folder: Path) -> RunFailed:
    process.join(2)
    code = process.exitcode
    how = f"was ended by {signal.Signals(-code).name}" if code and code < 0 else f"left with exit code {code}"
    return RunFailed(f"the worker {how} before it had answered{_last_lines(folder)}")


def _last_lines(folder: Path, lines: int = 5) -> str:
    """The end of what the method printed, for the record's reason."""
    with contextlib.suppress(OSError):
        text = (folder / "log.txt").read_bytes()[-4000:].decode(errors="replace")
        text = "".join(c for c in text if c.isprintable() or c == "\n")
        if tail := "\n".join(text.strip().splitlines()[-lines:]):
            return f"; it printed last:\n{tail}"
    return ""


def _check_memory(run: Run, pid: int) -> None:
    with contextlib.suppress(psutil.Error):
        used = psutil.Process(pid).memory_info().rss / 2**20
        if used > run.track.max_memory_mb:
            raise RunFailed(
                f"the worker used {used:.0f} MB; the track allows {run.track.max_memory_mb} MB", "over_budget"
            )


def _end(process: Any) -> None:
    """End the worker and all that it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.join(5)


def _collect(run: Run, folder: Path) -> dict[str, np.ndarray]:
    arrays = {}
    for file in sorted(folder.glob("*.npy")):
        try:
            arrays[file.stem] = np.load(file, allow_pickle=False)
        except (ValueError, OSError) as error:
            raise RunFailed(f"the answer {file.stem} is not a plain array: {error}") from None
    shape = reveal.image_shape(run.instance)
    for name, n in (("samples", run.instance.samples), ("paired", reveal.PAIRED)):
        _check_images(name, arrays.get(name), (n, *shape))
    if "edits" in arrays:
        _check_images("edits", arrays["edits"], (attribute_rebalancing.VALUES, attribute_rebalancing.EDITS, *shape))
    for name, array in arrays.items():
        if name.startswith("log_prob") and not np.isfinite(array).all():
            raise RunFailed(f"{name}: .log_prob gave {int((~np.isfinite(array)).sum())} NaN or infinite values")
    return arrays


def _check_images(name: str, array: np.ndarray | None, shape: tuple[int, ...]) -> None:
    if array is None:
        raise RunFailed(f"the worker left no {name}")
    if array.dtype != np.uint8 or array.shape != shape:
        nan = "" if array.dtype == np.uint8 or np.isfinite(array).all() else ", with NaN or infinite values"
        raise RunFailed(f"{name}: the generator gave {array.dtype} {array.shape}{nan}; wanted uint8 {shape}")
