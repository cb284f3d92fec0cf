"""Edit along directions that were found without labels: the guide names them, the walk is that of `boundary_walk`."""

import torch
from torch import Tensor

from retouch.benchmark.generators.gan import Gan
from retouch.benchmark.joint import names
from retouch.benchmark.task import Task
from retouch.methods.boundaries import Boundaries, Editor, decode
from retouch.methods.boundary_walk import walking_editor
from retouch.methods.target import shares_or_even

PROBES = 200  # latents whose images are compared at both ends of a direction
STEP = 2.0  # how far from the latent the ends lie, in standard deviations of latents


def edit_along(generator: Gan, task: Task, u: Tensor, reach: float, aim: bool) -> Editor:
    """Edit each attribute of the target along one of the unit directions u (M, Z): the one that changes it most.

    People look at each direction and name it in the papers; here the guide does. An attribute of many values is edited
    along the direction that moves the largest share of images from one value to another.
    """
    shares_or_even(task)  # refuses a target that the guide does not know
    rows: list[int] = []
    for name in names(task.target["attribute"]):
        effect = effects(generator, task, u, name)
        effect[rows] = -1.0  # a direction serves one attribute
        rows.append(int(effect.argmax()))
    axes = Boundaries(u[rows], torch.zeros(len(rows)))
    return walking_editor(generator, task, axes, torch.linalg.pinv(axes.n).T, reach, aim)


def effects(generator: Gan, task: Task, u: Tensor, attribute: str) -> Tensor:
    """Total variation (M,) between the guide's shares of the values at both ends of each direction."""
    z = generator.latent(PROBES, task.rng)
    ends = [
        [task.guide.probs(decode(generator, z + sign * STEP * direction), attribute).mean(0) for sign in (-1, 1)]
        for direction in u
    ]
    return torch.stack([(high - low).abs().sum() / 2 for low, high in ends])
