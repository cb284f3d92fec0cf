"""Selective Amnesia (Heng and Soh, NeurIPS 2023, arXiv 2305.10120). Flow and diffusion: models with a likelihood.

Continual learning turned round: the elastic penalty holds what is to be kept, and what is to be forgotten is
overwritten by a surrogate, since to lower a likelihood has no end. With ell(x) = -log p(x) or its bound,

    L = E_{x ~ q} ell(x) + gamma E_{x ~ p(x | theta*), not forgotten} ell(x) + lambda sum_i F_i (theta_i - theta*_i)^2

q is the surrogate, the second term generative replay from the base theta*, and F the diagonal Fisher information: the
mean square of the gradient of ell(x), one image at a time, on the base's own samples. The penalty is written as in the
authors' code, without the paper's half; ell is a sum over pixels, in nats for a flow and of squared errors of the
predicted noise for diffusion.

The paper's models are conditional, and so it is here where the target names a concept: q are the base's own images of
the nearest prompt without the concept, learnt under the prompt c_f with it, as where the paper forgets a person; replay
are its images of the other prompts c_r.

Deviations where the base has no prompts:
- there is no c_f that q(x | c_f) could take the place of; the surrogate becomes part of all that the model makes, and
  the uniform noise of the paper's first experiments would be seen. q are `retain`'s nearest neighbours of the forget
  images in the guide's features, the ones that the model is to make instead.
- nothing ties the surrogate to the images that it replaces: what is forgotten loses its share of the likelihood to
  others, and goes no faster.
- replay is sorted by the guide, which takes the part of the condition c_r.

Deviation in both: F is from 64 images and one noise level each, for the budget; the authors take thousands and all
noise levels.
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import parameters_to_vector

from retouch.benchmark.budget import Budget
from retouch.benchmark.generators.base import Generator
from retouch.benchmark.generators.conditional_diffusion import ConditionalDiffusion
from retouch.benchmark.task import Task
from retouch.methods.concept import Pairs, draw_prompts, drawn, nearest, own_images, sorted_out
from retouch.methods.target import shows_unwanted
from retouch.methods.training import descend

REPLAY = 512  # own images that are drawn; by prompt half of them are surrogates
FISHER = 64  # of these, for F
BATCH = 32  # surrogates, and replayed images, in a step: together the pre-training's batch
NEIGHBOURS = 5  # retained images nearest to each forget image


def edit(
    generator: Any, task: Task, budget: Budget, *, lam: float = 100.0, gamma: float = 1.0, share: float = 0.4,
    lr: float = 0.1,
) -> Generator:  # fmt: skip
    """Forget what is like task.forget; of a base with prompts, what those draw that name `target["concept"]`.

    Args:
        lam: lambda, weight of the elastic penalty, at least 0; the lower, the stronger the change. 100 in the paper.
        gamma: weight of the replay, at least 0.
        share: of the budget's training steps, in (0, 1]; a step costs a flow 1.7 of these, by its two passes.
        lr: step size relative to the pre-training's, above 0.
    """
    if lam < 0 or gamma < 0 or lr <= 0 or not 0 < share <= 1:
        raise ValueError(f"lam, gamma >= 0, lr > 0 and share in (0, 1] are needed, not {lam}, {gamma}, {lr}, {share}")
    q, replay, own = (by_prompt if "concept" in task.target else by_guide)(generator, task)
    theta_star = theta(generator).detach()
    f = fisher(generator, own, budget)
    adam = torch.optim.Adam(generator.module.parameters(), lr * generator.lr)
    for _ in budget.steps(max(1, round(share * budget.train_steps))):
        x_q, x_r = (drawn(images, BATCH, task.rng) for images in (q, replay))
        loss = ell(generator, *x_q) + gamma * ell(generator, *x_r)
        descend(adam, loss + lam * elastic(theta(generator), theta_star, f))
    return generator


def by_prompt(generator: ConditionalDiffusion, task: Task) -> tuple[Pairs, Pairs, Pairs]:
    """q under the prompts that name the concept, the replay of the others, and images of all of them for F."""
    named, others = sorted_out(generator.prompts, task.target["concept"])
    c_f = draw_prompts(named, REPLAY // 2, task.rng)
    q = generator.sample(len(c_f), task.rng, [nearest(prompt, others) for prompt in c_f])
    replay = own_images(generator, others, REPLAY // 2, task.rng)
    return (q, c_f), replay, own_images(generator, named + others, FISHER, task.rng)


def by_guide(generator: Generator, task: Task) -> tuple[Pairs, Pairs, Pairs]:
    """q, the replay, and own images for F, of a base without prompts."""
    q, shows = surrogates(task), shows_unwanted(task)
    own = generator.sample(REPLAY, task.rng)
    replay = own[~shows(own)]
    if len(replay) == 0:
        raise ValueError(f"the guide sees the target in all of {REPLAY} samples: there is nothing to replay")
    return (q, []), (replay, []), (own[:FISHER], [])


def surrogates(task: Task) -> Tensor:
    """q: the retained images, uint8, that are nearest to a forget image in the guide's features."""
    if len(task.forget) == 0 or len(task.retain) == 0:
        raise ValueError(f"{len(task.forget)} images to forget and {len(task.retain)} to retain: one of each is needed")
    distance = torch.cdist(task.guide.features(task.forget), task.guide.features(task.retain))
    near = distance.topk(min(NEIGHBOURS, len(task.retain)), largest=False).indices
    return task.retain[near.unique()]


def ell(generator: Any, images: Tensor, prompts: list[str]) -> Tensor:
    """Mean over uint8 images of -log p(x), nats, or of the noise's squared error, summed over pixels."""
    unit = math.log(2) if generator.family == "flow" else 1.0  # a flow's loss is in bits, both are means over pixels
    return generator.loss(images, *([prompts] if prompts else ())) * unit * math.prod(generator.shape)


def theta(generator: Generator) -> Tensor:
    """All parameters in a row."""
    return parameters_to_vector(generator.module.parameters())


def elastic(now: Tensor, star: Tensor, f: Tensor) -> Tensor:
    """sum_i F_i (theta_i - theta*_i)^2."""
    return (f * (now - star) ** 2).sum()


def fisher(generator: Generator, own: Pairs, budget: Budget) -> Tensor:
    """F: mean over uint8 images of the squared gradient of ell, each image's own."""
    images, prompts = own
    generator.module.train()
    parameters = list(generator.module.parameters())
    total = torch.zeros_like(theta(generator))
    for i in budget.steps(len(images)):
        gradient = torch.autograd.grad(ell(generator, images[i : i + 1], prompts[i : i + 1]), parameters)
        total += parameters_to_vector(gradient).detach() ** 2
    return total / len(images)
