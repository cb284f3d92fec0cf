"""Ask a worker all questions after its edit: check its answers, and its times against the coordinator's clock."""

from __future__ import annotations

import io
import math
import time
from typing import Any

import numpy as np

from retouch.benchmark.question import ATTACKS, Question
from retouch.benchmark.worker.process import RunFailed, Session, number

ATTACK_SECONDS = 180  # for each attack: none is cut short by slow samples, and none costs the run its answers
DTYPES = ("uint8", "float32", "float64")  # that the bytes of an answer may be read as


def ask(session: Session, questions: list[Question], seconds: float, cost: dict[str, Any]) -> dict[str, np.ndarray]:
    """Ask the questions and return the answers by name; add what they took to `cost`.

    Training that waited for the first question is a part of the edit: once weights are others than it left them, what
    answering takes counts as the edit's.

    Raises:
        RunFailed: an answer of another form than its question states, or later than `seconds`.
    """
    arrays, total, images, sampled, busy, operations = {}, 0.0, 0, 0.0, 0.0, 0
    deadline, memory = time.monotonic() + seconds, 0.0
    for question in questions:
        began, used = time.monotonic(), session.watch.processor_seconds()
        try:
            message, payload = _hear(session, question, deadline)
        except AttackFailed:
            memory = session.peak_mb
            break  # attacks come last: what was answered before them counts
        if message["answer"] is not None:
            duration = plausible_seconds(number(message, "seconds", 0, 1e9), time.monotonic() - began)
            arrays[question.name] = _array(question, message, payload)
            total += 0.0 if question.kind in ATTACKS else duration
            if message.get("trained") and question.kind not in ATTACKS:
                cost["operations"] += int(number(message, "operations", 0, 1e18))
            if question.kind == "sample":
                images, sampled = images + question.n, sampled + duration
                busy += session.watch.processor_seconds() - used
                operations += int(number(message, "operations", 0, 1e18))
    speed = images / max(sampled, 1e-9) * cost["base"] / cost["images"]  # images per second over the base's
    cost |= {"answered": speed, "sampling": total, "sampling_processor": busy, "sampled_images": images}
    cost |= {"sample_operations": operations / max(images, 1), "memory": memory or _memory(session)}
    return arrays


def answer_to(session: Session, question: Question, seconds: float) -> np.ndarray:
    """The answer to one question, whose time does not count; RunFailed as in `ask`."""
    message, payload = _hear(session, question, time.monotonic() + seconds)
    return _array(question, message, payload)


class AttackFailed(Exception):
    """An attack that took too long, or ended the worker."""


def _hear(session: Session, question: Question, deadline: float) -> tuple[dict[str, Any], bytes]:
    """Ask one question and wait for its answer: until the deadline, or ATTACK_SECONDS for an attack."""
    attack = question.kind in ATTACKS
    try:
        session.tell(_packed(question.arrays), **question.message())
        left = ATTACK_SECONDS if attack else deadline - time.monotonic()
        return session.hear("answer", left, 8 * math.prod(question.shape))
    except (TimeoutError, RunFailed) as failure:
        if attack:
            raise AttackFailed from None
        if isinstance(failure, RunFailed):
            raise
        raise RunFailed("the edited generator took too long to sample; its .sample must not cost minutes") from None


def _memory(session: Session) -> float:
    """Peak MB, by the worker's own word or by the looks at it."""
    session.tell(kind="end")
    return max(number(session.hear("memory", 30)[0], "memory", 0, 1e9), session.peak_mb)


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
