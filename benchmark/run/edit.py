"""One run from reveal to arrays: a worker edits within its budget and is asked; its claims are held against a clock."""

from __future__ import annotations

import contextlib
import io
import math
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from retouch.benchmark.records import UNSANDBOXED
from retouch.benchmark.run import reveal
from retouch.benchmark.run.plan import Run
from retouch.benchmark.worker import sandbox
from retouch.benchmark.worker.process import RunFailed, Session, number

GRACE = 2.0  # seconds past the budget before a worker is stopped: one step may be under way
READY = 180  # seconds until the worker stands ready: imports, yardstick
IMPORTS = 30  # seconds that importing the method may take before the budget's clock runs all the same
DTYPES = ("uint8", "float32", "float64")  # of answers: bytes are read as these and as nothing else


@dataclass
class Answers:
    """What a worker left: arrays by name, what it took, and the end of what the method printed."""

    arrays: dict[str, np.ndarray]
    cost: dict[str, Any] = field(default_factory=dict)
    printed: str = ""


def answers(run: Run, on_progress: Callable[[int, int], None] = lambda step, of: None) -> Answers:
    """Edit and ask, in a worker of its own.

    Raises:
        RunFailed: the method raised, died, overran its budget without a checkpoint, or answered with something else
            than asked for.
    """
    folder = Path(tempfile.mkdtemp(prefix="retouch-"))
    checkpoint, reached = folder / "checkpoint.zip", {"steps": 0, "charged": 0.0}

    def keep(payload: bytes, steps: int, charged: float) -> None:
        checkpoint.write_bytes(payload)
        reached.update(steps=steps, charged=charged)

    cost: dict[str, Any] = {"sandbox": sandbox.name() if run.sandboxed else UNSANDBOXED}
    printed = ""
    try:
        reveal.lay_out(run, folder / "reveal")
        with Session(run, folder, on_progress, keep) as session:
            try:
                _edit(run, session, cost, _size(folder / "reveal/base"))
                return Answers(_ask(run, session, cost), cost, session.printed())
            except _OutOfTime:
                if not checkpoint.exists():
                    raise RunFailed(
                        f"edit was still running {GRACE:.0f} s past its budget of {cost['budget']:.0f} s; loop over "
                        "budget.steps(n), or call budget.checkpoint(generator) on the way",
                        "over_budget",
                    ) from None
            finally:
                printed = session.printed()
        _took(run, cost, cost["budget"], reached["charged"], reached["steps"], cut=True)
        with Session(run, folder, on_progress, keep) as session:
            _ready(session)
            session.tell(checkpoint.read_bytes(), kind="restore")
            return Answers(_ask(run, session, cost), cost, printed)
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


def _edit(run: Run, session: Session, cost: dict[str, Any], weights: int) -> None:
    """Have it edit; fills `cost`. Checkpoints may be four times as large as the base's weights."""
    ready = _ready(session)
    cost |= {name: number(ready, name, 1e-9, 1e6) for name in ("yardstick", "base", "images")}
    steps = round(reveal.told(run)["train_steps"])
    cost["budget"] = min(steps * cost["yardstick"], run.track.max_minutes * 60)
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
    _took(run, cost, wall, charged, int(number(done, "steps", 0, 1e12)), done.get("cut") is True)


def _took(run: Run, cost: dict[str, Any], wall: float, charged: float, steps: int, cut: bool) -> None:
    """Note what the edit took; RunFailed if that is more than it may."""
    cost |= {"wall": wall, "edited": wall + charged, "steps": steps, "cut": cut}
    if cost["edited"] > cost["budget"] + GRACE and not run.submission.control:
        raise RunFailed(f"edit charged {cost['edited']:.0f} s to a budget of {cost['budget']:.0f} s", "over_budget")


def borne_out(claimed: float, clock: float) -> float:
    """The seconds that a worker claims, or those of the coordinator's own clock where these are clearly more.

    The worker's are exact and the clock's have the noise of a busy coordinator; but a method may claim what it likes.
    """
    return claimed if claimed >= 0.9 * clock - 0.1 else clock


def _ask(run: Run, session: Session, cost: dict[str, Any]) -> dict[str, np.ndarray]:
    """Ask everything; fills `cost` with what sampling takes, by all questions for images."""
    arrays, total, images, sampled = {}, 0.0, 0, 0.0
    until = time.monotonic() + max(120, run.track.max_minutes * 60)
    for question, about in reveal.questions(run):
        payload, shape = _packed(about), shape_of(run, question, about)
        began = time.monotonic()
        session.tell(payload, **question)
        try:
            told, payload = session.hear("answer", until - time.monotonic(), 8 * math.prod(shape))
        except TimeoutError:
            raise RunFailed("the edited generator took too long to sample; its .sample must not cost minutes") from None
        if told["answer"] is not None:
            seconds = borne_out(number(told, "seconds", 0, 1e9), time.monotonic() - began)
            total += seconds
            arrays[question["name"]] = _array(question, told, payload, shape)
            if question["kind"] == "sample":
                images, sampled = images + question["n"], sampled + seconds
    session.tell(kind="end")
    memory = number(session.hear("memory", 30)[0], "memory", 0, 1e9)
    if not run.device.startswith("cuda"):
        memory = max(memory, session.watch.peak)
    answered = images / max(sampled, 1e-9) * cost["base"] / cost["images"]  # images per second over the base's
    cost |= {"answered": answered, "sampling": total, "memory": memory}
    return arrays


def _packed(arrays: dict[str, np.ndarray]) -> bytes:
    """Arrays as the bytes of an .npz; none if there are none."""
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue() if arrays else b""


def shape_of(run: Run, question: dict[str, Any], about: dict[str, np.ndarray]) -> tuple[int, ...]:
    """What an answer has to look like."""
    if question["kind"] == "log_prob":
        return question["draws"], len(about["images"])
    edits = question["kind"] == "edit_attribute"
    count = (len(about["values"]), len(about["latents"])) if edits else (question["n"],)
    return *count, *reveal.image_shape(run.instance)


def _array(question: dict[str, Any], told: dict[str, Any], payload: bytes, shape: tuple[int, ...]) -> np.ndarray:
    """The array of an answer; RunFailed if it is not what was asked for."""
    dtype, given = str(told["answer"])[:20], told.get("shape")
    sound = dtype in DTYPES and given == list(shape)
    if not sound or len(payload) != math.prod(shape) * np.dtype(dtype).itemsize:
        raise _unfit(question, f"{dtype} {str(given)[:60]}", shape)
    return fitting(question, np.frombuffer(bytearray(payload), dtype).reshape(shape), shape)


def fitting(question: dict[str, Any], array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The answer as it is, if it is what was asked for; else RunFailed says what was wanted."""
    images = question["kind"] != "log_prob"
    nan = "" if np.isfinite(array).all() else ", with NaN or infinite values"
    if nan or array.shape != shape or images != (array.dtype == np.uint8):
        raise _unfit(question, f"{array.dtype} {list(array.shape)}{nan}", shape)
    return array


def _unfit(question: dict[str, Any], found: str, shape: tuple[int, ...]) -> RunFailed:
    wanted = "finite floats" if question["kind"] == "log_prob" else "uint8"
    return RunFailed(f"{question['name']}: the generator gave {found}; wanted {wanted} {shape}")


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*.safetensors"))


def _remove(folder: Path) -> None:
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except RecursionError:  # folders nested by the thousand
        subprocess.run(["rm", "-rf", folder], check=False)
