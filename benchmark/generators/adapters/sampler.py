"""A function that only samples, an API say: `draw(n, seed) -> uint8 (n, C, H, W)`, with a budget of images."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from retouch.benchmark.generators.base import Generator
from retouch.benchmark.support import plugins


class Adapter(Generator):
    """Samples only: nothing to train, no noise to decode but the seed of a batch.

    `images` is how many may be drawn in a process, those of the harness counted; past it a call is an error.
    """

    family = "sampler"
    trains = False

    def build(self, *, channels: int, size: int, draw: str, images: int, folder: str = ".") -> None:
        self.shape, self.left, self.module = (channels, size, size), images, nn.Identity()
        self.draw: Any = plugins.named(draw, Path(folder))

    @property
    def device(self) -> torch.device:
        """The CPU: what the function computes on is its own business."""
        return torch.device("cpu")

    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        """n images; a ValueError past the budget, or where the function gives something else."""
        if n > self.left:
            raise ValueError(f"{n} images asked for, {self.left} left of the budget of {self.config['images']}")
        self.left -= n
        images = np.asarray(self.draw(n, int(torch.randint(2**31, (1,), generator=rng))))
        if images.dtype != np.uint8 or images.shape != (n, *self.shape):
            raise ValueError(f"{self.config['draw']} gave {images.dtype} {images.shape}, not uint8 {(n, *self.shape)}")
        return torch.from_numpy(images)

    def measure_step(self, images: Tensor) -> None:
        """In the place of a training step, of which there is none."""

    def copy(self) -> Self:
        """Itself: there is nothing to change."""
        return self

    def restore(self, folder: Path) -> Self:
        """Itself: there are no weights."""
        return self

    def save(self, folder: Path, half: bool = True) -> None:
        """Nothing: there are no weights."""
        os.makedirs(folder, exist_ok=True)
