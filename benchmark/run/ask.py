"""Ask a worker everything after its edit; what it answers is checked, what it claims is held against a clock."""

from __future__ import annotations

import io
import math
import time
from typing import Any

import numpy as np

from retouch.benchmark.question import Question
from retouch.benchmark.worker.process import RunFailed, Session, number

DTYPES = ("uint8", "float32", "float64")  # of answers: bytes are read as these and as nothing else


def ask(session: Session, questions: list[Question], seconds: float, cost: dict[str, Any]) -> dict[str, np.ndarray]:
    """The answers by name, within `seconds`; fills `cost` with what they took.

    Raises:
        RunFailed: an answer that is not what was asked for, or comes too late.
    """
    arrays, total, images, sampled, operations = {}, 0.0, 0, 0.0, 0
    until = time.monotonic() + seconds
    for question in questions:
        began = time.monotonic()
        session.tell(_packed(question.arrays), **question.message())
        try:
            message, payload = session.hear("answer", until - time.monotonic(), 8 * math.prod(question.shape))
        except TimeoutError:
            raise RunFailed("the edited generator took too long to sample; its .sample must not cost minutes") from None
        if message["answer"] is not None:
            took = borne_out(number(message, "seconds", 0, 1e9), time.monotonic() - began)
            total += took
            arrays[question.name] = _array(question, message, payload)
            if question.kind == "sample":
                images, sampled = images + question.n, sampled + took
                operations += int(number(message, "operations", 0, 1e18))
    session.tell(kind="end")
    memory = max(number(session.hear("memory", 30)[0], "memory", 0, 1e9), session.peak_mb)
    relative = images / max(sampled, 1e-9) * cost["base"] / cost["images"]  # images per second over the base's
    cost |= {"answered": relative, "sampling": total, "memory": memory, "sample_operations": operations / images}
    return arrays


def borne_out(claimed: float, clock: float) -> float:
    """The seconds that a worker claims, or those of the coordinator's own clock where these are clearly more.

    The worker's are exact and the clock's have the noise of a busy coordinator; but a method may claim what it likes.
    """
    return claimed if claimed >= 0.9 * clock - 0.1 else clock


def _packed(arrays: dict[str, np.ndarray]) -> bytes:
    """Arrays as the bytes of an .npz; none if there are none."""
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue() if arrays else b""


def _array(question: Question, message: dict[str, Any], payload: bytes) -> np.ndarray:
    """The array of an answer; RunFailed if it is not what was asked for."""
    dtype, shape = str(message["answer"])[:20], message.get("shape")
    sound = dtype in DTYPES and shape == list(question.shape)
    try:
        if not sound or len(payload) != math.prod(question.shape) * np.dtype(dtype).itemsize:
            raise question.unfit(f"{dtype} {str(shape)[:60]}")
        return question.check(np.frombuffer(bytearray(payload), dtype).reshape(question.shape))
    except ValueError as unfit:
        raise RunFailed(str(unfit)) from None
