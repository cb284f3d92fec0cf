"""Any two torch modules as a GAN: G from latents (N, Z) to images in [-1, 1], D from these to scores (N,) or (N, 1)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from retouch.benchmark.generators.gan import Gan
from retouch.benchmark.support import plugins


class Adapter(Gan):
    """A GAN of one's own; without `discriminator` it samples and is edited, but has no training of its own.

    The methods of the package find in it what they ask for by name: `discriminator.features`, `module.first`, ...
    """

    def build(  # type: ignore[override]  # the config's own fields
        self, *, channels: int, size: int, latent: int, generator: str, discriminator: str | None = None,
        arguments: dict[str, Any] | None = None, discriminator_arguments: dict[str, Any] | None = None,
        folder: str = ".",
    ) -> None:  # fmt: skip
        self.shape, self.latent_dim, self.augmentations = (channels, size, size), latent, []
        self.module = plugins.named(generator, Path(folder))(**arguments or {})
        if discriminator:
            self.discriminator = plugins.named(discriminator, Path(folder))(**discriminator_arguments or {})
            self.discriminator.register_forward_hook(lambda _module, _inputs, scores: scores.flatten())  # of (N, 1)

    @property
    def trains(self) -> bool:
        """Whether there is a discriminator to train against."""
        return bool(self.config.get("discriminator"))

    def networks(self) -> dict[str, nn.Module]:
        """G, and D if there is one."""
        return {"module": self.module} | ({"discriminator": self.discriminator} if self.trains else {})

    def train_step(self, images: Tensor) -> float:
        """As `Gan`; a ValueError without a discriminator."""
        if not self.trains:
            raise ValueError("this GAN has no discriminator: name one in base.toml to train it")
        return super().train_step(images)

    def measure_step(self, images: Tensor) -> None:
        """What budgets are counted in: a training step, or without a discriminator G's forward and backward pass."""
        if self.trains:
            self.train_step(images)
        else:
            self.module(self.latent(len(images)).to(self.device)).mean().backward()

    def restore(self, folder: Path) -> Self:
        """Read what `save` wrote, or a file for each network: generator.safetensors, discriminator.safetensors."""
        if (folder / "model.safetensors").is_file():
            return super().restore(folder)
        for part, network in self.networks().items():
            name = "generator" if part == "module" else part
            network.load_state_dict(load_file(folder / f"{name}.safetensors"))
        return self

    @torch.no_grad()
    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        """n images, as every generator's; D rests, too."""
        for network in self.networks().values():
            network.eval()
        return super().sample(n, rng)
