"""DDIM sampling in batches with a noise prediction of one's own: what the guidance methods share.

x_{t-1} = sqrt(a_{t-1}) x0 + sqrt(1 - a_{t-1} - sigma^2) epsilon + sigma z, with sigma = eta times the DDPM's
(Song et al. 2021, arXiv 2010.02502, equations 12 and 16); eta 0 is deterministic, eta 1 is as noisy as DDPM.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from retouch.benchmark.generators.diffusion import Diffusion
from retouch.benchmark.generators.gan import to_uint8
from retouch.benchmark.task import Task

MARGIN = 1e-4  # how far from 1 stated shares may sum


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
        """These settings for a generator; `steps` None stands for its own number."""
        if not isinstance(generator, Diffusion):
            raise ValueError(f"guidance needs a diffusion generator, not {type(generator).__name__}")
        return cls(generator.sampling_steps if steps is None else steps, eta, batch)


class Guided:
    """A frozen generator that samples with guidance. Subclasses define `epsilon`, and `begin` if batches differ."""

    def __init__(self, generator: Diffusion, sampling: Sampling) -> None:
        self.generator, self.sampling = generator, sampling
        generator.module.requires_grad_(False).eval()

    def begin(self, n: int, rng: torch.Generator) -> None:
        """Called before each batch of n images; rng is the caller's."""

    def epsilon(self, x: Tensor, step: int, t: Tensor) -> Tensor:
        """The noise that x (B, C, H, W) holds at timestep t, the step-th from the start."""
        raise NotImplementedError

    @torch.no_grad()
    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        """n images, uint8 (n, C, H, W), on the CPU, in batches as even as can be; rng alone decides them.

        x_T is drawn first and for all, as the base does: without guidance and with eta 0 these are the base's images.
        """
        batches = self.generator.latent(n, rng).tensor_split(-(-n // self.sampling.batch))
        return torch.cat([self._denoise(x, rng) for x in batches])

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


def read_target(task: Task) -> dict[str, Tensor]:
    """Attribute -> target shares (K,): the marginals, where the target is a table of several attributes' joint shares.

    Raises:
        ValueError: an attribute that the guide does not know, or shares that are no positive distribution over its
            values.
    """
    names, table = task.target.get("attribute"), task.target.get("shares")
    if names is None or table is None:
        raise ValueError(f"a target of the form {{attribute, shares}} is needed, not {task.target}")
    names, table = [names] if isinstance(names, str) else names, torch.tensor(table)
    if len(set(names)) < len(names) or not names or table.dim() != len(names):
        raise ValueError(f"each attribute must be named once, and be an axis of the shares: {names}, {table.tolist()}")
    others = [[axis for axis in range(len(names)) if axis != own] for own in range(len(names))]
    return {
        name: _shares(task, name, (table.sum(axes) if axes else table).tolist())
        for name, axes in zip(names, others, strict=True)
    }


def _shares(task: Task, name: str, shares: list[float]) -> Tensor:
    if name not in task.guide.attributes:
        raise ValueError(f"the guide does not know {name!r}; it knows {', '.join(task.guide.attributes)}")
    values = task.guide.network.heads[name].out_features
    if len(shares) != values or abs(sum(shares) - 1) > MARGIN:
        raise ValueError(f"{name} has {values} values: give as many shares, which sum to 1, not {shares}")
    if min(shares) <= 0:
        raise ValueError(
            f"the shares of {name} must be above 0, not {shares}: give 0.01 for a value to be all but gone"
        )
    return torch.tensor(shares, device=task.device)


def assigned(p: Tensor, n: int, rng: torch.Generator) -> Tensor:
    """A class for each of n images, int64 (n,): each class's count within one of its share p (K,), in random order."""
    position = (torch.arange(n) + torch.rand(1, generator=rng)) / n
    classes = torch.searchsorted(p.cpu().cumsum(0), position).clamp(max=len(p) - 1)
    return classes[torch.randperm(n, generator=rng)].to(p.device)
