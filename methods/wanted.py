"""How much an image is wanted, by the guide: what rejection and resampling share."""

from collections.abc import Callable

import torch
from torch import Tensor

from retouch.benchmark.generators.base import Generator
from retouch.benchmark.task import Task

PROBES = 1000  # images of the base that tell its own shares


def density_ratio(generator: Generator, task: Task) -> Callable[[Tensor], Tensor]:
    """A function of uint8 images (N, C, H, W) -> target density over the base's, up to a constant, (N,).

    Removal and redaction: P(not one of the unwanted values). Rebalancing and diversity: t_k / b_k for the class k that
    the guide decides on, with t the target's shares (even where none are stated) and b the base's by the same
    decisions. Its probabilities would do only if they were calibrated on generated images, and they are not.
    """
    attribute = task.target["attribute"]
    if "values" in task.target:
        unwanted = task.target["values"]
        return lambda images: 1 - task.guide.probs(images, attribute)[:, unwanted].sum(1)
    probs = task.guide.probs(generator.sample(PROBES, task.rng), attribute)
    classes = probs.shape[1]
    base = (torch.bincount(probs.argmax(1), minlength=classes) + 1) / (PROBES + classes)
    ratio = torch.tensor(task.target.get("shares", [1 / classes] * classes)).flatten() / base
    return lambda images: ratio[task.guide.probs(images, attribute).argmax(1)]
