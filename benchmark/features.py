"""Published feature spaces, as networks of encoders: `network = "features:NAME"` in a judge.toml.

inception-v3-compat, vgg16, clip-vit-b-32, ...   torch-fidelity's registry, resized as the original TensorFlow code does
inception-clean                                  the same Inception behind clean-fid's anti-aliased resizing
dinov2-vit-s-14, ...                             beside a clone of the DINOv2 repository in the folder "dinov2"
what installed packages add                      entry points `retouch.features`: "module:function" gives the network

Nothing is downloaded. A file of weights lies beside the judge.toml or in the folder that RETOUCH_WEIGHTS names; its
sha256 is checked before it is opened: the one that judge.toml states, or that the file's own name carries.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from retouch.benchmark.support import plugins
from retouch.benchmark.support.files import sha256

INCEPTION = ("pt_inception-2015-12-05-6726825d.pth", "weights-inception-2015-12-05-6726825d.pth")  # the same file
FILES: dict[str, tuple[str, ...]] = {  # as they are published; `file` in judge.toml names another
    "inception-v3-compat": INCEPTION,
    "inception-clean": ("inception-2015-12-05.pt",),
    "vgg16": ("vgg16-397923af.pth",),
    "dinov2-vit-s-14": ("dinov2_vits14_pretrain.pth",),
    "dinov2-vit-b-14": ("dinov2_vitb14_pretrain.pth",),
}
OUTPUT = {"inception": "2048", "vgg16": "fc2_relu", "clip": "clip"}  # of torch-fidelity's extractors, by first letters
IMAGENET = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]).view(2, 3, 1, 1)  # mean, standard deviation


class Space(nn.Module):
    """Images (N, C, H, W) in [-1, 1] to features (N, F); grey ones are shown in three equal channels."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        images = ((x + 1) * 127.5).round().to(torch.uint8)
        images = images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images
        return self.compute(images).float().flatten(1)

    def compute(self, images: Tensor) -> Tensor:
        """Features of uint8 images (N, 3, H, W): what an extractor of torch-fidelity takes and gives."""
        return self.network(images)[0]


class Clean(Space):
    """clean-fid's: its network takes levels as floats, at its own size."""

    def compute(self, images: Tensor) -> Tensor:
        from cleanfid.resize import build_resizer

        resize = build_resizer("clean")
        resized = np.stack([resize(image) for image in images.permute(0, 2, 3, 1).cpu().numpy()])
        return self.network(torch.from_numpy(resized).permute(0, 3, 1, 2).to(images.device))


class Dino(Space):
    """DINOv2 on 224 x 224 pixels."""

    def compute(self, images: Tensor) -> Tensor:
        resized = nn.functional.interpolate(images.float(), (224, 224), mode="bicubic", antialias=True)
        mean, deviation = IMAGENET.to(images.device)
        return self.network((resized.clamp(0, 255) / 255 - mean) / deviation)


def load(name: str, folder: Path, config: dict[str, Any]) -> nn.Module:
    """The named space at rest, its weights read after their hash is checked.

    Args:
        folder: of the judge.toml; config: its `file` and `sha256`, where they are stated.

    Raises:
        ValueError: an unknown name, a library or a file that is missing, a file with another hash, or with none known.
    """
    if reference := plugins.installed("features").get(name):
        return plugins.named(reference, folder)().eval()
    path = _weights(name, folder, config)
    if name == "inception-clean" and path.name not in FILES[name]:  # clean-fid opens the file of its own name
        raise ValueError(f"features:{name} reads {FILES[name][0]} alone; give {path} that name")
    check(path, config.get("sha256", ""))
    try:
        space = _clean(path) if name == "inception-clean" else _fidelity(name, path)
    except ImportError as error:
        raise ValueError(f"features:{name} needs {error.name}: pip install 'retouch-bench[peers]'") from None
    return space.eval().requires_grad_(False)


def _weights(name: str, folder: Path, config: dict[str, Any]) -> Path:
    """Where the file of weights is; an error says which names are looked for, and where."""
    names = [config["file"]] if "file" in config else FILES.get(name, ())
    if not names:
        raise ValueError(f"features:{name}: name the file of its weights: `file` in {folder / 'judge.toml'}")
    below = os.environ.get("RETOUCH_WEIGHTS", "")
    places = [place / one for place in (folder, *([Path(below)] if below else [])) for one in names]
    if not (found := next((place for place in places if place.is_file()), None)):
        raise ValueError(f"features:{name} needs {' or '.join(names)} in {folder}, or in the folder that "
                         f"RETOUCH_WEIGHTS names (now: {below or 'not set'})")  # fmt: skip
    return found


def check(path: Path, stated: str = "") -> None:
    """Raise a ValueError unless a file has the sha256 that is stated, or else the first digits that its name ends on.

    The names of published weights end on these digits by torch.hub's convention.
    """
    digits = re.search(r"-([0-9a-f]{8,64})$", path.stem)
    wanted, actual = stated or (digits[1] if digits else ""), sha256(path)
    if not wanted:
        raise ValueError(f'{path} has sha256 {actual}; state it as sha256 = "..." in judge.toml if that is the '
                         "file that you mean: it is not opened before")  # fmt: skip
    if not actual.startswith(wanted.lower()):
        raise ValueError(f"{path} has sha256 {actual}, not {wanted}; fetch it again: it is not opened")


def _fidelity(name: str, path: Path) -> Space:
    """An extractor of torch-fidelity; DINOv2 from a local clone, which torch-fidelity would download."""
    from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY as REGISTRY
    from torch_fidelity.utils import create_feature_extractor

    if name not in REGISTRY:
        raise ValueError(f"features:{name} is none of inception-clean, {', '.join(REGISTRY)}")
    if name.startswith("dinov2"):
        return Dino(_dinov2("dinov2_" + "".join(name.split("-")[1:]), path))
    if not name.startswith("clip"):  # CLIP's file is a TorchScript archive
        torch.load(path, map_location="cpu", weights_only=True)  # tensors alone: torch-fidelity unpickles anything
    output = next(value for key, value in OUTPUT.items() if name.startswith(key))
    made = create_feature_extractor(name, [output], cuda=False, verbose=False, feature_extractor_weights_path=str(path))
    return Space(made)


def _clean(path: Path) -> Space:
    from cleanfid.inception_torchscript import InceptionV3W

    return Clean(InceptionV3W(str(path.parent), download=False))


def _dinov2(entry: str, path: Path) -> nn.Module:
    clone = path.parent / "dinov2"
    if not (clone / "hubconf.py").is_file():
        raise ValueError(f"{clone} is no clone of the DINOv2 repository; put one beside {path.name}")
    network = torch.hub.load(str(clone), entry, source="local", pretrained=False)
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return network
