"""Flow: one adapter for two networks, and the first: Glow (Kingma and Dhariwal, arXiv 1807.03039) with learned priors.

Each level squeezes 2x2 pixels into channels, runs K steps of actnorm, invertible 1x1 convolution and coupling, and
gives half of its channels to a Gaussian prior whose mean and scale a convolution predicts from the other half.
"""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retouch.benchmark.generators.base import Generator
from retouch.benchmark.generators.pca_flow import PcaFlow

TITLE = "Flows"


class ActNorm(nn.Module):
    """Per-channel affine map, set on the first batch to zero mean and unit variance (Glow, section 3.1)."""

    ready: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.log_scale = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.register_buffer("ready", torch.tensor(False))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if self.training and not self.ready:
            with torch.no_grad():
                self.bias.copy_(-x.mean((0, 2, 3), keepdim=True))
                self.log_scale.copy_(-(x.std((0, 2, 3), keepdim=True) + 1e-6).log())
                self.ready.fill_(True)
        return (x + self.bias) * self.log_scale.exp(), self.log_scale.sum() * x[0, 0].numel()

    def inverse(self, y: Tensor) -> Tensor:
        return y * (-self.log_scale).exp() - self.bias


class InvertibleConv(nn.Module):
    """1x1 convolution with weight P L (U + diag(s)), log|det| = sum log|s| (Glow, equation 11)."""

    permutation: Tensor
    sign: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        permutation, lower, upper = torch.linalg.lu(torch.linalg.qr(torch.randn(channels, channels))[0])
        diagonal = upper.diagonal()
        self.register_buffer("permutation", permutation)
        self.register_buffer("sign", diagonal.sign())
        self.lower = nn.Parameter(lower)
        self.upper = nn.Parameter(upper)
        self.log_s = nn.Parameter(diagonal.abs().log())

    def weight(self) -> Tensor:
        eye = torch.eye(len(self.log_s), device=self.log_s.device, dtype=self.log_s.dtype)
        upper = self.upper.triu(1) + torch.diag(self.sign * self.log_s.exp())
        return self.permutation @ (self.lower.tril(-1) + eye) @ upper

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return F.conv2d(x, self.weight()[:, :, None, None]), self.log_s.sum() * x[0, 0].numel()

    def inverse(self, y: Tensor) -> Tensor:
        return F.conv2d(y, torch.linalg.inv(self.weight())[:, :, None, None])


def zero_conv(inputs: int, outputs: int) -> nn.Conv2d:
    """3x3 convolution that starts at zero, so that every coupling and prior starts as the identity."""
    conv = nn.Conv2d(inputs, outputs, 3, padding=1)
    for parameter in conv.parameters():
        nn.init.zeros_(parameter)
    return conv


class Coupling(nn.Module):
    """Additive (y_b = x_b + t(x_a)) or affine (y_b = s(x_a) (x_b + t(x_a))) coupling; log|det| per sample."""

    def __init__(self, channels: int, hidden: int, affine: bool) -> None:
        super().__init__()
        self.affine = affine
        kept = channels // 2
        changed = channels - kept
        self.net = nn.Sequential(
            nn.Conv2d(kept, hidden, 3, padding=1), nn.ReLU(), nn.Conv2d(hidden, hidden, 1), nn.ReLU(),
            zero_conv(hidden, changed * (2 if affine else 1)),
        )  # fmt: skip
        self.split = (kept, changed)

    def scale_and_shift(self, a: Tensor) -> tuple[Tensor, Tensor]:
        out = self.net(a)
        if not self.affine:
            return torch.zeros_like(out), out
        log_scale, shift = out.chunk(2, 1)
        return F.logsigmoid(log_scale + 2.0), shift  # scales below 1, near 0.9 at the start: stable inverses

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        a, b = x.split(self.split, 1)
        log_scale, shift = self.scale_and_shift(a)
        return torch.cat([a, (b + shift) * log_scale.exp()], 1), log_scale.sum((1, 2, 3))

    def inverse(self, y: Tensor) -> Tensor:
        a, b = y.split(self.split, 1)
        log_scale, shift = self.scale_and_shift(a)
        return torch.cat([a, b * (-log_scale).exp() - shift], 1)


class Prior(nn.Module):
    """Gaussian N(mu, exp(log_sigma)^2) over half of the channels, predicted from the other half."""

    def __init__(self, given: int, modelled: int) -> None:
        super().__init__()
        self.net = zero_conv(max(given, 1), 2 * modelled)

    def forward(self, h: Tensor) -> tuple[Tensor, Tensor]:
        mu, log_sigma = self.net(h).chunk(2, 1)
        return mu, log_sigma


class Glow(nn.Module):
    """Images in [0, 1], (N, C, H, W), to standard normal codes (N, C*H*W) and back.

    Args: channels, size (H = W, divisible by 2**levels), levels L, steps K, hidden (coupling width), affine.
    """

    def __init__(self, channels: int, size: int, levels: int, steps: int, hidden: int, affine: bool = False) -> None:
        super().__init__()
        self.levels, self.priors, self.shapes = nn.ModuleList(), nn.ModuleList(), []
        for level in range(levels):
            channels, size = channels * 4, size // 2
            self.levels.append(
                nn.ModuleList(
                    nn.ModuleList([ActNorm(channels), InvertibleConv(channels), Coupling(channels, hidden, affine)])
                    for _ in range(steps)
                )
            )
            last = level == levels - 1
            kept = 0 if last else channels // 2
            self.priors.append(Prior(kept, channels - kept))
            self.shapes.append((channels - kept, size, size))
            channels = kept
        self.dim = sum(math.prod(shape) for shape in self.shapes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Codes (N, D) and log p(x) in nats (N,), x continuous in [0, 1)."""
        log_p = torch.zeros(len(x), device=x.device, dtype=x.dtype)
        codes, h = [], x - 0.5
        for steps, prior, shape in zip(self.levels, self.priors, self.shapes, strict=True):
            h = F.pixel_unshuffle(h, 2)
            for layer in (layer for step in steps.children() for layer in step.children()):
                h, logdet = layer(h)
                log_p = log_p + logdet
            z, h = h.split([shape[0], h.shape[1] - shape[0]], 1)
            mu, log_sigma = prior(h if h.shape[1] else z.new_zeros(len(z), 1, *shape[1:]))
            eps = (z - mu) * (-log_sigma).exp()
            log_p = log_p - (0.5 * eps**2 + log_sigma + 0.5 * math.log(2 * math.pi)).sum((1, 2, 3))
            codes.append(eps.flatten(1))
        return torch.cat(codes, 1), log_p

    def inverse(self, codes: Tensor) -> Tensor:
        """Images (N, C, H, W) from codes (N, D)."""
        parts = codes.split([math.prod(shape) for shape in self.shapes], 1)
        h = codes.new_zeros(len(codes), 0, *self.shapes[-1][1:])
        for steps, prior, shape, eps in reversed(list(zip(self.levels, self.priors, self.shapes, parts, strict=True))):
            eps = eps.view(-1, *shape)
            mu, log_sigma = prior(h if h.shape[1] else eps.new_zeros(len(eps), 1, *shape[1:]))
            z = mu + log_sigma.exp() * eps
            h = torch.cat([z, h], 1)
            for layer in (layer for step in reversed(steps) for layer in reversed(step)):
                h = layer.inverse(h)
            h = F.pixel_shuffle(h, 2)
        return h + 0.5


class Flow(Generator):
    """A flow with its quantisation: `bits` per channel, uniform dequantisation noise, sampling `temperature`.

    The network is a `PcaFlow` where the config has `axes`, else a `Glow`. `detail_temperature` is that of the PCA
    flow's last coupling alone.
    """

    module: Glow | PcaFlow
    family = "flow"

    def build(
        self, *, channels: int, size: int, bits: int = 5, temperature: float = 1.0,
        detail_temperature: float | None = None, **network: Any,
    ) -> None:  # fmt: skip
        self.shape, self.bins = (channels, size, size), 2**bits
        self.module = (PcaFlow if "axes" in network else Glow)(channels, size, **network)
        self.latent_dim = self.module.dim
        self.temperature = torch.full((self.latent_dim,), temperature)
        if detail_temperature is not None:
            self.temperature[network["axes"] :] = detail_temperature

    def prepare(self, images: Tensor) -> None:
        """Give a PCA flow its coordinates: those of 20,000 training images at most."""
        if isinstance(self.module, PcaFlow):
            self.module.fit(self.dequantise(images[:20_000]))

    def dequantise(self, images: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """uint8 (N, C, H, W) to floats in [0, 1): the bin plus fresh U(0, 1) noise, over the number of bins."""
        binned = images.to(self.device).float().mul(self.bins / 256).floor()
        noise = torch.rand(images.shape, generator=rng).to(self.device)
        return (binned + noise) / self.bins

    def log_prob(self, images: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """Log-likelihood of the quantised uint8 images, nats, (N,), one noise draw, differentiable."""
        pixels = math.prod(self.shape)
        return self.module(self.dequantise(images, rng))[1] - pixels * math.log(self.bins)

    def bits_per_dim(self, images: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """-log2 p(x) / D, (N,)."""
        return -self.log_prob(images, rng) / (math.prod(self.shape) * math.log(2))

    def encode(self, images: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """Codes (N, D) of dequantised uint8 images."""
        return self.module(self.dequantise(images, rng))[0]

    def decode(self, z: Tensor) -> Tensor:
        """uint8 images (N, C, H, W) from codes (N, D), standard normal where the model is."""
        x = self.module.inverse(z.to(self.device))
        binned = (x * self.bins).floor().clamp(0, self.bins - 1)
        return (binned * (255 / (self.bins - 1))).round().to(torch.uint8).cpu()

    def latent(self, n: int, rng: torch.Generator) -> Tensor:
        """Codes (n, D) at the sampling temperature; more of them begin with the same, which a filter relies on."""
        noise = torch.randn(n, self.latent_dim + isinstance(self.module, PcaFlow), generator=rng)
        codes = noise[:, : self.latent_dim] * self.temperature
        return self.module.draw(codes, noise[:, -1]) if isinstance(self.module, PcaFlow) else codes

    def loss(self, images: Tensor) -> Tensor:
        """Mean bits per dimension."""
        return self.bits_per_dim(images).mean()


@torch.no_grad()
def log_probs(flow: Any, images: Tensor, draws: int, rng: torch.Generator) -> np.ndarray:
    """Log-likelihoods in nats (draws, N), one dequantisation noise each, of anything with `.log_prob(images, rng)`."""
    if hasattr(flow, "module"):  # any object with .log_prob does
        flow.module.eval()
    rows = [torch.cat([flow.log_prob(part, rng).cpu() for part in images.split(250)]) for _ in range(draws)]
    return torch.stack(rows).numpy()
