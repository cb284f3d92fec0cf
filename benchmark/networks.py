"""Networks from outside that look at images: judges, guides, encoders. A card's `network` says what they are.

"module:function"          a torch module, from module.py beside the card, else from an installed package
"torchvision:resnet18"     a model of torchvision.models        "timm:vit_tiny_patch16_224"   of timm
"transformers:ViTModel"    of transformers, from config.json beside the card
"torchscript:judge.pt"     a TorchScript file; it is a program and is opened only where the card says `trust`
"features:inception-clean"  a published feature space, see `features`
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from retouch.benchmark import features
from retouch.benchmark.support import plugins

WEIGHTS = "model.safetensors"


class Seen(nn.Module):
    """A network behind the preparation of its images: their size, three channels, mean and standard deviation.

    It is shown images (N, C, H, W) in [-1, 1]; `mean` and `std` are those of channels in [0, 1], as ImageNet has them.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, size: int | None, mean: list[float], std: list[float]) -> None:
        super().__init__()
        self.network, self.size = network, size
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """What the network gives, (N, F): logits or features; of transformers the logits, else the pooled output."""
        if self.size and x.shape[-1] != self.size:
            x = F.interpolate(x, (self.size, self.size), mode="bicubic", antialias=True).clamp(-1, 1)
        x = x.expand(-1, self.mean.shape[1], -1, -1) if x.shape[1] == 1 else x
        out = self.network(((x + 1) / 2 - self.mean) / self.std)
        for name in ("logits", "pooler_output"):
            out = getattr(out, name, out)
        return out.flatten(1)


def network(folder: Path, config: dict[str, Any]) -> nn.Module:
    """The network of a card's config in FOLDER, at rest, its weights read.

    Args:
        config: `network`, a word and a name as above; `arguments` of the function; `resize`, `mean`, `std` of `Seen`.

    Raises:
        ValueError: a library or a name that is not there, a program that is not trusted, weights that do not fit.
    """
    library, _, name = config["network"].partition(":")
    arguments = config.get("arguments", {})
    if library == "features":
        return features.load(name, folder, config)
    if library == "torchscript":
        made = _script(folder / name, config)
    elif library in ("torchvision", "timm", "transformers"):
        made = _published(library, name, folder, arguments)
    else:
        made = plugins.named(config["network"], folder)(**arguments)
    if (folder / WEIGHTS).is_file() and library != "transformers":  # which has read its own, under names of its own
        made = _filled(made, folder / WEIGHTS)
    channels = config.get("channels", 3)
    mean, std = (config.get(word, [0.5] * channels) for word in ("mean", "std"))
    return Seen(made.eval(), config.get("resize"), mean, std).eval()


def _published(library: str, name: str, folder: Path, arguments: dict[str, Any]) -> nn.Module:
    try:
        module = import_module({"torchvision": "torchvision.models"}.get(library, library))
    except ImportError:
        raise ValueError(f"network '{library}:{name}' needs {library}: pip install {library}") from None
    if library == "timm":
        return module.create_model(name, pretrained=False, **arguments)
    if not hasattr(module, name):
        raise ValueError(f"network '{library}:{name}': {module.__name__} has no {name!r}")
    if library == "torchvision":
        return getattr(module, name)(weights=None, **arguments)
    return getattr(module, name).from_pretrained(folder, local_files_only=True, use_safetensors=True)


def _script(file: Path, config: dict[str, Any]) -> nn.Module:
    if not config.get("trust"):
        raise ValueError(
            f"{file} is a program: state `trust = true` in its card only if you would run its author's code"
        )
    return torch.jit.load(str(file), map_location="cpu")


def _filled(made: nn.Module, file: Path) -> nn.Module:
    try:
        made.load_state_dict(load_file(file))
    except RuntimeError as error:
        raise ValueError(f"{file} does not fit the network: {str(error).splitlines()[-1].strip()}") from None
    return made
