"""Conditional walk: cross an attribute's boundary along a direction that leaves other attributes' boundaries alone.

InterFaceGAN's conditional manipulation (Shen et al., CVPR 2020, arXiv 1907.10786, section 3.2): the normal n_1 of the
attribute, without its part within the span of the others' normals N,
    n_1' = n_1 - N^T (N N^T)^-1 N n_1,
is a direction along which the distances to the other boundaries stay. As `boundary_walk` otherwise; the others are all
attributes that the guide knows and the target does not name.

Deviations: those of `boundary_walk`. The paper names the attributes to hold by hand; here it is all that the guide
knows, but those of which it sees next to one value alone in the samples.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from retouch.benchmark.budget import Budget
from retouch.benchmark.generators.gan import Gan
from retouch.benchmark.joint import names
from retouch.benchmark.task import Task
from retouch.methods.boundaries import PROBES, Editor, find_boundaries
from retouch.methods.boundary_walk import walking_editor
from retouch.methods.target import shares_or_even

FEWEST = 20  # of the samples that must not have the commonest value, for a boundary to be found


def edit(generator: Gan, task: Task, budget: Budget, *, reach: float = 1.0, aim: bool = True) -> Editor:
    """Wrap the base; `reach` and `aim` as in `boundary_walk`."""
    shares_or_even(task)  # refuses a target that the guide does not know
    axes = find_boundaries(generator, task, 1)
    directions = project_out(axes.n, other_normals(generator, task))
    steps = torch.linalg.inv(directions @ axes.n.T) @ directions  # adds 1 to the own distance, 0 to all others
    return walking_editor(generator, task, axes, steps, reach, aim)


def other_normals(generator: Gan, task: Task) -> Tensor:
    """Unit normals (M, Z) of the attributes that the guide knows and the target does not name."""
    images = generator.sample(PROBES, task.rng)
    others = sorted(set(task.guide.attributes) - set(names(task.target["attribute"])))
    counts = {name: task.guide.probs(images, name).argmax(1).bincount() for name in others}
    visible = [name for name, n in counts.items() if len(images) - n.max() >= FEWEST]
    return find_boundaries(generator, task, 1, visible).n if visible else torch.zeros(0, generator.latent_dim)


def project_out(n: Tensor, others: Tensor) -> Tensor:
    """Directions (k, Z) of length 1: n (k, Z) without their parts within the span of others (M, Z)."""
    basis = torch.linalg.qr(others.T).Q
    return F.normalize(n - n @ basis @ basis.T)
