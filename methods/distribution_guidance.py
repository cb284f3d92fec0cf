"""Distribution guidance: steer the attribute shares of a whole batch in the h-space of a frozen diffusion model.

Parihar, Bhat, Basu, Mallick, Kundu and Babu, "Balancing Act: Distribution-Guided Debiasing in Diffusion Models",
CVPR 2024, arXiv 2402.18206.

Before sampling (see h_space)
    1. pseudo-label real images with a classifier; draw as many of every value of the attribute;
    2. invert them by DDIM (eta 0) with the frozen UNet and keep h_t, its middle block's output, at every timestep;
    3. fit the Attribute Distribution Predictor (ADP): one linear layer a timestep on the flattened h_t.
Sampling: at every DDIM step but the first, for a batch of B images
    q = mean_i softmax(ADP_t(h_i) / T)                             the distribution that the batch is heading for
    L = sum_k (q_k - p_k)^2 / p_k    or    sum_k q_k log(q_k / p_k)         chi-square or KL to the target p
    h <- h - scale * grad_h(300 L)                         through the linear layer only; the skips stay as they are
    epsilon = what the rest of the UNet makes of that h; the DDIM update uses it throughout.
Several attributes have an ADP each, and the gradients are summed: the marginals are guided, not the joint distribution.
`joint` is a variant of our own: one ADP over all combinations of values, their joint shares as its target.

Deviations from the paper
    - 300 goes with B = 100. We write 3 B, the same there: a batch's mean leaves each image 1/B of the gradient, and
      where the images do not fill the last batch, the guidance must not change.
    - How many images are inverted is what `share` of the budget pays for, at most 1,000 of a value (paper: 1,000 to
      2,000), and the default number of DDIM steps is the base's own (paper: 50): they multiply to the cost.
    - The submission's default T is 1 (paper: 8, a point of its own and the default of `edit`): the logits of a small h
      are small, and T = 8 makes q all but even whatever the batch holds.
    - `scale` is our own, as h is: its effect depends on the size of h and on the predictors' weights.
    - Inversion takes the image for the least noisy level, where noise has a standard deviation of about 0.01.
    - Optimiser and epochs of the ADP are ours (Adam, 1e-3, 20).
    - `inversion=False` is a variant of our own: h of images with fresh noise instead (see h_space for the reason).
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from retouch.benchmark.budget import Budget
from retouch.benchmark.generators.diffusion import Diffusion
from retouch.benchmark.task import Task
from retouch.methods.guidance import GuidanceSampler, Sampling
from retouch.methods.h_space import Head, Predictor, edit_h, learn

LOSS_WEIGHT = 3.0  # the paper's 300, for each of its 100 images


def chi_square(q: Tensor, p: Tensor) -> Tensor:
    """sum_k (q_k - p_k)^2 / p_k: the paper's loss for images."""
    return ((q - p) ** 2 / p).sum()


def kl(q: Tensor, p: Tensor) -> Tensor:
    """sum_k q_k log(q_k / p_k): the paper's loss for text-conditional models."""
    return (q * (q / p).log()).sum()


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"chi_square": chi_square, "kl": kl}


@dataclass
class Strength:
    """How to guide: step size in h, at least 0; the softmax's T, above 0; a loss by name."""

    scale: float
    temperature: float
    loss: str

    def __post_init__(self) -> None:
        if self.scale < 0 or self.temperature <= 0:
            raise ValueError(f"scale must be at least 0 and temperature above 0, not {self.scale}, {self.temperature}")
        if self.loss not in LOSSES:
            raise ValueError(f"no loss {self.loss!r}; there are {', '.join(LOSSES)}")


class DistributionGuidance(GuidanceSampler):
    """The base, sampled with h moved towards the targets; `heads` holds a predictor and a target for each attribute."""

    def __init__(self, generator: Diffusion, sampling: Sampling, heads: dict[str, Head], strength: Strength) -> None:
        super().__init__(generator, sampling)
        self.heads, self.strength = heads, strength

    def epsilon(self, x: Tensor, step: int, t: Tensor) -> Tensor:
        """The frozen UNet's, from the second step on with the moved h in the place of its own."""
        with edit_h(self.generator, lambda h: self.move(h, step) if step else None):
            return self.generator.module(x, t).sample

    def move(self, h: Tensor, step: int) -> Tensor:
        """h - scale * grad_h(3 B L) for the h (B, C', H', W') of a batch."""
        loss = LOSSES[self.strength.loss]
        with torch.enable_grad():
            h = h.detach().requires_grad_()
            losses = (loss(self.q(predictor, h, step), p) for predictor, p in self.heads.values())
            L = sum(losses, torch.zeros(()))
            (gradient,) = torch.autograd.grad(LOSS_WEIGHT * len(h) * L, h)
        return h.detach() - self.strength.scale * gradient

    def q(self, predictor: Predictor, h: Tensor, step: int) -> Tensor:
        """The distribution (K,) that the batch is heading for, by a predictor."""
        return (predictor(h, step) / self.strength.temperature).softmax(1).mean(0)


def edit(
    generator: Diffusion, task: Task, budget: Budget, *, scale: float = 100.0, temperature: float = 8.0,
    batch: int = 100, loss: str = "chi_square", steps: int | None = None, eta: float = 1.0, share: float = 0.5,
    inversion: bool = True, joint: bool = False,
) -> DistributionGuidance:  # fmt: skip
    """Fit the predictors and wrap the base; its weights are not touched.

    Args:
        scale: step size in h, at least 0; temperature: T, above 0.
        batch: images that share a distribution, at least 1; below some tens they cannot carry one.
        loss: "chi_square" or "kl".
        steps: DDIM steps, at least 2; None for the base's own number. eta: noise of the DDIM steps, in [0, 1].
        share: of the budget's training steps, in (0, 1], for collecting h.
        inversion: True, the paper's, collects h along DDIM inversions; False from images with fresh noise.
        joint: guide all attributes by one predictor, over the combinations of their values.
    """
    strength, sampling = Strength(scale, temperature, loss), Sampling.of(generator, steps, eta, batch)
    heads = learn(generator, task, budget, sampling.steps, share, inversion=inversion, joint=joint)
    return DistributionGuidance(generator, sampling, heads, strength)
