"""Sampler: a function that only samples, an API say: `draw(n, seed) -> uint8 (n, C, H, W)`, with a budget of images."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from retouch.benchmark.generators.base import Generator
from retouch.benchmark.operations import drawn
from retouch.benchmark.support import plugins

TITLE = "Samplers"


class Sampler(Generator):
    """Samples only: nothing to train, no noise to decode but the seed of a batch.

    An image counts as `operations.IMAGE` operations whatever the function does, and a training step of the base as its
    batch of images: a budget of S steps is one of S times the card's `batch` images, and a filter pays for what it
    draws. `images` is how many may be drawn in one process, those of the harness counted; past it a call is an error.
    """

    family = "sampler"
    trains = False
    timed = 16

    def build(self, *, channels: int, size: int, draw: str, images: int | None = None, folder: str = ".") -> None:
        self.shape, self.left, self.module = (channels, size, size), images, nn.Identity()
        self.draw: Any = plugins.named(draw, Path(folder))

    @property
    def device(self) -> torch.device:
        """The CPU: what the function computes on is its own business."""
        return torch.device("cpu")

    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        """n images; a ValueError past the budget, or where the function gives something else."""
        if self.left is not None:
            if n > self.left:
                raise ValueError(f"{n} images asked for, {self.left} left of the budget of {self.config['images']}")
            self.left -= n
        images = np.asarray(self.draw(n, int(torch.randint(2**31, (1,), generator=rng))))
        if images.dtype != np.uint8 or images.shape != (n, *self.shape):
            raise ValueError(f"{self.config['draw']} gave {images.dtype} {images.shape}, not uint8 {(n, *self.shape)}")
        return drawn(torch.from_numpy(images))

    def measure_step(self, images: Tensor) -> None:
        """In the place of a training step: counts as a batch of images, and draws none."""
        drawn(images)

    def copy(self) -> Self:
        """Itself: there is nothing to change."""
        return self

    def restore(self, folder: Path) -> Self:
        """Itself: there are no weights."""
        return self

    def save(self, folder: Path, half: bool = True) -> None:
        """Nothing: there are no weights."""
        folder.mkdir(parents=True, exist_ok=True)
