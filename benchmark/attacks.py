"""Attacks on an edited generator: is what was removed gone, or only out of sight?

    relearning   train its weights on the forgotten images: how soon are they back?
    reach        look for latents, codes or noise that make given images: how near does it come, how likely are these?
    membership   score images by how well the model knows them: can training images be told from others of the kind?

They run in the worker, after all other questions, on copies. A wrapped filter is attacked beneath, on the weights that
it wraps. Relearning and membership are those of the unlearning literature; reach follows Rusanovsky et al., Memories of
Forgotten Concepts (CVPR 2025, arXiv 2412.00782), which inverts images of the erased concept into diffusion's noise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from retouch.benchmark.generators.base import BATCH, Generator
from retouch.benchmark.generators.conditional_diffusion import EMPTY, ConditionalDiffusion
from retouch.benchmark.generators.diffusion import Diffusion
from retouch.benchmark.generators.flow import Flow, log_probs
from retouch.benchmark.generators.gan import Gan, to_float

DRAWS = 8  # noises of an image's likelihood or loss
STARTS, STEPS, STEP_SIZE = 500, 100, 0.05  # of the search for a GAN's latents: candidates, then Adam
PRIOR = 0.01  # weight of |z|^2 in it
RELEARNT = 64  # images in a step of relearning


def beneath(edited: object) -> Any:
    """The generator whose weights can be attacked: `edited`, or the one that it holds.

    Raises:
        ValueError: there is none.
    """
    held = [edited, *getattr(edited, "__dict__", {}).values()]
    weights = next((part for part in held if isinstance(part, Generator)), None)
    if weights is None:
        raise ValueError(f"{type(edited).__name__} holds no generator whose weights could be attacked")
    return weights.copy()


def relearn(
    edited: object, images: Tensor, steps: Tensor, lr: float, n: int, rng: torch.Generator, prompts: Sequence[str] = ()
) -> np.ndarray:  # fmt: skip
    """n samples (K, n, C, H, W), uint8, after each of K ascending numbers of training steps on images to forget.

    A generator with prompts is trained on them under these, in turn.
    """
    under = [prompts[i % len(prompts)] for i in range(RELEARNT)] if prompts else []
    attacked, seed, done, rows = beneath(edited), rng.initial_seed(), 0, []
    attacked.lr = lr
    torch.manual_seed(seed)  # `train_step` draws its noise from the global generator
    for upto in steps.tolist():
        for _ in range(upto - done):
            batch = images[torch.randint(len(images), (RELEARNT,), generator=rng)]
            attacked.train_step(batch, *([under] if prompts else ()))
        done = upto
        rows.append(attacked.sample(n, torch.Generator().manual_seed(seed)).numpy())
    return np.stack(rows)


def reach(edited: object, images: Tensor, rng: torch.Generator) -> np.ndarray:
    """Two rows (2, N), float64: the distance that is left, and the log-likelihood of what was found.

    Distance: root mean square over an image's pixels in [0, 1]. Likelihood: nats a dimension, a flow's of the image,
    else the normal density of the latent.
    """
    attacked = beneath(edited)
    attacked.module.eval().requires_grad_(False)
    if isinstance(attacked, Flow):
        z = attacked.encode(images, rng)
        likelihood = Tensor(log_probs(attacked, images, DRAWS, rng)).mean(0) / math.prod(attacked.shape)
    else:
        z = search(attacked, images, rng) if isinstance(attacked, Gan) else invert(attacked, images)
        likelihood = -(z.flatten(1).square().mean(1) + math.log(2 * math.pi)) / 2
    with torch.no_grad():
        nearest = torch.cat([attacked.decode(part, **plainly(attacked, len(part))) for part in z.split(BATCH)])
    distance = ((nearest.float() - images.float()) / 255).square().flatten(1).mean(1).sqrt()
    return torch.stack([distance, likelihood.cpu()]).double().numpy()


def plainly(generator: Generator, n: int) -> dict[str, Any]:
    """What `decode` is told beside n latents: the empty prompt, under which `invert` went, where there are prompts."""
    return {"condition": [EMPTY] * n} if isinstance(generator, ConditionalDiffusion) else {}


def search(gan: Gan, images: Tensor, rng: torch.Generator) -> Tensor:
    """Latents (N, Z): for each image the best of STARTS, then Adam on mean |G(z) - x|^2 + PRIOR mean |z|^2."""
    starts, x = gan.latent(STARTS, rng).to(gan.device), to_float(images.to(gan.device))
    with torch.no_grad():
        gaps = torch.cdist(x.flatten(1), gan.module(starts).flatten(1))
    z = starts[gaps.argmin(1)].clone().requires_grad_()
    adam = torch.optim.Adam([z], STEP_SIZE)
    for _ in range(STEPS):
        each = (gan.module(z) - x).square().flatten(1).mean(1) + PRIOR * z.square().mean(1)
        (z.grad,) = torch.autograd.grad(each.sum(), z)
        adam.step()
    return z.detach()


@torch.no_grad()
def invert(diffusion: Diffusion, images: Tensor) -> Tensor:
    """x_T (N, C, H, W): the deterministic sampler's own steps, backwards from the images."""
    scheduler, x = diffusion.scheduler, diffusion.to_latents(images)
    scheduler.set_timesteps(diffusion.sampling_steps)
    levels = scheduler.timesteps.flip(0)
    alphas = scheduler.alphas_cumprod[levels].tolist()
    for t, a, a_next in zip(levels, alphas, [*alphas[1:], alphas[-1]], strict=True):
        noise = diffusion.module(x, t).sample
        x0 = (x - (1 - a) ** 0.5 * noise) / a**0.5
        x = a_next**0.5 * x0 + (1 - a_next) ** 0.5 * noise
    return x


@torch.no_grad()
def membership(edited: object, images: Tensor, rng: torch.Generator) -> np.ndarray:
    """How well the model knows each image, (N,) float64, higher for better.

    A flow's log-likelihood, a GAN's discriminator's score, minus a diffusion model's denoising loss.
    """
    attacked = beneath(edited)
    attacked.module.eval()
    if isinstance(attacked, Flow):
        return log_probs(attacked, images, DRAWS, rng).mean(0).astype(np.float64)
    if isinstance(attacked, Gan):
        attacked.discriminator.eval()
        return attacked.discriminator(to_float(images.to(attacked.device))).double().cpu().numpy()
    return -denoising_loss(attacked, attacked.to_latents(images), rng).double().cpu().numpy()


def denoising_loss(diffusion: Diffusion, x: Tensor, rng: torch.Generator) -> Tensor:
    """Mean squared error (N,) of the noise predicted for x_0, over DRAWS even levels of noise, the same for all."""
    levels = torch.linspace(0, diffusion.scheduler.config.num_train_timesteps - 1, DRAWS + 2)[1:-1].long()
    total = torch.zeros(len(x), device=x.device)
    for t in levels:
        noise = torch.randn(x.shape[1:], generator=rng).to(x.device).expand_as(x)
        times = t.expand(len(x)).to(x.device)
        x_t = diffusion.scheduler.add_noise(x, noise, times)
        total += (diffusion.module(x_t, times).sample - noise).square().flatten(1).mean(1)
    return total / len(levels)
