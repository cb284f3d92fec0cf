"""Adapt then Unlearn (Tiwary, Guha, Panda, Prathosh; TMLR 2025, arXiv 2309.14054). GAN, without the training data.

A user says which of the generator's own images show what is to be forgotten: the negatives; the others are positives.

1. Adapt. The GAN is trained on the negatives; few as they are, an elastic penalty keeps the rest of it in place:
        L_adv + lambda sum_i F_i (theta_i - theta_G,i)^2,  F the diagonal Fisher information. The result is theta_N.
2. Unlearn. The original GAN, theta_G, is trained on the positives, repelled from theta_N:
        L_adv + gamma L_rep,  L_rep of three forms:
        IL2  1 / |theta - theta_N|^2      NL2  -|theta - theta_N|^2      EL2  exp(-alpha |theta - theta_N|^2)

Deviations:
- the guide stands in for the user.
- alpha = 1 / |theta_G - theta_N|^2, and IL2 and NL2 are taken of the distance in that unit too: L_rep and gamma then
  mean the same for every size of network.
- one adapted generator; the authors' code can average over several, and the budget pays for one.
- the base's own game, the hinge loss, instead of StyleGAN2's with R1 and path lengths, for which its D was not trained.
- F is the mean square of the gradient of D(G(z)), a stand-in for a likelihood that a GAN lacks, with the batch
  statistics of the trained G.
- the result is the average of G's weights over the second stage, as in the authors' code; here over some 50 steps.
"""

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils import parameters_to_vector

from retouch.benchmark.budget import Budget
from retouch.benchmark.generators.gan import Gan, Synthesis, to_float
from retouch.benchmark.task import Task
from retouch.methods.target import shows_unwanted
from retouch.methods.training import BATCH, average_weights, descend, draw_batch, game_optimizers

SAMPLES = 4000  # own images that are sorted into negatives and positives
FISHER = 32  # images from which F is estimated, as in the authors' code
EMA = 0.98

FORMS: dict[str, Callable[[Tensor], Tensor]] = {  # L_rep of the squared distance, in units of alpha^-1
    "IL2": lambda d2: 1 / d2,
    "NL2": lambda d2: -d2,
    "EL2": lambda d2: torch.exp(-d2),
}


def edit(
    generator: Gan, task: Task, budget: Budget, *, gamma: float = 1.0, form: str = "EL2", lam: float = 1.0,
    adapt: float = 0.15, share: float = 0.5, lr: float = 1.0,
) -> Gan:  # fmt: skip
    """Unlearn the values that the target names.

    Args:
        gamma: weight of the repulsion, at least 0. form: EL2, IL2 or NL2.
        lam: lambda, weight of the elastic penalty while adapting, at least 0.
        adapt: share of the budget's training steps for the first stage; share: for both, adapt < share <= 1.
        lr: step sizes relative to the pre-training's, above 0.
    """
    if gamma < 0 or lam < 0 or lr <= 0:
        raise ValueError(f"gamma and lam must be at least 0 and lr positive, not {gamma}, {lam} and {lr}")
    if form not in FORMS or not 0 < adapt < share <= 1:
        raise ValueError(f"form is one of {', '.join(FORMS)}, and 0 < adapt < share <= 1, not {form}, {adapt}, {share}")
    negatives, positives = feedback(generator, task)
    theta_g = weights(generator)
    adapted = generator.copy()
    elastic = penalty(adapted, fisher(adapted, task), theta_g, lam)
    play(adapted, negatives, elastic, task, budget, max(1, round(adapt * budget.train_steps)), lr)
    theta_n = weights(adapted)
    repel = repulsion(generator, theta_g, theta_n, form, gamma)
    steps = max(1, round((share - adapt) * budget.train_steps))
    generator.module = play(generator, positives, repel, task, budget, steps, lr)
    return generator


def feedback(generator: Gan, task: Task) -> tuple[Tensor, Tensor]:
    """The generator's own images, uint8: those with an unwanted value, and the others."""
    shows = shows_unwanted(task)
    images = generator.sample(SAMPLES, task.rng)
    negative = shows(images)
    n = int(negative.sum())
    if min(n, SAMPLES - n) < 2:
        raise ValueError(f"the guide sees the target in {n} of {SAMPLES} samples: 2 of each kind are needed")
    return images[negative], images[~negative]


def weights(generator: Gan) -> Tensor:
    """theta: all parameters of G in a row."""
    return parameters_to_vector(generator.module.parameters()).detach()


def fisher(generator: Gan, task: Task) -> Tensor:
    """F: mean square of the gradient of D(G(z)) with respect to theta."""
    generator.module.eval()
    generator.discriminator.eval()  # its spectral norms are re-estimated in training, at every look
    total = torch.zeros_like(weights(generator))
    for z in generator.latent(FISHER, task.rng).to(generator.device).split(1):
        score = generator.discriminator(generator.module(z)).sum()
        total += parameters_to_vector(torch.autograd.grad(score, list(generator.module.parameters()))) ** 2
    generator.discriminator.train()
    return total / FISHER


def penalty(generator: Gan, f: Tensor, theta_g: Tensor, lam: float) -> Callable[[], Tensor]:
    """lambda sum_i F_i (theta_i - theta_G,i)^2."""
    return lambda: lam * (f * (parameters_to_vector(generator.module.parameters()) - theta_g) ** 2).sum()


def repulsion(generator: Gan, theta_g: Tensor, theta_n: Tensor, form: str, gamma: float) -> Callable[[], Tensor]:
    """gamma L_rep of the distance to theta_N, in units of the distance from theta_G to theta_N."""
    unit = ((theta_g - theta_n) ** 2).sum()
    theta = lambda: parameters_to_vector(generator.module.parameters())  # noqa: E731
    return lambda: gamma * FORMS[form](((theta() - theta_n) ** 2).sum() / unit)


def play(
    gan: Gan, images: Tensor, extra: Callable[[], Tensor], task: Task, budget: Budget, steps: int, lr: float
) -> Synthesis:
    """Continue the pre-training's game on uint8 images, `extra` added to G's loss; return the average of G."""
    g_adam, d_adam = game_optimizers(gan, lr)
    average = average_weights(gan.module, EMA)
    for _ in budget.steps(steps):
        gan.module.train()
        real = to_float(draw_batch(images, min(BATCH, len(images)), task.rng).to(gan.device))
        fake = gan.module(gan.latent(len(real), task.rng).to(gan.device))
        d_loss = F.relu(1 - gan.judged(real)).mean() + F.relu(1 + gan.judged(fake.detach())).mean()
        descend(d_adam, d_loss)
        descend(g_adam, extra() - gan.judged(fake).mean())
        average.update_parameters(gan.module)
    return cast(Synthesis, average.module)
