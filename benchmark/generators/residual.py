"""Residual generator and discriminator, after SNGAN's (Miyato et al., 1802.05957), small enough for a CPU.

`widths` are the channels at each resolution, the smallest image first. `patch` > 1 lets both networks work on images
whose patches of pixels are stacked into channels: a quarter of the cost at 2.
"""

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm


class Up(nn.Module):
    """Residual block that doubles height and width."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList([nn.BatchNorm2d(inputs), nn.BatchNorm2d(outputs)])
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.skip = nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, h: Tensor) -> Tensor:
        deep = self.first(_twice(self.norms[0](h).relu()))
        return self.second(self.norms[1](deep).relu()) + _twice(self.skip(h))


def _twice(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2)


class Down(nn.Module):
    """Residual block of spectral norm that halves height and width."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = spectral_norm(nn.Conv2d(inputs, outputs, 3, padding=1))
        self.second = spectral_norm(nn.Conv2d(outputs, outputs, 4, stride=2, padding=1))
        self.skip = spectral_norm(nn.Conv2d(inputs, outputs, 1))

    def forward(self, h: Tensor) -> Tensor:
        deep = self.second(F.leaky_relu(self.first(F.leaky_relu(h, 0.2)), 0.2))
        return deep + self.skip(F.avg_pool2d(h, 2))


class ResidualSynthesis(nn.Module):
    """G: latent (N, Z) to images in [-1, 1]. `first` is the feature map that methods may condition, (N, W, s, s)."""

    def __init__(self, channels: int, size: int, latent: int, widths: list[int], patch: int = 1) -> None:
        super().__init__()
        self.start, self.patch = size // patch // 2 ** (len(widths) - 1), patch
        self.linear = nn.Linear(latent, widths[0] * self.start**2)
        self.blocks = nn.Sequential(*[Up(a, b) for a, b in pairwise(widths)])
        self.norm = nn.BatchNorm2d(widths[-1])
        self.out = nn.Conv2d(widths[-1], channels * patch**2, 3, padding=1)

    def first(self, z: Tensor) -> Tensor:
        return self.linear(z).view(len(z), -1, self.start, self.start)

    def rest(self, h: Tensor) -> Tensor:
        return F.pixel_shuffle(self.out(self.norm(self.blocks(h)).relu()), self.patch).tanh()

    def forward(self, z: Tensor) -> Tensor:
        return self.rest(self.first(z))


class ResidualDiscriminator(nn.Module):
    """D: images in [-1, 1] to `features` (N, F) and a real-valued score (N,), every layer of spectral norm 1."""

    def __init__(self, channels: int, size: int, widths: list[int], patch: int = 1) -> None:
        super().__init__()
        narrow_first = widths[::-1]
        start = spectral_norm(nn.Conv2d(channels * patch**2, narrow_first[0], 3, padding=1))
        downs = [Down(a, b) for a, b in pairwise(narrow_first)]
        self.trunk = nn.Sequential(nn.PixelUnshuffle(patch), start, *downs, nn.LeakyReLU(0.2), nn.Flatten())
        self.feature_dim = widths[0] * (size // patch // 2 ** len(downs)) ** 2
        self.head = spectral_norm(nn.Linear(self.feature_dim, 1))

    def features(self, x: Tensor) -> Tensor:
        return self.trunk(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x)).squeeze(1)
