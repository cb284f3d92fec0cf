"""Boundaries of an attribute in a GAN's latent space and values on them: what the editors in latent space share.

The boundary is InterFaceGAN's (Shen et al., arXiv 1907.10786): latents are sampled, the guide says what their images
show, a linear SVM with normal n and intercept b parts them; n.z + b is the latent's signed distance. An attribute of
more than two values has a boundary for each, and no single axis: its axes are the principal directions of the normals.
Two attributes have the axes of either.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from sklearn.svm import LinearSVC
from torch import Tensor

from retouch.benchmark.generators.base import BATCH, Generator
from retouch.benchmark.joint import names
from retouch.benchmark.task import Task
from retouch.methods.target import shares_or_even

PROBES = 2000  # latents that the guide looks at for a boundary
PERCENTILES = 0.005, 0.995  # of the signed distances: values 0 and 1
CELLS = 32  # into which the values are cut, at most, when shares are aimed at
CELL_PROBES = 40  # images that the guide looks at for each


@dataclass(frozen=True)
class Boundaries:
    """k unit normals n (k, Z) and their intercepts b (k,)."""

    n: Tensor
    b: Tensor

    def distance(self, z: Tensor) -> Tensor:
        """Signed distance n.z + b of latents (N, Z) to every boundary, (N, k)."""
        return z @ self.n.T + self.b


def find_boundaries(
    generator: Generator, task: Task, directions: int, attributes: list[str] | None = None
) -> Boundaries:
    """The boundary of each attribute (the target's): one for two values, else the first `directions` principal ones."""
    if directions < 1:
        raise ValueError(f"directions must be at least 1, not {directions}")
    z = generator.latent(PROBES, task.rng)
    images, axes = decode(generator, z), []
    for attribute in attributes or names(task.target["attribute"]):
        values = task.guide.probs(images, attribute).argmax(1)
        if len(values.unique()) < 2:
            raise ValueError(f"the guide sees one value of {attribute!r} in {PROBES} samples: there is nothing to part")
        svm = LinearSVC(C=0.1, class_weight="balanced", dual=False).fit(z.numpy(), values.numpy())
        axes.append(principal(torch.tensor(svm.coef_).float(), torch.tensor(svm.intercept_).float(), directions))
    return Boundaries(torch.cat([part.n for part in axes]), torch.cat([part.b for part in axes]))


def principal(w: Tensor, b: Tensor, directions: int) -> Boundaries:
    """Orthonormal axes of the functions w.z + b (C, Z), (C,), the widest first; a single one is only normalised."""
    u, s, vh = torch.linalg.svd(w, full_matrices=False)
    k = min(directions, int((s > 1e-4 * s[0]).sum()))
    sign = u.gather(0, u.abs().argmax(0, keepdim=True)).sign()[0, :k]  # up is where the heaviest class lies
    return Boundaries(sign[:, None] * vh[:k], sign * (u.T @ b)[:k] / s[:k])


@torch.no_grad()
def decode(generator: Generator, z: Tensor) -> Tensor:
    """uint8 images of latents (N, Z)."""
    generator.module.eval()
    return torch.cat([generator.decode(part) for part in z.split(BATCH)])


class Editor:
    """A generator whose images have values in [0, 1] of k attributes, uniformly distributed until `aim` is called."""

    def __init__(self, generator: Generator, draw: Callable[[Tensor, Tensor], Tensor], attributes: int) -> None:
        """draw: latents (N, Z) and values (N, k) to uint8 images."""
        self.generator, self.draw, self.attributes = generator, draw, attributes
        self.levels = max(2, int(CELLS ** (1 / attributes) + 1e-9))
        self.cells = torch.cartesian_prod(*[torch.arange(self.levels)] * attributes).view(-1, attributes)
        self.q = torch.full((len(self.cells),), 1 / len(self.cells))

    def within(self, cells: Tensor, rng: torch.Generator) -> Tensor:
        """Values (N, k), uniform in the cells (N,)."""
        return (self.cells[cells] + torch.rand(len(cells), self.attributes, generator=rng)) / self.levels

    @torch.no_grad()
    def decode(self, z: Tensor, values: Tensor) -> Tensor:
        """uint8 images of latents (N, Z) with values (N, k)."""
        return torch.cat([self.draw(*pair) for pair in zip(z.split(BATCH), values.split(BATCH), strict=True)])

    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        """n images, uint8 (n, C, H, W), on the CPU; the same rng state gives the same latents as in the base."""
        z = self.generator.latent(n, rng)
        return self.decode(z, self.within(torch.multinomial(self.q, n, replacement=True, generator=rng), rng))

    def edit_attribute(self, z: Tensor, value: float | Tensor, attribute: int = 0) -> Tensor:
        """uint8 images of latents (N, Z) with one attribute at `value` in [0, 1], a number or (N,); the others at 0.5.

        Images of the same z at several values differ in the attribute: the points of the paper's editing curve.
        """
        values = torch.full((len(z), self.attributes), 0.5)
        values[:, attribute] = torch.as_tensor(value).float()
        if values.min() < 0 or values.max() > 1:
            raise ValueError(f"an attribute's value must lie in [0, 1], not {value}")
        return self.decode(z, values)

    def aim(self, task: Task) -> None:
        """Choose the distribution of values that gives the target's shares by the guide, even ones if none are stated.

        Of all that do, the one nearest to uniform: q(cell) ~ exp(theta . shares(cell)); uniform if that is right.
        """
        cells = torch.arange(len(self.cells)).repeat_interleave(CELL_PROBES)
        z = self.generator.latent(len(cells), task.rng)
        probs = task.guide.probs(self.decode(z, self.within(cells, task.rng)), task.target["attribute"])
        shares = probs.view(len(self.cells), CELL_PROBES, -1).mean(1)
        self.q = tilt(shares, shares_or_even(task).flatten().float())


def tilt(shares: Tensor, target: Tensor) -> Tensor:
    """argmin KL(q || uniform) with q @ shares (M, C) = target (C,); as near as can be where none meets it."""
    shares, target = shares.double(), target.double()
    theta = torch.zeros(len(target), dtype=torch.float64, requires_grad=True)
    solver = torch.optim.LBFGS([theta], max_iter=200, line_search_fn="strong_wolfe")

    def dual() -> Any:
        solver.zero_grad()
        value = (shares @ theta).logsumexp(0) - theta @ target + 1e-5 * theta.square().sum()
        value.backward()
        return value

    solver.step(dual)
    return (shares @ theta.detach()).softmax(0).float()
