"""Gradient ascent: make the forgotten images unlikely by ascending the pre-training loss on them, nothing else.

The plainest form of unlearning, with nothing that holds the rest: the baseline of Taming Normalizing Flows, which has a
remember term and a stop, is `forget_ascent`. For families with a likelihood or a bound on it; a GAN has no loss on an
image.
"""

import torch

from retouch.benchmark.budget import Budget
from retouch.benchmark.generators.base import Generator
from retouch.benchmark.task import Task
from retouch.methods.training import BATCH, descend, draw_batch


def edit(generator: Generator, task: Task, budget: Budget, *, steps: int = 30, lr: float = 1e-5) -> Generator:
    """Ascend on task.forget.

    Args:
        steps: how many; lr: Adam's step size.
    """
    if steps < 1 or lr <= 0:
        raise ValueError(f"steps must be at least 1 and lr positive, not {steps} and {lr}")
    optimizer = torch.optim.Adam(generator.module.parameters(), lr)
    for _ in budget.steps(steps):
        descend(optimizer, -generator.loss(draw_batch(task.forget, min(BATCH, len(task.forget)), task.rng)))
    return generator
