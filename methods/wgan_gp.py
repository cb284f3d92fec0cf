"""WGAN-GP, the game of the diversity weights' paper (Gulrajani et al., 1704.00028), on the base's own networks.

    L_D = E D(G(z)) - E D(x) + 10 E (|grad D(x_hat)| - 1)^2,   x_hat uniform on the line between a real and a fake image
    L_G = -E D(G(z));   five steps of D for each of G; Adam (0, 0.9) for both, with the step size of G's pre-training

D is the base's architecture without its spectral norms, which bound the slope that the penalty is there to bound.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from retouch.benchmark.budget import Budget
from retouch.benchmark.generators.gan import Gan, to_float
from retouch.benchmark.task import Task
from retouch.methods.training import BATCH, average_weights, descend

PENALTY, CRITIC_STEPS = 10.0, 5
EMA = 0.98  # of G's weights, a step


def train(gan: Gan, images: Tensor, p: Tensor, task: Task, budget: Budget, share: float, lr: float) -> Gan:
    """Train a fresh GAN on uint8 images (N, C, H, W), drawn with probabilities p (N,); `share` of the budget's steps.

    A step of G with its five of D counts as as many training steps of the base as D takes.
    """
    critic, betas = plain(gan), (0.0, 0.9)
    g_adam = torch.optim.Adam(gan.module.parameters(), lr * gan.lr, betas)
    d_adam = torch.optim.Adam(critic.parameters(), lr * gan.lr, betas)
    average = average_weights(gan.module, EMA)
    batch = min(BATCH, len(images))
    gan.module.train()
    for _ in budget.steps(max(1, round(share * budget.train_steps / CRITIC_STEPS))):
        for _ in range(CRITIC_STEPS):
            rows = torch.multinomial(p, batch, replacement=True, generator=task.rng)
            real = to_float(images[rows].to(gan.device))
            descend(d_adam, critic_loss(critic, real, gan.module(noise(gan, batch, task)).detach(), task.rng))
        descend(g_adam, -critic(gan.module(noise(gan, batch, task))).mean())
        average.update_parameters(gan.module)
    gan.module.load_state_dict(average.module.state_dict())
    return gan


def noise(gan: Gan, n: int, task: Task) -> Tensor:
    """n latents on the GAN's device."""
    return gan.latent(n, task.rng).to(gan.device)


def plain(gan: Gan) -> nn.Module:
    """A copy of D without parametrisations, its weights as they are.

    Of the GAN's copy, as that builds D anew: `deepcopy` would share the classes that hold them with the original.
    """
    critic = gan.copy().discriminator.eval()
    for module in list(critic.modules()):
        if parametrize.is_parametrized(module):
            parametrize.remove_parametrizations(module, "weight")
    return critic


def critic_loss(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, rng: torch.Generator) -> Tensor:
    """L_D of images in [-1, 1], as many real as fake."""
    t = torch.rand(len(real), 1, 1, 1, generator=rng).to(real.device)
    between = (t * real + (1 - t) * fake).requires_grad_()
    (gradient,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    penalty = (gradient.flatten(1).norm(dim=1) - 1).square().mean()
    return critic(fake).mean() - critic(real).mean() + PENALTY * penalty
