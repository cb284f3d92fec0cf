"""Sample guidance: each image of a batch is assigned a class and steered to it in the h-space of a diffusion model.

The baseline of Parihar et al., "Balancing Act" (CVPR 2024, arXiv 2402.18206), to distribution guidance: the same
predictors on h, the same frozen UNet, but every image has a class of its own to go to,
    h_i <- h_i - scale * grad_h(-log softmax(ADP_t(h_i) / T)[class of i]),
at every DDIM step but the first. The classes of a batch have the target's shares, as near as whole images can; each
attribute is assigned apart. The cross-entropy is our choice; predictors and their deviations are those of h_space.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from retouch.benchmark.budget import Budget
from retouch.benchmark.generators.diffusion import Diffusion
from retouch.benchmark.task import Task
from retouch.methods.guidance import GuidanceSampler, Sampling, assign_classes
from retouch.methods.h_space import Head, edit_h, learn


class SampleGuidance(GuidanceSampler):
    """The base, sampled with every image's h moved towards a class of its own."""

    def __init__(
        self, generator: Diffusion, sampling: Sampling, heads: dict[str, Head], scale: float, temperature: float
    ) -> None:
        super().__init__(generator, sampling)
        self.heads, self.scale, self.temperature = heads, scale, temperature
        self.classes: dict[str, Tensor] = {}

    def begin(self, n: int, rng: torch.Generator) -> None:
        """Assign classes."""
        self.classes = {name: assign_classes(p, n, rng) for name, (_predictor, p) in self.heads.items()}

    def epsilon(self, x: Tensor, step: int, t: Tensor) -> Tensor:
        """The frozen UNet's, from the second step on with the moved h in the place of its own."""
        with edit_h(self.generator, lambda h: self.move(h, step) if step else None):
            return self.generator.module(x, t).sample

    def move(self, h: Tensor, step: int) -> Tensor:
        """h (B, C', H', W') after one gradient step of each image's own cross-entropy."""
        with torch.enable_grad():
            h = h.detach().requires_grad_()
            losses = (
                F.cross_entropy(predictor(h, step) / self.temperature, self.classes[name], reduction="sum")
                for name, (predictor, _p) in self.heads.items()
            )
            (gradient,) = torch.autograd.grad(sum(losses, torch.zeros(())), h)
        return h.detach() - self.scale * gradient


def edit(
    generator: Diffusion, task: Task, budget: Budget, *, scale: float = 100.0, temperature: float = 1.0,
    batch: int = 100, steps: int | None = None, eta: float = 1.0, share: float = 0.5, source: str = "inversion",
) -> SampleGuidance:  # fmt: skip
    """Fit the predictors and wrap the base; its weights are not touched.

    Args:
        scale: step size in h, at least 0; temperature: T, above 0.
        batch: images whose classes are assigned together, at least 1.
        steps: DDIM steps, at least 2; None for the base's own number. eta: noise of the DDIM steps, in [0, 1].
        share: of the budget's training steps, in (0, 1], for collecting h.
        source: of h: "inversion" of images, images with fresh "noise", or the base's own "sampling".
    """
    if scale < 0 or temperature <= 0:
        raise ValueError(f"scale must be at least 0 and temperature above 0, not {scale} and {temperature}")
    sampling = Sampling.of(generator, steps, eta, batch)
    heads = learn(generator, task, budget, sampling, share, source=source)
    return SampleGuidance(generator, sampling, heads, scale, temperature)
