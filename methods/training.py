"""Steps of training that the methods share: draw a batch, descend a loss, average weights, continue a pre-training."""

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from retouch.benchmark.budget import Budget
from retouch.benchmark.generators.base import Generator
from retouch.benchmark.generators.gan import Gan
from retouch.benchmark.task import Task

EMA = 0.98  # of the weights, a step: a base is the average over its own pre-training too
BATCH = 64  # images in a step of the pre-training


def draw_batch(images: Tensor, n: int, rng: torch.Generator) -> Tensor:
    """Draw n of the images (N, C, H, W) with replacement."""
    return images[torch.randint(len(images), (n,), generator=rng)]


def descend(optimizer: Optimizer, loss: Tensor) -> None:
    """Take one step down the gradient of a scalar."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def average_weights(module: nn.Module, decay: float) -> AveragedModel:
    """Start an exponential moving average of weights and batch statistics; its `update_parameters` takes them in."""
    return AveragedModel(module, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)


def game_optimizers(gan: Gan, lr: float) -> tuple[Adam, Adam]:
    """The optimisers of G and D as in pre-training: Adam (0, 0.9), D at twice G's step size; lr relative to G's."""
    g_adam = Adam(gan.module.parameters(), lr * gan.lr, (0.0, 0.9))
    return g_adam, Adam(gan.discriminator.parameters(), 2 * lr * gan.lr, (0.0, 0.9))


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
    batch = min(BATCH, len(images))
    average = average_weights(generator.module, EMA)
    for _ in budget.steps(max(1, round(share * budget.train_steps))):
        generator.train_step(images[torch.multinomial(weights, batch, replacement=True, generator=task.rng)])
        average.update_parameters(generator.module)
    generator.module.load_state_dict(average.module.state_dict())
    return generator
