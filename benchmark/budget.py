"""The budget of an edit: counted in the base's own pre-training, spent in seconds on the machine at hand."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from retouch.benchmark.generators.base import Generator

WARM_UP, TIMED_STEPS = 4, 2  # images of the step that is not counted, and steps that are


def yardstick(generator: Generator, batch: int) -> float:
    """Seconds of one `train_step` of the base on this machine: the faster of two, after a small one that warms up."""
    twin = generator.copy()
    images = torch.randint(0, 256, (batch, *generator.shape), dtype=torch.uint8)
    seconds = []
    for given in (images[:WARM_UP], *[images] * TIMED_STEPS):
        began = time.perf_counter()
        twin.train_step(given)
        if generator.device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
    return min(seconds[1:])


class Budget:
    """What an edit may spend.

    Attributes:
        seconds: wall-clock seconds that the edit may take.
        train_steps: how many of the base's own training steps that pays for; a method that plans its work in this unit
            does the same on every machine.
    """

    def __init__(
        self,
        seconds: float,
        train_steps: int,
        yardstick: float,
        keep: Callable[[Generator, int, float], None] = lambda generator, steps, charged: None,
        report: Callable[[int, int], None] = lambda step, of: None,
    ) -> None:
        self.seconds, self.train_steps, self.yardstick = seconds, train_steps, yardstick
        self.gradient_steps, self.charged, self.cut = 0, 0.0, False
        self._keep, self._report, self._began = keep, report, time.perf_counter()

    @property
    def spent(self) -> float:
        """Seconds since the edit began, and what was charged."""
        return time.perf_counter() - self._began + self.charged

    def start(self) -> None:
        """Begin counting; the harness calls it right before `edit`."""
        self._began = time.perf_counter()

    def steps(self, n: int) -> Iterator[int]:
        """0, 1, ... n - 1 with a progress report; ends early, and marks the run as cut, when the budget is spent."""
        if n < 1:
            raise ValueError(f"budget.steps needs at least one step, not {n}")
        for step in range(n):
            if self.spent >= self.seconds:
                self.cut = True
                return
            self._report(step, n)
            yield step
            self.gradient_steps += 1

    def charge(self, train_steps: int) -> None:
        """Add the cost of work that was done before, in training steps of the base (the `retrained` control's)."""
        self.charged += train_steps * self.yardstick
        self.gradient_steps += train_steps

    def checkpoint(self, generator: Generator) -> None:
        """Hand over a state that counts if the budget runs out before `edit` returns."""
        self._keep(generator, self.gradient_steps, self.charged)
