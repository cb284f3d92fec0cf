"""Continue a generator's own training, images drawn with given probabilities: what the fine-tuning baselines share."""

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from retouch.benchmark.budget import Budget
from retouch.benchmark.generators.base import Generator
from retouch.benchmark.task import Task

EMA = 0.98  # of the weights, a step: a base is the average over its own pre-training too


def continue_training(
    generator: Generator, images: Tensor, p: Tensor | None, task: Task, budget: Budget, share: float, lr: float
) -> Generator:
    """Train on uint8 images (N, C, H, W), drawn with replacement; the result is the average of the weights on the way.

    Args:
        p: sampling probabilities (N,), or None for all alike.
        share: of the budget's training steps, in (0, 1]; below 1 leaves room for a slower moment of the machine.
        lr: step size relative to the pre-training's.
    """
    if not 0 < share <= 1 or lr <= 0:
        raise ValueError(f"share must lie in (0, 1] and lr be positive, not {share} and {lr}")
    if len(images) == 0:
        raise ValueError("there are no images to train on")
    generator.lr *= lr
    weights = torch.ones(len(images)) if p is None else p
    batch = min(64, len(images))
    average = AveragedModel(generator.module, multi_avg_fn=get_ema_multi_avg_fn(EMA), use_buffers=True)
    for _ in budget.steps(max(1, round(share * budget.train_steps))):
        generator.train_step(images[torch.multinomial(weights, batch, replacement=True, generator=task.rng)])
        average.update_parameters(generator.module)
    generator.module.load_state_dict(average.module.state_dict())
    return generator
