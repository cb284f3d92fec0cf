"""Universal guidance: steer each image to an assigned class by a classifier on the predicted clean image.

Bansal, Chu, Schwarzschild, Sengupta, Goldblum, Geiping and Goldstein, "Universal Guidance for Diffusion Models"
(2023, arXiv 2302.07121), forward guidance:
    x0 = (x_t - sqrt(1 - a_t) epsilon(x_t)) / sqrt(a_t)
    epsilon <- epsilon(x_t) + scale * sqrt(1 - a_t) * grad_{x_t} cross_entropy(guide(x0), class),
the gradient through classifier and UNet. Parihar et al. (arXiv 2402.18206) compare distribution guidance with it; in
their code the gradient leaves the UNet out, epsilon being a constant: `through_network=False`. The classes of a batch
have the target's shares, as near as whole images can.

Deviations: without the paper's backward guidance and self-recurrence, which multiply the cost of every step. Nothing is
trained, so the budget of the edit is not used; sampling costs a backward pass a step.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from retouch.benchmark.budget import Budget
from retouch.benchmark.generators.diffusion import Diffusion
from retouch.benchmark.task import Guide, Task
from retouch.methods.guidance import GuidanceSampler, Sampling, assign_classes, marginals


class UniversalGuidance(GuidanceSampler):
    """The base, sampled with each image's predicted x0 moved towards a class of its own."""

    def __init__(
        self, generator: Diffusion, sampling: Sampling, guide: Guide, targets: dict[str, Tensor], scale: float,
        through_network: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(generator, sampling)
        self.guide, self.targets, self.scale, self.through_network = guide, targets, scale, through_network
        self.classes: dict[str, Tensor] = {}

    def begin(self, n: int, rng: torch.Generator) -> None:
        """Assign classes."""
        self.classes = {name: assign_classes(p, n, rng) for name, p in self.targets.items()}

    def epsilon(self, x: Tensor, step: int, t: Tensor) -> Tensor:
        """The UNet's prediction and, beside it, the gradient of the classifier's loss with respect to x_t."""
        a = self.generator.scheduler.alphas_cumprod[t].item()
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            with torch.set_grad_enabled(self.through_network):
                epsilon = self.generator.module(x, t).sample
            logits = self.guide((x - (1 - a) ** 0.5 * epsilon) / a**0.5)
            losses = (F.cross_entropy(logits[name], y, reduction="sum") for name, y in self.classes.items())
            loss = sum(losses, torch.zeros(()))
            (gradient,) = torch.autograd.grad(loss, x)
        return epsilon.detach() + self.scale * (1 - a) ** 0.5 * gradient


def edit(
    generator: Diffusion, task: Task, budget: Budget, *, scale: float = 1.0, batch: int = 100,
    steps: int | None = None, eta: float = 1.0, through_network: bool = True,
) -> UniversalGuidance:  # fmt: skip
    """Wrap the base; its weights are not touched.

    Args:
        scale: strength of the classifier's gradient, at least 0.
        batch: images whose classes are assigned together, at least 1.
        steps: DDIM steps, at least 2; None for the base's own number. eta: noise of the DDIM steps, in [0, 1].
        through_network: differentiate the UNet, too; False takes its prediction for a constant.
    """
    if scale < 0:
        raise ValueError(f"scale must be at least 0, not {scale}")
    sampling = Sampling.of(generator, steps, eta, batch)
    return UniversalGuidance(generator, sampling, task.guide, marginals(task), scale, through_network)
