"""Trunks: networks from images (N, C, H, W) in [-1, 1] to features (N, F), four architectures with one signature.

Judges, guides and encoders are built on them: whoever looks at the same images should not look in the same way.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Residual(nn.Module):
    """Two 3x3 convolutions with batch norm beside a shortcut, optionally halving the image."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs),
        )  # fmt: skip
        self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.body(x) + self.shortcut(x))


def resnet(channels: int, size: int, width: int, features: int) -> nn.Sequential:
    """Three residual blocks, average pooling, a linear embedding."""
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
        Residual(width, width, 1), Residual(width, 2 * width, 2), Residual(2 * width, 4 * width, 2),
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16 * width, features),
    )  # fmt: skip


def plain(channels: int, size: int, width: int, features: int) -> nn.Sequential:
    """Strided convolutions without normalisation, two fully connected layers: the guides' trunk."""
    last = -(-size // 4)  # two halvings, rounded up
    return nn.Sequential(
        nn.Conv2d(channels, width, 5, 2, 2), nn.ELU(), nn.Conv2d(width, 2 * width, 3, 2, 1), nn.ELU(),
        nn.Flatten(), nn.Linear(2 * width * last**2, features), nn.ELU(), nn.Linear(features, features),
    )  # fmt: skip


def smooth(channels: int, size: int, width: int, features: int) -> nn.Sequential:
    """Convolutions with group norm and SiLU; halved by averages, never by strides, so that a shift changes little."""

    def layer(inputs: int, outputs: int) -> list[nn.Module]:
        return [nn.Conv2d(inputs, outputs, 3, padding=1), nn.GroupNorm(4, outputs), nn.SiLU()]

    return nn.Sequential(
        *layer(channels, width), nn.AvgPool2d(2), *layer(width, 2 * width), *layer(2 * width, 2 * width),
        nn.AvgPool2d(2), *layer(2 * width, 4 * width), *layer(4 * width, 4 * width),
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16 * width, features),
    )  # fmt: skip


class Mix(nn.Module):
    """A 5x5 convolution of each channel by itself, then one across channels at each place, both with shortcuts."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.places = nn.Sequential(
            nn.Conv2d(width, width, 5, padding=2, groups=width), nn.GELU(), nn.BatchNorm2d(width)
        )
        self.channels = nn.Sequential(
            nn.Conv2d(width, 2 * width, 1), nn.GELU(), nn.Conv2d(2 * width, width, 1), nn.BatchNorm2d(width)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.places(x)
        return x + self.channels(x)


class ChannelsLast(nn.Module):
    """Lays images out with their channels together: convolutions of single channels take half the time then."""

    def forward(self, x: Tensor) -> Tensor:
        return x.contiguous(memory_format=torch.channels_last)


def mixer(channels: int, size: int, width: int, features: int) -> nn.Sequential:
    """Patches of an eighth of the image (of two pixels at least), mixed four times at that one resolution.

    After ConvMixer (Trockman and Kolter, arXiv 2201.09792).
    """
    patch = max(2, size // 8)
    return nn.Sequential(
        ChannelsLast(), nn.Conv2d(channels, 4 * width, patch, patch), nn.GELU(), nn.BatchNorm2d(4 * width),
        *[Mix(4 * width) for _ in range(4)],
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16 * width, features),
    )  # fmt: skip


TRUNKS = {"resnet": resnet, "plain": plain, "smooth": smooth, "mixer": mixer}


def trunk(name: str, channels: int, size: int, width: int, features: int) -> nn.Sequential:
    """The trunk called `name`.

    Raises:
        ValueError: an unknown name.
    """
    if name not in TRUNKS:
        raise ValueError(f"no trunk {name!r}; there are {', '.join(TRUNKS)}")
    made = TRUNKS[name](channels, size, width, features)
    return made.to(memory_format=torch.channels_last)  # on a processor convolutions take four fifths of the time then
