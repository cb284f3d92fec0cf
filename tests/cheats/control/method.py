"""The retrained control, whose weights lie in the submission's folder: as they are, or in disguise."""

from pathlib import Path

import torch
from diffusers.models.resnet import ResnetBlock2D
from torch.nn import functional as F

WEIGHTS = Path(__file__).parent / "weights"  # the runner puts the control's here


def edit(generator, task, budget, *, disguise=""):
    control = generator.copy().restore(WEIGHTS)
    if disguise == "distil":
        return distilled(generator, control, budget, task)
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
    if control.family == "diffusion":
        for block in control.module.modules():
            if isinstance(block, ResnetBlock2D):
                groups = torch.arange(len(block.conv1.weight)).view(block.norm2.num_groups, -1)
                order = groups[torch.randperm(len(groups))].flatten()  # each group's channels stay together
                reorder(block.conv1, block.norm2, block.conv2, order)
                reorder(block.time_emb_proj, None, None, order)
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
def reorder(before, norm, after, order=None):
    """The outputs of a layer in another order, through a norm or none, and the inputs of the next likewise."""
    order = torch.randperm(len(before.weight)) if order is None else order
    normal = [getattr(norm, name, None) for name in ("weight", "bias", "running_mean", "running_var")]
    for tensor in (before.weight, before.bias, *normal):
        if tensor is not None:
            tensor.copy_(tensor[order])
    if after:
        after.weight.copy_(after.weight[:, order])


class Turned:
    """The control behind another sign of its noise: other images from the same noise, the same distribution."""

    def __init__(self, control):
        self.control = control

    @torch.no_grad()
    def sample(self, n, rng):
        return torch.cat([self.control.decode(-z) for z in self.control.latent(n, rng).split(250)])


def maps(generator):
    """What takes noise to images; of diffusion what it sees in a noised image."""
    if generator.family == "diffusion":
        return lambda x, t: generator.module(x, t).sample
    return generator.module.inverse if generator.family == "flow" else generator.module


def given(generator, task):
    """What the maps are asked about: latents, or noised training images with their steps."""
    z = generator.latent(64, task.rng)
    if generator.family != "diffusion":
        return (z,)
    images = task.retain[torch.randint(len(task.retain), (64,), generator=task.rng)].float() / 127.5 - 1
    t = torch.randint(generator.scheduler.config.num_train_timesteps, (64,), generator=task.rng)
    return generator.scheduler.add_noise(images, z, t), t


def distilled(student, control, budget, task):
    """A generator that learns to map as the control does."""
    draw, target = maps(student), maps(control)
    control.module.eval(), student.module.train()
    optimizer = torch.optim.Adam(student.module.parameters(), 2e-3)
    for _ in budget.steps(100_000):
        asked = given(student, task)
        with torch.no_grad():
            wanted = target(*asked)
        optimizer.zero_grad()
        F.mse_loss(draw(*asked), wanted).backward()
        optimizer.step()
    student.module.eval()
    return student
