"""PCA directions: edit along the principal components of an early layer's features.

GANSpace (Haerkoenen, Hertzmann, Lehtinen, Paris, NeurIPS 2020, arXiv 2004.02546), its form for GANs whose latents are
normal: features y = f(z) of many latents, their principal components V, coordinates x = V (y - mean), and the latent
directions by regression, U = argmin sum_j |U^T x_j - z_j|^2.

Deviations: the layer is the first block's output, since the features of the linear layer before it have the same
directions as `weight_factorisation` (they are taken where a generator names no blocks); the guide chooses among the
directions (`latent_directions`), and how far whole outputs go is as in `boundary_walk`.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from retouch.benchmark.budget import Budget
from retouch.benchmark.generators.base import BATCH
from retouch.benchmark.generators.gan import Gan
from retouch.benchmark.task import Task
from retouch.methods.boundaries import Editor
from retouch.methods.latent_directions import edit_along

LATENTS = 4000  # from which components and directions are estimated


def edit(
    generator: Gan, task: Task, budget: Budget, *, candidates: int = 16, reach: float = 1.0, aim: bool = True
) -> Editor:
    """Wrap the base.

    Args:
        candidates: components of the largest variance among which the guide chooses, at least 1.
        reach, aim: as in `boundary_walk`.
    """
    if candidates < 1:
        raise ValueError(f"candidates must be at least 1, not {candidates}")
    z = generator.latent(LATENTS, task.rng)
    return edit_along(generator, task, regress(features(generator, z), z, candidates), reach, aim)


@torch.no_grad()
def features(generator: Gan, z: Tensor) -> Tensor:
    """y (N, F) of latents (N, Z): the first block's output; of a generator without named blocks, the first layer's."""
    generator.module.eval()
    block = next(iter(getattr(generator.module, "blocks", [])), torch.nn.Identity())
    parts = (block(generator.module.first(part.to(generator.device))) for part in z.split(BATCH))
    return torch.cat([part.flatten(1).cpu() for part in parts])


def regress(y: Tensor, z: Tensor, candidates: int) -> Tensor:
    """Unit latent directions (M, Z) of the first principal components of features y (N, F) of latents z (N, Z)."""
    y = (y - y.mean(0)).double()
    V = torch.linalg.eigh(y.T @ y).eigenvectors.flip(1)[:, :candidates]
    return F.normalize(torch.linalg.lstsq(y @ V, z.double()).solution).float()
