"""How much an image is wanted, by the guide: what rejection and resampling share."""

from collections.abc import Callable

import torch
from torch import Tensor

from benchmark.generators.base import Generator
from benchmark.task import Task

PROBES = 1000  # images of the base that tell its own shares


def density_ratio(generator: Generator, task: Task) -> Callable[[Tensor], Tensor]:
    """A function of uint8 images (N, C, H, W) -> target density over the base's, up to a constant, (N,).

    Removal and redaction: P(not one of the unwanted values). Rebalancing and diversity: sum_k P(k | x) t_k / b_k, with
    t the target's shares (even where none are stated) and b the base's, both by the guide.
    """
    attribute = task.target["attribute"]
    if "values" in task.target:
        unwanted = task.target["values"]
        return lambda images: 1 - task.guide.probs(images, attribute)[:, unwanted].sum(1)
    base = task.guide.probs(generator.sample(PROBES, task.rng), attribute).mean(0)
    target = torch.tensor(task.target.get("shares", [1 / len(base)] * len(base)))
    ratio = target / base.clamp(min=1 / PROBES)
    return lambda images: task.guide.probs(images, attribute) @ ratio
