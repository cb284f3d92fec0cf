"""Purified views: an image as it is once fine detail that nobody sees has been taken out of it.

Judges look at such views beside the image itself, so that a pattern of a few levels, made to fool a classifier, does
not decide. Filters on images (N, C, H, W), of any float values; borders repeat.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def plain(x: Tensor) -> Tensor:
    """The image as it is."""
    return x


def blur(x: Tensor) -> Tensor:
    """Binomial filter 1-2-1 in both directions."""
    padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
    rows = (padded[..., :-2, :] + 2 * padded[..., 1:-1, :] + padded[..., 2:, :]) / 4
    return (rows[..., :-2] + 2 * rows[..., 1:-1] + rows[..., 2:]) / 4


def median(x: Tensor) -> Tensor:
    """Median of each 3x3 neighbourhood (feature squeezing, Xu et al., arXiv 1704.01155)."""
    padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
    height, width = x.shape[-2:]
    shifted = [padded[..., i : i + height, j : j + width] for i in range(3) for j in range(3)]
    return torch.stack(shifted).median(0).values


def resize(x: Tensor) -> Tensor:
    """Down to three quarters of the size and up again, bilinear and anti-aliased."""
    small = [max(1, 3 * side // 4) for side in x.shape[-2:]]
    down = F.interpolate(x, small, mode="bilinear", antialias=True, align_corners=False)
    return F.interpolate(down, x.shape[-2:], mode="bilinear", align_corners=False)


def squeeze(x: Tensor) -> Tensor:
    """Eight levels in place of 256, of values in [-1, 1] (feature squeezing)."""
    return ((x.clamp(-1, 1) + 1) * 3.5).round() / 3.5 - 1


VIEWS = {"plain": plain, "blur": blur, "median": median, "resize": resize, "squeeze": squeeze}
