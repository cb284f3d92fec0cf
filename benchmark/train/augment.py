"""Augmentations of training images. All chance comes from torch's global generator, on the CPU."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from retouch.benchmark import purify


def warp(images: Tensor) -> Tensor:
    """uint8 images, each turned by up to 8 degrees, scaled by up to 8% and shifted by up to half a pixel."""
    n, width = len(images), images.shape[-1]
    angle, shift = (torch.rand(n) * 2 - 1) * math.radians(8), (torch.rand(n, 2) * 2 - 1) / width
    scale = 1 + (torch.rand(n, 2) * 2 - 1) * 0.08
    return affine(images.float(), angle, scale, shift).round().to(torch.uint8)


def affine(x: Tensor, angle: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Images (N, C, H, W), each turned by `angle` (N,) radians, scaled and shifted by (N, 2); borders repeat.

    `scale` is of the sampling grid (above 1 the image shrinks), `shift` is in half widths.
    """
    rows = [
        [angle.cos() * scale[:, 0], -angle.sin(), shift[:, 0]],
        [angle.sin(), angle.cos() * scale[:, 1], shift[:, 1]],
    ]
    theta = torch.stack([torch.stack(row, 1) for row in rows], 1).to(x.device)  # (N, 2, 3)
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


def perturb(x: Tensor) -> Tensor:
    """Shifts by up to a pixel, contrast, and noise: generated images are not as clean as drawn or scanned ones."""
    down, right = (int(i) for i in torch.randint(-1, 2, (2,)))
    x = F.pad(x, (1, 1, 1, 1), mode="replicate")[..., 1 + down :, 1 + right :][..., : x.shape[-2], : x.shape[-1]]
    contrast = 1 + 0.2 * (torch.rand(len(x), 1, 1, 1) - 0.5).to(x.device)
    noise = 0.1 * torch.rand(len(x), 1, 1, 1).to(x.device) * torch.randn(x.shape).to(x.device)
    return x * contrast + noise


def blurred(x: Tensor, share: float) -> Tensor:
    """Images (N, C, H, W), about `share` of them blurred by the binomial filter 1-2-1 in both directions."""
    chosen = (torch.rand(len(x), 1, 1, 1) < share).to(x.device)
    return torch.where(chosen, purify.blur(x), x)


def flipped(x: Tensor) -> Tensor:
    """Images (N, C, H, W), left and right exchanged in half of them."""
    return torch.where((torch.rand(len(x), 1, 1, 1) < 0.5).to(x.device), x.flip(3), x)


def view(x: Tensor, *, turn: float, scale: float, shift: float, colour: float, noise: float, flip: bool) -> Tensor:
    """One random view of each image (N, C, H, W) in [-1, 1]: what a contrastive encoder shall see through.

    Args:
        turn: up to so many degrees; scale: size by up to this share; shift: up to this share of the width.
        colour: brightness, contrast and, in colour images, each channel by up to this share.
        noise: standard deviation up to this; flip: left and right exchanged in half of the images.
    """
    n, channels = x.shape[:2]
    angle = math.radians(turn) * _within(n)
    x = affine(x, angle, 1 + scale * (_within(n, 1) + 0.3 * _within(n, 2)), 2 * shift * _within(n, 2))
    x = flipped(x) if flip else x
    gain, level = 1 + colour * (_within(n, 1, 1, 1) + 0.5 * _within(n, channels, 1, 1)), colour * _within(n, 1, 1, 1)
    x = x * gain.to(x.device) + level.to(x.device)
    return x + (noise * torch.rand(n, 1, 1, 1) * torch.randn(x.shape)).to(x.device)


def _within(*shape: int) -> Tensor:
    """Uniform in [-1, 1)."""
    return 2 * torch.rand(shape) - 1
