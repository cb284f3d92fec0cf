"""Importance resampling: draw several times as many images, hand out a weighted choice without replacement.

Sampling-importance-resampling (Rubin 1988) with the density ratio of `target` as weight; the n largest of
log w_i + Gumbel noise are a weighted sample without replacement (Efraimidis and Spirakis 2006). Unlike rejection its
cost is fixed, and the less it draws the closer it stays to the base.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from retouch.benchmark.budget import Budget
from retouch.benchmark.generators.base import Generator
from retouch.benchmark.task import Task
from retouch.methods.target import density_ratio


class Resampler:
    """A generator that draws `oversample` times as many images and keeps a weighted choice."""

    def __init__(self, generator: Generator, ratio: Callable[[Tensor], Tensor], oversample: int) -> None:
        self.generator, self.ratio, self.oversample = generator, ratio, oversample

    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        """n images, uint8 (n, C, H, W), in the order in which they were drawn."""
        images = self.generator.sample(n * self.oversample, rng)
        uniform = torch.rand(len(images), generator=rng).clamp(1e-12, 1 - 1e-7)
        gumbel = -(-uniform.log()).log()
        rows = (self.ratio(images).clamp(min=1e-12).log() + gumbel).topk(n).indices
        return images[rows.sort().values]


def edit(generator: Generator, task: Task, budget: Budget, *, oversample: int = 4) -> Resampler:
    """Wrap the base.

    Args:
        oversample: images drawn for each that is handed out, at least 2.
    """
    if oversample < 2:
        raise ValueError(f"oversample must be at least 2, not {oversample}")
    return Resampler(generator, density_ratio(generator, task), oversample)
