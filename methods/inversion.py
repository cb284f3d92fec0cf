"""GAN inversion: latents z with G(z) ~ x, by an encoder that is trained on the GAN's own images, then steps on z."""

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retouch.benchmark.budget import Budget
from retouch.benchmark.generators.gan import Gan, to_float
from retouch.benchmark.task import Task
from retouch.methods.training import BATCH, descend

CHUNK = 256  # images inverted at a time
HEAD = 20.0  # step size of the encoder's new layer over that of its trunk, which D has trained
LATENT_LR = 0.05
PRIOR = 0.01  # weight of |z|^2, which keeps latents where G has been trained


def train_encoder(generator: Gan, task: Task, budget: Budget, steps: int, lr: float) -> nn.Module:
    """E(x) ~ z: D's trunk and a linear layer, trained on pairs (G(z), z)."""
    generator.module.eval()
    trunk = deepcopy(generator.discriminator.trunk)
    head = nn.Linear(generator.discriminator.feature_dim, generator.latent_dim).to(generator.device)
    encoder = nn.Sequential(trunk, head)
    groups: list[dict[str, Any]] = [{"params": trunk.parameters()}, {"params": head.parameters(), "lr": HEAD * lr}]
    optimizer = torch.optim.Adam(groups, lr)
    for _ in budget.steps(steps):
        z = generator.latent(BATCH, task.rng).to(generator.device)
        with torch.no_grad():
            x = generator.module(z)
        descend(optimizer, F.mse_loss(encoder(x), z))
    return encoder.eval()


def invert(
    generator: Gan, images: Tensor, encoder: nn.Module, budget: Budget, steps: int, share: float = 1.0
) -> Tensor:  # fmt: skip
    """Latents (n, Z) of the first n uint8 images: the encoder's, then `steps` of `refine`.

    n: all of them, or as many chunks, one at least, as bring what is spent to at most `share` of the budget.
    """
    network = deepcopy(generator.module).eval().requires_grad_(False)
    latents: list[Tensor] = []
    last = 0  # operations of the chunk before
    for part in images.split(CHUNK):
        before = budget.spent
        if latents and before + last > share * budget.operations:
            break
        x = to_float(part.to(generator.device))
        with torch.no_grad():
            z = encoder(x)
        latents.append(refine(network, x, z, budget, steps).cpu())
        last = budget.spent - before
    return torch.cat(latents)


def refine(network: nn.Module, x: Tensor, z: Tensor, budget: Budget, steps: int) -> Tensor:
    """Adam on the latents: mean |G(z) - x|^2 + PRIOR mean |z|^2 of each image."""
    z = z.clone().requires_grad_()
    optimizer = torch.optim.Adam([z], LATENT_LR)
    for _ in budget.steps(steps) if steps else ():
        each = (network(z) - x).square().flatten(1).mean(1) + PRIOR * z.square().mean(1)
        descend(optimizer, each.sum())
    return z.detach()
