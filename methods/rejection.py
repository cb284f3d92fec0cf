"""Rejection: sample, ask the guide, keep what passes. The weights do not change; every image costs more.

von Neumann's rejection sampling with the density ratio t(x) / b(x) of `target`. For a removal an image passes when the
guide finds none of the unwanted values in it; for a target distribution with probability ratio / largest ratio.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from retouch.benchmark.budget import Budget
from retouch.benchmark.generators.base import Generator
from retouch.benchmark.task import Task
from retouch.methods.target import PROBES, density_ratio

PATIENCE = 200  # images drawn for one that passes, before giving up


class Filter:
    """A generator whose `.sample` hands out what `passes`."""

    def __init__(self, generator: Generator, passes: Callable[[Tensor, torch.Generator], Tensor]) -> None:
        self.generator, self.passes = generator, passes

    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        """n images that passed, uint8 (n, C, H, W)."""
        passing: list[Tensor] = []
        tries = count = 0
        while count < n:
            if tries > PATIENCE * n:
                raise RuntimeError(f"only {count} of {tries} images passed the guide: rejection cannot do this")
            images = self.generator.sample(n, rng)
            passing.append(images[self.passes(images, rng)])
            tries, count = tries + n, count + len(passing[-1])
        return torch.cat(passing)[:n]


def edit(generator: Generator, task: Task, budget: Budget, *, threshold: float = 0.5) -> Filter:
    """Wrap the base in a filter.

    Args:
        threshold: for removals, in (0, 1): an image passes if the guide's probability of no unwanted value exceeds it.
    """
    if not 0 < threshold < 1:
        raise ValueError(f"threshold must lie between 0 and 1, not {threshold}")
    ratio = density_ratio(generator, task)
    if "values" in task.target:
        return Filter(generator, lambda images, rng: ratio(images) > threshold)
    largest = ratio(generator.sample(PROBES, task.rng)).max()
    return Filter(generator, lambda images, rng: torch.rand(len(images), generator=rng) < ratio(images) / largest)
