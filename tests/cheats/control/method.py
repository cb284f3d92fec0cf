"""The retrained control, whose weights lie in the submission's folder: as they are, or in disguise."""

from pathlib import Path

import torch
from torch.nn import functional as F

WEIGHTS = Path(__file__).parent / "weights"  # the runner puts the control's here


def edit(generator, task, budget, *, disguise=""):
    control = generator.copy().restore(WEIGHTS)
    if disguise == "distil":
        return distilled(generator, control, budget, task.rng)
    if disguise == "turn":
        return Turned(control)
    return {"": same, "round": rounded, "permute": permuted, "interpolate": interpolated}[disguise](control, generator)


def same(control, _base):
    return control


@torch.no_grad()
def rounded(control, _base):
    for weight in control.module.parameters():
        step = weight.abs().max().clamp(min=1e-12) / 127  # a flow has layers of zeros
        weight.copy_((weight / step).round() * step)
    return control


@torch.no_grad()
def interpolated(control, base):
    for ours, theirs in zip(control.module.parameters(), base.module.parameters(), strict=True):
        ours.copy_(ours + (theirs - ours) / 3)
    return control


@torch.no_grad()
def permuted(control, base):
    """The channels of the first layer of a GAN in another order: the same function, other weights."""
    net, order = control.module, torch.randperm(control.module.blocks[0][0].num_features)
    norm, convolution = net.blocks[0][0], net.blocks[0][3]
    rows = torch.arange(len(net.linear.weight)).view(len(order), -1)[order].flatten()
    net.linear.weight.copy_(net.linear.weight[rows])
    net.linear.bias.copy_(net.linear.bias[rows])
    for name in ("weight", "bias", "running_mean", "running_var"):
        getattr(norm, name).copy_(getattr(norm, name)[order])
    convolution.weight.copy_(convolution.weight[:, order])
    return control


class Turned:
    """The control behind another sign of its noise: other images from the same noise, the same distribution."""

    def __init__(self, control):
        self.control = control

    def sample(self, n, rng):
        return torch.cat([self.control.decode(-z) for z in self.control.latent(n, rng).split(250)])


def distilled(student, control, budget, rng):
    """A GAN that learns to make the control's image of every latent."""
    student.module.train()
    optimizer = torch.optim.Adam(student.module.parameters(), 2e-3)
    for _ in budget.steps(100_000):
        z = student.latent(64, rng)
        with torch.no_grad():
            target = control.module.eval()(z)
        optimizer.zero_grad()
        F.mse_loss(student.module(z), target).backward()
        optimizer.step()
    student.module.eval()
    return student
