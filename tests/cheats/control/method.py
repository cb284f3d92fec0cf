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
    """The channels of hidden layers in another order: the same function, other weights."""
    if control.family == "flow":
        for coupling in control.module.couplings:
            reorder(coupling.net[0], None, coupling.net[2])
        return control
    if hasattr(control.module.blocks[0], "norms"):  # residual
        for block in control.module.blocks:
            reorder(block.first, block.norms[1], block.second)
        return control
    net, order = control.module, torch.randperm(control.module.blocks[0][0].num_features)
    norm, convolution = net.blocks[0][0], net.blocks[0][3]
    rows = torch.arange(len(net.linear.weight)).view(len(order), -1)[order].flatten()
    net.linear.weight.copy_(net.linear.weight[rows])
    net.linear.bias.copy_(net.linear.bias[rows])
    for name in ("weight", "bias", "running_mean", "running_var"):
        getattr(norm, name).copy_(getattr(norm, name)[order])
    convolution.weight.copy_(convolution.weight[:, order])
    return control


@torch.no_grad()
def reorder(before, norm, after):
    """The outputs of a layer in another order, through a norm or none, and the inputs of the next likewise."""
    order = torch.randperm(len(before.weight))
    normal = [norm.weight, norm.bias, norm.running_mean, norm.running_var] if norm else []
    for tensor in (before.weight, before.bias, *normal):
        if tensor is not None:
            tensor.copy_(tensor[order])
    after.weight.copy_(after.weight[:, order])


class Turned:
    """The control behind another sign of its noise: other images from the same noise, the same distribution."""

    def __init__(self, control):
        self.control = control

    def sample(self, n, rng):
        return torch.cat([self.control.decode(-z) for z in self.control.latent(n, rng).split(250)])


def distilled(student, control, budget, rng):
    """A GAN or a flow that learns to make the control's image of every latent."""
    draw, target = (one.module.inverse if one.family == "flow" else one.module for one in (student, control))
    control.module.eval(), student.module.train()
    optimizer = torch.optim.Adam(student.module.parameters(), 2e-3)
    for _ in budget.steps(100_000):
        z = student.latent(64, rng)
        with torch.no_grad():
            wanted = target(z)
        optimizer.zero_grad()
        F.mse_loss(draw(z), wanted).backward()
        optimizer.step()
    student.module.eval()
    return student
