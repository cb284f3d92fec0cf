"""The budget of an edit: a share of the base's own pre-training, counted in floating-point operations."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from retouch.benchmark.operations import Operations, operations_of

if TYPE_CHECKING:
    from retouch.benchmark.generators.base import Generator

SLACK = 0.05  # of a budget, for the method's step that is under way when it is spent
WARM_UP, TIMED_STEPS = 4, 2  # images of an untimed first step, and number of timed steps


@dataclass(frozen=True)
class Yardstick:
    """The cost of one `train_step` of the base.

    Attributes:
        operations: the same on every machine; seconds, processor_seconds: on this one, by the clock and the processor.
    """

    operations: int
    seconds: float
    processor_seconds: float = 0.0


def yardstick(generator: Generator, batch: int) -> Yardstick:
    """Measure one `train_step` of a copy: the faster of two, after a small one that warms up; a third is counted."""
    twin = generator.copy()
    images = torch.randint(0, 256, (batch, *generator.shape), dtype=torch.uint8)
    step = getattr(twin, "measure_step", twin.train_step)  # of a base that has no training of its own
    seconds, processor = [], []
    for part in (images[:WARM_UP], *[images] * TIMED_STEPS):
        began, busy = time.perf_counter(), time.process_time()
        step(part)
        if generator.device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
        processor.append(time.process_time() - busy)
    return Yardstick(operations_of(lambda: step(images)), min(seconds[1:]), min(processor[1:]))


class Budget:
    """What an edit may spend.

    Args:
        train_steps: how many of the base's own training steps the budget pays for; a method that plans its work in
            this unit does the same on every machine. yardstick: what one of them takes.
        seconds: the clock's limit, a safety net.
        keep: called with a generator and the `progress` at its checkpoint; report: with steps done and steps in all.

    Attributes:
        operations: the operations that the edit may take; counter: counts them, between import and return.
        cut: whether the clock ended the edit, so that another machine may give another result.
    """

    def __init__(
        self,
        train_steps: int,
        yardstick: Yardstick,
        seconds: float,
        keep: Callable[[Generator, dict[str, Any]], None] = lambda generator, progress: None,
        report: Callable[[int, int], None] = lambda step, of: None,
    ) -> None:
        self.train_steps, self.yardstick, self.seconds = train_steps, yardstick, seconds
        self.operations = train_steps * yardstick.operations
        self.counter = Operations()
        self.gradient_steps, self.charged_steps, self.cut = 0, 0, False
        self._keep, self._report, self._began = keep, report, time.perf_counter()

    @property
    def spent(self) -> int:
        """Operations so far, with what was charged."""
        return self.counter.total + self.charged_steps * self.yardstick.operations

    @property
    def elapsed(self) -> float:
        """Seconds since the edit began."""
        return time.perf_counter() - self._began

    @property
    def progress(self) -> dict[str, Any]:
        """What the edit took so far."""
        taken = {"operations": self.spent, "charged": self.charged_steps, "steps": self.gradient_steps}
        return taken | {"cut": self.cut}

    def start(self) -> None:
        """Start the clock; the harness calls it right before `edit`."""
        self._began = time.perf_counter()

    def steps(self, n: int) -> Iterator[int]:
        """0, 1, ... n - 1 with a progress report; ends before the operations are overspent, or the clock runs out.

        A step is expected to take as many as the one before it: of steps that each take many of the base's own, the
        last would otherwise go over the budget.
        """
        if n < 1:
            raise ValueError(f"budget.steps needs at least one step, not {n}")
        last = 0
        for step in range(n):
            self.cut = self.cut or self.elapsed >= self.seconds
            over = self.spent >= self.operations or self.spent + last > self.operations * (1 + SLACK)
            if self.cut or (self.operations and over):  # 0: nothing of the base is counted
                return
            self._report(step, n)
            before = self.spent
            yield step
            last = self.spent - before
            self.gradient_steps += 1

    def charge(self, train_steps: int) -> None:
        """Add the cost of work that was done before, in training steps of the base (the `retrained` control's)."""
        self.charged_steps += train_steps
        self.gradient_steps += train_steps

    def checkpoint(self, generator: Generator) -> None:
        """Save a state of the generator, which is scored if the budget runs out before `edit` returns."""
        self._keep(generator, self.progress)
