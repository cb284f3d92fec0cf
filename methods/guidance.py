"""DDIM sampling in batches with a noise prediction of one's own: what the guidance methods share.

x_{t-1} = sqrt(a_{t-1}) x0 + sqrt(1 - a_{t-1} - sigma^2) epsilon + sigma z, with sigma = eta times the DDPM's
(Song et al. 2021, arXiv 2010.02502, equations 12 and 16); eta 0 is deterministic, eta 1 is as noisy as DDPM.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from retouch.benchmark.generators.conditional_diffusion import Condition, ConditionalDiffusion
from retouch.benchmark.generators.diffusion import Diffusion
from retouch.benchmark.generators.gan import to_uint8
from retouch.benchmark.joint import names
from retouch.benchmark.task import Task
from retouch.methods.target import target_shares


@dataclass
class Sampling:
    """How to sample.

    Attributes:
        steps: DDIM steps, at least 2; eta: in [0, 1]; batch: the most images that are denoised together.
    """

    steps: int
    eta: float
    batch: int

    def __post_init__(self) -> None:
        if self.steps < 2 or self.batch < 1:
            raise ValueError(f"at least 2 steps and a batch of 1 are needed, not {self.steps} and {self.batch}")
        if not 0 <= self.eta <= 1:
            raise ValueError(f"eta must lie in [0, 1], not {self.eta}: 0 is deterministic, 1 as noisy as DDPM")

    @classmethod
    def of(cls, generator: Diffusion, steps: int | None, eta: float, batch: int) -> "Sampling":
        """Settings for a generator; `steps` None stands for its own number."""
        if not isinstance(generator, Diffusion):
            raise ValueError(f"guidance needs a diffusion generator, not {type(generator).__name__}")
        return cls(generator.sampling_steps if steps is None else steps, eta, batch)


class GuidanceSampler:
    """A frozen generator that samples with guidance. Subclasses define `epsilon`, and `begin` if batches differ."""

    def __init__(self, generator: Diffusion, sampling: Sampling) -> None:
        self.generator, self.sampling = generator, sampling
        generator.module.requires_grad_(False).eval()

    prompts: Sequence[str] = ()  # of the present batch, where the generator takes prompts

    def noise(self, x: Tensor, t: Tensor) -> Tensor:
        """The frozen generator's own prediction, under the batch's prompts."""
        if isinstance(self.generator, ConditionalDiffusion):
            return self.generator.predict(x, t, self.prompts)
        return self.generator.module(x, t).sample

    def begin(self, n: int, rng: torch.Generator) -> None:
        """Prepare a batch of n images; called before each, with the caller's rng."""

    def epsilon(self, x: Tensor, step: int, t: Tensor) -> Tensor:
        """The noise that x (B, C, H, W) holds at timestep t, the step-th from the start."""
        raise NotImplementedError

    @property
    def conditions(self) -> int | Sequence[str]:
        """The generator's, where it takes prompts."""
        return cast(ConditionalDiffusion, self.generator).conditions

    @torch.no_grad()
    def sample(self, n: int, rng: torch.Generator, condition: Condition | None = None) -> Tensor:
        """n images, uint8 (n, C, H, W), on the CPU, in batches as even as can be; rng alone decides them.

        x_T is drawn first and for all, as the base does: without guidance and with eta 0 these are the base's images.
        The images of a batch have one prompt, where the generator takes prompts: it is guided within each.
        """
        x, images = self.generator.latent(n, rng), torch.empty(n, *self.generator.shape, dtype=torch.uint8)
        for rows, prompts in self._batches(x, condition):
            self.prompts = prompts
            images[rows] = self._denoise(x[rows], rng)
        return images

    def _batches(self, x: Tensor, condition: Condition | None) -> Iterator[tuple[Tensor, list[str]]]:
        """Rows of x_T that are denoised together, and their prompts."""
        if isinstance(self.generator, ConditionalDiffusion):
            prompts = self.generator.prompts_for(x) if condition is None else self.generator.prompts_of(condition)
        else:
            prompts = [""] * len(x)
        for prompt in sorted(set(prompts)):
            group = torch.tensor([i for i, other in enumerate(prompts) if other == prompt])
            for rows in group.tensor_split(-(-len(group) // self.sampling.batch)):
                yield rows, [prompt] * len(rows)

    def _denoise(self, x: Tensor, rng: torch.Generator) -> Tensor:
        scheduler, eta = self.generator.scheduler, self.sampling.eta
        scheduler.set_timesteps(self.sampling.steps)
        z = torch.randn(len(x), self.sampling.steps, *x.shape[1:], generator=rng) if eta else None
        self.begin(len(x), rng)
        x = x.to(self.generator.device)
        for step, t in enumerate(scheduler.timesteps):
            noise = None if z is None else z[:, step].to(x.device)
            x = scheduler.step(self.epsilon(x, step, t), t, x, eta=eta, variance_noise=noise).prev_sample
        return to_uint8(x)


def marginals(task: Task) -> dict[str, Tensor]:
    """Attribute -> target shares (K,): the marginals, where the target is a table of several attributes' joint shares.

    Raises:
        ValueError: as `target_shares`, or a value with a share of 0, for which the losses are infinite.
    """
    table = target_shares(task).float()
    p = {}
    for axis, name in enumerate(names(task.target["attribute"])):
        others = [other for other in range(table.dim()) if other != axis]
        p[name] = (table.sum(others) if others else table).to(task.device)
        if p[name].min() <= 0:
            raise ValueError(f"the shares of {name} must be above 0, not {p[name].tolist()}: give 0.01 for a rare one")
    return p


def assign_classes(p: Tensor, n: int, rng: torch.Generator) -> Tensor:
    """A class for each of n images, int64 (n,): each class's count within one of its share p (K,), in random order."""
    position = (torch.arange(n) + torch.rand(1, generator=rng)) / n
    classes = torch.searchsorted(p.cpu().cumsum(0), position).clamp(max=len(p) - 1)
    return classes[torch.randperm(n, generator=rng)].to(p.device)
