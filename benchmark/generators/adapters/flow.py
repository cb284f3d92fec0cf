"""What adapters of flows share: a flow of a library, from pixels in [-1, 1] to standard normal codes, as a `Flow`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from retouch.benchmark.generators.flow import Flow
from retouch.benchmark.support import plugins


class LibraryFlow(nn.Module):
    """Subclasses say how their library transforms rows y (N, D) in [-1, 1], and back."""

    flow: Any  # the library's own

    def __init__(self, flow: nn.Module, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.flow, self.shape, self.dim = flow, shape, math.prod(shape)

    def transform(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Codes (N, D) and log-likelihoods (N,) of rows."""
        raise NotImplementedError

    def rows(self, z: Tensor) -> Tensor:
        """Rows of codes."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Codes and log-likelihoods of images in [0, 1)."""
        z, log_p = self.transform((2 * x - 1).flatten(1))
        return z, log_p + self.dim * math.log(2)

    def inverse(self, z: Tensor) -> Tensor:
        """Images in [0, 1] of codes."""
        return (self.rows(z).view(-1, *self.shape) + 1) / 2


class FlowAdapter(Flow):
    """`flow` names a function or class that makes the library's flow; its weights lie in flow.safetensors."""

    module: LibraryFlow  # type: ignore[assignment]
    network: ClassVar[type[LibraryFlow]]

    def build(  # type: ignore[override]  # the config's own fields
        self, *, channels: int, size: int, flow: str, arguments: dict[str, Any] | None = None, bits: int = 8,
        temperature: float = 1.0, folder: str = ".",
    ) -> None:  # fmt: skip
        self.shape, self.bins = (channels, size, size), 2**bits
        self.module = self.network(plugins.named(flow, Path(folder))(**arguments or {}), self.shape)
        self.latent_dim = self.module.dim
        self.temperature = torch.full((self.latent_dim,), temperature)

    def restore(self, folder: Path) -> Self:
        """Read what `save` wrote, or the library's own state in flow.safetensors."""
        if (folder / "model.safetensors").is_file():
            return super().restore(folder)
        self.module.flow.load_state_dict(load_file(folder / "flow.safetensors"))
        return self
