"""Ask a worker all questions after its edit: check its answers, and its times against the coordinator's clock."""

from __future__ import annotations

import io
import math
import time
from typing import Any

import numpy as np

from retouch.benchmark.question import Question
from retouch.benchmark.worker.process import RunFailed, Session, number

DTYPES = ("uint8", "float32", "float64")  # that the bytes of an answer may be read as


def ask(session: Session, questions: list[Question], seconds: float, cost: dict[str, Any]) -> dict[str, np.ndarray]:
    """Ask the questions and return the answers by name; add what they took to `cost`.

    Raises:
        RunFailed: an answer of another form than its question states, or later than `seconds`.
    """
    arrays, total, images, sampled, operations = {}, 0.0, 0, 0.0, 0
    deadline = time.monotonic() + seconds
    for question in questions:
        began = time.monotonic()
        session.tell(_packed(question.arrays), **question.message())
        try:
            message, payload = session.hear("answer", deadline - time.monotonic(), 8 * math.prod(question.shape))
        except TimeoutError:
            raise RunFailed("the edited generator took too long to sample; its .sample must not cost minutes") from None
        if message["answer"] is not None:
            duration = plausible_seconds(number(message, "seconds", 0, 1e9), time.monotonic() - began)
            total += duration
            arrays[question.name] = _array(question, message, payload)
            if question.kind == "sample":
                images, sampled = images + question.n, sampled + duration
                operations += int(number(message, "operations", 0, 1e18))
    session.tell(kind="end")
    memory = max(number(session.hear("memory", 30)[0], "memory", 0, 1e9), session.peak_mb)
    speed = images / max(sampled, 1e-9) * cost["base"] / cost["images"]  # images per second over the base's
    cost |= {"answered": speed, "sampling": total, "memory": memory, "sample_operations": operations / max(images, 1)}
    return arrays


def plausible_seconds(claim: float, clock: float) -> float:
    """The worker's measured seconds, unless the coordinator's clock counts clearly more: then the clock's.

    The worker measures without the delays of a busy coordinator, but a method shares its process and may forge `claim`.
    """
    return claim if claim >= 0.9 * clock - 0.1 else clock


def _packed(arrays: dict[str, np.ndarray]) -> bytes:
    """Arrays as the bytes of an .npz; no bytes if there are no arrays."""
    file = io.BytesIO()
    named: dict[str, Any] = {**arrays}
    np.savez(file, **named)
    return file.getvalue() if arrays else b""


def _array(question: Question, message: dict[str, Any], payload: bytes) -> np.ndarray:
    """The array of an answer; RunFailed if it has another form than its question states."""
    dtype, shape = str(message["answer"])[:20], message.get("shape")
    sound = dtype in DTYPES and shape == list(question.shape)
    try:
        if not sound or len(payload) != math.prod(question.shape) * np.dtype(dtype).itemsize:
            raise question.unfit(f"{dtype} {str(shape)[:60]}")
        return question.check(np.frombuffer(bytearray(payload), dtype).reshape(question.shape))
    except ValueError as unfit:
        raise RunFailed(str(unfit)) from None
