"""Label-free encoders: features in which quality and diversity are measured, and in which no judge has a part.

Trained by contrast (SimCLR: Chen et al., arXiv 2002.05709) on images of the judge's split, without their labels. Each
data set has two, of different seed, architecture and images: NAME-encoder-a for quality, NAME-encoder-b for diversity.
"""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from retouch.benchmark import networks, trunks, weights
from retouch.benchmark.generators.batches import in_batches
from retouch.benchmark.generators.gan import to_float

BATCH = 64  # images at a time: more leave the processor's cache


def network(trunk: str, channels: int, size: int, width: int = 16, features: int = 64) -> nn.Sequential:
    """Images (N, C, H, W) in [-1, 1] to features (N, F), each of mean 0 and variance 1 on the training images."""
    return nn.Sequential(trunks.trunk(trunk, channels, size, width, features), nn.BatchNorm1d(features, affine=False))


class Encoder:
    """A trained encoder with its card.

    Args:
        network: as `network` builds it; card: {"config": its arguments, ...}.
    """

    def __init__(self, network: nn.Module, card: dict[str, Any]) -> None:
        self.network, self.card = network.eval(), card

    @classmethod
    def read(cls, folder: Path, device: str = "cpu") -> "Encoder":
        """Read an encoder from its weights folder; the hash is checked.

        Raises:
            WeightsError: no such weights, or others than the card describes; ValueError: not an encoder's.
        """
        card = weights.card(folder)
        if card["family"] != "encoder":
            raise ValueError(f"{folder.name} is of kind {card['family']!r}, not an encoder")
        if "network" in card["config"]:
            return cls(networks.network(folder, card["config"]).to(device), card)
        made = network(**card["config"])
        made.load_state_dict(load_file(folder / "model.safetensors"))  # half precision in the file, float32 here
        return cls(made.to(device), card)

    def save(self, folder: Path) -> None:
        """Write the weights in half precision."""
        folder.mkdir(parents=True, exist_ok=True)
        state = {k: v.half() if v.is_floating_point() else v for k, v in self.network.state_dict().items()}
        save_file({k: v.contiguous().cpu() for k, v in state.items()}, folder / "model.safetensors")

    @torch.no_grad()
    def features(self, images: np.ndarray) -> np.ndarray:
        """Features float32 (N, F) of uint8 images (N, C, H, W).

        Raises:
            ValueError: images of another type or shape than the encoder was trained on.
        """
        wanted = (self.card["config"]["channels"], *[self.card["config"]["size"]] * 2)
        fits = images.shape[1:] == wanted or "network" in self.card["config"]  # which takes any size
        if images.dtype != np.uint8 or not fits:
            raise ValueError(f"the encoder takes uint8 (N, {', '.join(map(str, wanted))}), not {images.dtype} "
                             f"{images.shape}")  # fmt: skip
        device = next(iter(self.network.state_dict().values()), torch.empty(0)).device
        rows = torch.from_numpy(np.ascontiguousarray(images))
        return in_batches(lambda part: self.network(to_float(part.to(device))).cpu(), rows, BATCH).numpy()


@cache
def load(name: str, device: str = "cpu") -> Encoder:
    """The encoder called `name`, loaded once; an error names the nearest weights there are."""
    return Encoder.read(weights.folder(name), device)
