"""Gan: a convolutional generator and a spectrally normalised discriminator, hinge loss (Miyato et al., 1802.05957)."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from retouch.benchmark.generators.base import Generator
from retouch.benchmark.generators.diffaugment import AUGMENTATIONS
from retouch.benchmark.generators.residual import ResidualDiscriminator, ResidualSynthesis

TITLE = "GANs"


class Synthesis(nn.Module):
    """G: latent (N, Z) to images in [-1, 1]. `first` is the feature map that methods may condition, (N, W, s, s)."""

    def __init__(self, channels: int, size: int, latent: int, width: int) -> None:
        super().__init__()
        doublings = 2 if size <= 12 else 3
        self.start = size // 2**doublings
        widths = [width // 2**i for i in range(doublings + 1)]
        self.linear = nn.Linear(latent, widths[0] * self.start**2)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.BatchNorm2d(a), nn.ReLU(), nn.Upsample(scale_factor=2), nn.Conv2d(a, b, 3, padding=1, bias=False)
            )
            for a, b in pairwise(widths)
        )
        self.out = nn.Sequential(nn.BatchNorm2d(widths[-1]), nn.ReLU(), nn.Conv2d(widths[-1], channels, 3, padding=1))

    def first(self, z: Tensor) -> Tensor:
        return self.linear(z).view(len(z), -1, self.start, self.start)

    def rest(self, h: Tensor) -> Tensor:
        for block in self.blocks:
            h = block(h)
        return self.out(h).tanh()

    def forward(self, z: Tensor) -> Tensor:
        return self.rest(self.first(z))


class Discriminator(nn.Module):
    """D: images in [-1, 1] to `features` (N, F) and a real-valued score (N,), every layer of spectral norm 1."""

    def __init__(self, channels: int, size: int, width: int) -> None:
        super().__init__()
        halvings = 2 if size <= 12 else 3
        widths = [channels] + [width // 2 ** (halvings - 1 - i) for i in range(halvings)]
        layers: list[nn.Module] = []
        for a, b in pairwise(widths):
            layers += [spectral_norm(nn.Conv2d(a, b, 3, padding=1)), nn.LeakyReLU(0.2)]
            layers += [spectral_norm(nn.Conv2d(b, b, 4, stride=2, padding=1)), nn.LeakyReLU(0.2)]
        self.trunk = nn.Sequential(*layers, nn.Flatten())
        self.feature_dim = widths[-1] * (size // 2**halvings) ** 2
        self.head = spectral_norm(nn.Linear(self.feature_dim, 1))

    def features(self, x: Tensor) -> Tensor:
        return self.trunk(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x)).squeeze(1)


def to_float(images: Tensor) -> Tensor:
    """uint8 to floats in [-1, 1]."""
    return images.float() / 127.5 - 1


def to_uint8(x: Tensor) -> Tensor:
    """Floats in [-1, 1] to uint8 on the CPU, rounded to the nearest level."""
    return ((x.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).cpu()


class Gan(Generator):
    """`module` is G, `discriminator` is D; both ship. They are residual networks where the config has `widths`.

    `augment` names what `train_step` does to images before D sees them (see `diffaugment`).
    """

    module: Synthesis | ResidualSynthesis
    discriminator: Discriminator | ResidualDiscriminator
    family = "gan"
    parts = ("module", "discriminator")

    def build(
        self, *, channels: int, size: int, latent: int = 64, width: int = 128, widths: list[int] | None = None,
        patch: int = 1, augment: list[str] | tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        self.shape, self.latent_dim = (channels, size, size), latent
        self.augmentations = [AUGMENTATIONS[name] for name in augment]
        if widths:
            self.module = ResidualSynthesis(channels, size, latent, widths, patch)
            self.discriminator = ResidualDiscriminator(channels, size, widths, patch)
        else:
            self.module = Synthesis(channels, size, latent, width)
            self.discriminator = Discriminator(channels, size, width)

    def latent(self, n: int, rng: torch.Generator | None = None) -> Tensor:
        """Standard normal latents (n, Z)."""
        return torch.randn(n, self.latent_dim, generator=rng)

    def decode(self, z: Tensor) -> Tensor:
        """uint8 images from latents (N, Z)."""
        return to_uint8(self.module(z.to(self.device)))

    def judged(self, x: Tensor) -> Tensor:
        """D's scores (N,) of augmented images."""
        for augment in self.augmentations:
            x = augment(x)
        return self.discriminator(x)

    def train_step(self, images: Tensor) -> float:
        """One step of D and one of G, hinge loss; Adam (0, 0.9), D at twice G's step size. Returns D's loss."""
        if not self.optimizers:
            betas = (0.0, 0.9)
            self.optimizers = [
                torch.optim.Adam(self.module.parameters(), self.lr, betas),
                torch.optim.Adam(self.discriminator.parameters(), 2 * self.lr, betas),
            ]
        g_step, d_step = self.optimizers
        self.module.train()
        real = to_float(images.to(self.device))
        fake = self.module(self.latent(len(real)).to(self.device))
        d_loss = F.relu(1 - self.judged(real)).mean() + F.relu(1 + self.judged(fake.detach())).mean()
        d_step.zero_grad()
        d_loss.backward()
        d_step.step()
        g_loss = -self.judged(fake).mean()
        g_step.zero_grad()
        g_loss.backward()
        g_step.step()
        return d_loss.item()
