"""What the three families share: building from a card, training by steps, sampling in batches, saving."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from retouch.benchmark.generators.batches import in_batches

BATCH = 250  # images decoded at a time; noise is drawn for all of them first, so it decides memory and nothing else


class Generator:
    """A trained image generator. Subclasses set `family` and define `build`, `latent`, `decode` and `loss`.

    Args:
        config: keyword arguments of `build`: architecture and sampling settings, as written in the card.
        lr: step size of `train_step`'s Adam.
    """

    family: ClassVar[str]
    module: nn.Module
    shape: tuple[int, int, int]
    parts: ClassVar[tuple[str, ...]] = ("module",)
    timed: ClassVar[int] = BATCH  # images by which the harness measures how fast it samples
    build: Callable[..., None]  # makes the modules; each family has settings of its own

    def __init__(self, config: dict[str, Any], lr: float = 1e-3) -> None:
        self.config, self.lr = dict(config), lr
        self.build(**config)
        self.optimizers: list[torch.optim.Optimizer] = []

    def prepare(self, images: Tensor) -> None:
        """Take what is fixed before the first step from the uint8 training images (N, C, H, W): here nothing."""

    def latent(self, n: int, rng: torch.Generator) -> Tensor:
        """Noise for n images, drawn on the CPU so that every device sees the same."""
        raise NotImplementedError

    def decode(self, z: Tensor) -> Tensor:
        """uint8 images (N, C, H, W) from noise."""
        raise NotImplementedError

    def loss(self, images: Tensor) -> Tensor:
        """The pre-training loss on uint8 images, a scalar."""
        raise NotImplementedError

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.module.parameters()).device

    def networks(self) -> dict[str, nn.Module]:
        """All modules that are saved, by name."""
        return {name: getattr(self, name) for name in self.parts}

    def to(self, device: str | torch.device) -> Self:
        """Move all networks."""
        for network in self.networks().values():
            network.to(device)
        return self

    @torch.no_grad()
    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        """n images, uint8 (n, C, H, W), on the CPU. The same rng state gives the same images at any batch size."""
        self.module.eval()
        return in_batches(self.decode, self.latent(n, rng), BATCH)

    def train_step(self, images: Tensor) -> float:
        """One step of the pre-training loss on uint8 (B, C, H, W); the yardstick of every budget. Returns the loss."""
        return self.descend(lambda: self.loss(images))

    def descend(self, loss: Callable[[], Tensor]) -> float:
        """One step of Adam down a scalar loss, which is computed in training mode; returns it."""
        if not self.optimizers:
            self.optimizers = [torch.optim.Adam(self.module.parameters(), self.lr)]
        self.module.train()
        value = loss()
        self.optimizers[0].zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(self.module.parameters(), 50.0)
        self.optimizers[0].step()
        return value.item()

    def copy(self) -> Self:
        """An independent generator with the same weights, on the same device."""
        twin = type(self)(self.config, self.lr).to(self.device)
        for name, network in self.networks().items():
            getattr(twin, name).load_state_dict(network.state_dict())
        return twin

    def save(self, folder: Path, half: bool = True) -> None:
        """Write the weights as safetensors, in half precision by default; the card comes from who trained them."""
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {
            f"{part}.{key}": (value.half() if half and value.is_floating_point() else value).contiguous().cpu()
            for part, network in self.networks().items()
            for key, value in network.state_dict().items()
        }
        save_file(tensors, folder / "model.safetensors")

    def restore(self, folder: Path) -> Self:
        """Read what `save` wrote."""
        tensors = load_file(folder / "model.safetensors")
        for part, network in self.networks().items():
            prefix = f"{part}."
            network.load_state_dict({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
        return self
