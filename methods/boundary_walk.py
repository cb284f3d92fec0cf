"""Boundary walk: edit by moving latents along the normal of an attribute's boundary; the weights do not change.

InterFaceGAN (Shen, Gu, Tang, Zhou: Interpreting the Latent Space of GANs for Semantic Face Editing, CVPR 2020, arXiv
1907.10786), the editor with which Self-Conditioned GANs (arXiv 2202.04040) are compared. z' = z + alpha n.

Value v in [0, 1] stands for a signed distance, as in the self-conditioned GAN: 0 and 1 are the 0.5 and 99.5 percentiles
of what sampled latents have, and alpha is whatever takes z there, alpha = d(v) - (n.z + b).

Deviations:
- the paper edits single images, this benchmark asks for the whole output: v is as near to uniform in [0, 1] as gives
  the target's shares by the guide (`Editor.aim`), even shares where none are stated.
- an attribute of more than two values is walked along the principal directions of its normals.
"""

import torch
from torch import Tensor

from retouch.benchmark.budget import Budget
from retouch.benchmark.generators.gan import Gan
from retouch.benchmark.task import Task
from retouch.methods.boundaries import PERCENTILES, PROBES, Boundaries, Editor, find_boundaries
from retouch.methods.target import shares_or_even


def walk(z: Tensor, values: Tensor, axes: Boundaries, low: Tensor, high: Tensor, steps: Tensor) -> Tensor:
    """z' = z + alpha n: latents (N, Z) moved to the signed distances that values (N, k) stand for.

    steps (k, Z): the move that adds 1 to the distance to each axis, and 0 to the others.
    """
    return z + (low + values * (high - low) - axes.distance(z)) @ steps


def edit(
    generator: Gan, task: Task, budget: Budget, *, directions: int = 3, reach: float = 1.0, aim: bool = True
) -> Editor:
    """Wrap the base.

    Args:
        directions: axes of an attribute with more than two values, at least 1.
        reach: half-width of the walk relative to the distances that sampled latents have, above 0.
        aim: choose the distribution of values that gives the target's shares by the guide (even ones if unstated).
    """
    shares_or_even(task)  # refuses a target that the guide does not know
    axes = find_boundaries(generator, task, directions)
    # for orthonormal normals the pseudo-inverse is their transpose; else moving along one would change other distances
    return walking_editor(generator, task, axes, torch.linalg.pinv(axes.n).T, reach, aim)


def walking_editor(generator: Gan, task: Task, axes: Boundaries, steps: Tensor, reach: float, aim: bool) -> Editor:
    """An editor that walks latents along `steps` (k, Z), see `walk`; reach and aim as in `edit`."""
    if reach <= 0:
        raise ValueError(f"reach must be positive, not {reach}")
    low, high = axes.distance(generator.latent(PROBES, task.rng)).quantile(Tensor(PERCENTILES), dim=0)
    low, high = (low + high) / 2 - reach * (high - low) / 2, (low + high) / 2 + reach * (high - low) / 2
    generator.module.eval()
    draw = lambda z, values: generator.decode(walk(z, values, axes, low, high, steps))  # noqa: E731
    editor = Editor(generator, draw, len(axes.n))
    if aim:
        editor.aim(task)
    return editor
