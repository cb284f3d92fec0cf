"""Differentiable augmentation of what a discriminator sees, real and generated alike (Zhao et al., 2006.10738)."""

import torch
from torch import Tensor
from torch.nn import functional as F


def colour(x: Tensor) -> Tensor:
    """Brightness by up to 0.5, saturation by 0 to 2, contrast by 0.5 to 1.5, one draw an image."""
    brightness, saturation, contrast = (torch.rand(3, len(x), 1, 1, 1) - 0.5).to(x.device)
    x = x + brightness
    x = torch.lerp(x.mean(1, keepdim=True), x, 2 * saturation + 1)
    return torch.lerp(x.mean((1, 2, 3), keepdim=True), x, contrast + 1)


def translation(x: Tensor, ratio: float = 0.125) -> Tensor:
    """Shifts by up to an eighth of the width, zeros where nothing is left."""
    reach = round(x.shape[-1] * ratio)
    down, right = torch.randint(0, 2 * reach + 1, (2, len(x), 1))
    rows, columns = torch.arange(x.shape[-2]) + down, torch.arange(x.shape[-1]) + right  # (N, H), (N, W)
    padded = F.pad(x, (reach,) * 4).permute(0, 2, 3, 1)
    which = torch.arange(len(x))[:, None, None]
    return padded[which, rows[:, :, None], columns[:, None]].permute(0, 3, 1, 2)


def cutout(x: Tensor, ratio: float = 0.5) -> Tensor:
    """A square of half the width, anywhere, is zero."""
    height, width = x.shape[-2:]
    reach = round(width * ratio) / 2
    top, left = torch.rand(len(x), 1) * height, torch.rand(len(x), 1) * width
    rows = (torch.arange(height) + 0.5 - top).abs() < reach  # (N, H)
    columns = (torch.arange(width) + 0.5 - left).abs() < reach
    return x * ~(rows[:, None, :, None] & columns[:, None, None, :]).to(x.device)


AUGMENTATIONS = {"colour": colour, "translation": translation, "cutout": cutout}
