"""Weight factorisation: edit along the latent directions that the generator's first layer amplifies most.

SeFa (Shen and Zhou, Closed-Form Factorization of Latent Semantics in GANs, CVPR 2021, arXiv 2007.06600): the first
layer is z -> A z + b; the directions with the largest |A n|, |n| = 1, are the eigenvectors of A^T A with the largest
eigenvalues. No sampling, no labels, no training.

Deviations: the guide chooses among the directions (`latent_directions`), and how far whole outputs go is as in
`boundary_walk`.
"""

import torch
from torch import Tensor

from retouch.benchmark.budget import Budget
from retouch.benchmark.generators.gan import Gan
from retouch.benchmark.task import Task
from retouch.methods.boundaries import Editor
from retouch.methods.latent_directions import edit_along


def edit(
    generator: Gan, task: Task, budget: Budget, *, candidates: int = 16, reach: float = 1.0, aim: bool = True
) -> Editor:
    """Wrap the base.

    Args:
        candidates: directions of the largest eigenvalues among which the guide chooses, at least 1.
        reach, aim: as in `boundary_walk`.
    """
    if candidates < 1:
        raise ValueError(f"candidates must be at least 1, not {candidates}")
    return edit_along(generator, task, factorise(generator.module.linear.weight, candidates), reach, aim)


def factorise(A: Tensor, candidates: int) -> Tensor:
    """Unit eigenvectors (M, Z) of A^T A, A (F, Z), the largest eigenvalue first."""
    A = A.detach().cpu().double()
    return torch.linalg.eigh(A.T @ A).eigenvectors.T.flip(0)[:candidates].float()
