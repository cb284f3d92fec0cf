"""How fast a recipe's training is in each form of arithmetic, on this device: `retouch pretrain NAME --tune`."""

from __future__ import annotations

import itertools
import time
from typing import Any

import torch

from retouch.benchmark.train.generator import GeneratorLearner

FORMS = ("bfloat16", "channels_last", "compile")  # fields of a recipe
WARM_UP, TIMED = 2, 5  # steps


def tune(plan: dict[str, Any], device: str) -> list[tuple[dict[str, bool], float, str]]:
    """Every combination of FORMS with the seconds of a training step, the fastest first; NaN and why for what fails."""
    rows = []
    for chosen in itertools.product((False, True), repeat=len(FORMS)):
        form = dict(zip(FORMS, chosen, strict=True))
        try:
            rows.append((form, _seconds(plan | form, device), ""))
        except Exception as error:  # a compiler that is missing, a kernel that there is not
            rows.append((form, float("nan"), f"{type(error).__name__}: {error}".splitlines()[0][:100]))
    return sorted(rows, key=lambda row: (row[1] != row[1], row[1]))


def _seconds(plan: dict[str, Any], device: str) -> float:
    torch.manual_seed(0)
    learner = GeneratorLearner(plan)
    learner.to(device)
    seconds = []
    for _ in range(WARM_UP + TIMED):
        _wait(device)
        began = time.perf_counter()
        learner.step()
        _wait(device)
        seconds.append(time.perf_counter() - began)
    return min(seconds[WARM_UP:])


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def table(plan: dict[str, Any], rows: list[tuple[dict[str, bool], float, str]]) -> list[str]:
    """Lines for people: milliseconds and images per second of each form, and what to write into the recipe."""
    lines = []
    for form, seconds, why in rows:
        words = ", ".join(name for name, on in form.items() if on) or "as it is"
        speed = why or f"{1e3 * seconds:8.1f} ms a step, {plan['batch'] / seconds:8.0f} images per second"
        lines.append(f"{words:35} {speed}")
    best = "\n".join(f"{name} = {str(on).lower()}" for name, on in rows[0][0].items())
    return [*lines, "", f"the fastest, for the recipe:\n{best}"]
