"""Features of images: Inception two ways and DINOv2, streamed in batches and cached by content.

Weights are looked for below `RETOUCH_WEIGHTS` and never downloaded. The two Inceptions differ in how they resize (and
therefore in every number): torch-fidelity's as the original TensorFlow code did, clean-fid's by anti-aliased bicubic.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from retouch.metrics.checks import as_images

FILES = {
    "inception": "pt_inception-2015-12-05-6726825d.pth",  # torch-fidelity's
    "inception-clean": "inception-2015-12-05.pt",  # clean-fid's torchscript
    "dinov2": "dinov2_vits14_pretrain.pth",  # beside a clone of the DINOv2 repository in the folder "dinov2"
}
IMAGENET = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]).view(2, 3, 1, 1)  # mean, standard deviation


@dataclass(frozen=True)
class Extractor:
    """A feature network: a name that changes whenever its numbers would, and uint8 (n, 3, H, W) -> float (n, d)."""

    name: str
    compute: Callable[[torch.Tensor], torch.Tensor]
    device: str = "cpu"


def weights_folder() -> Path | None:
    """The folder that RETOUCH_WEIGHTS names, if it is there."""
    folder = Path(os.environ.get("RETOUCH_WEIGHTS", ""))
    return folder if os.environ.get("RETOUCH_WEIGHTS") and folder.is_dir() else None


def available() -> list[str]:
    """Extractors whose weights are at hand."""
    folder = weights_folder()
    return [name for name, file in FILES.items() if folder and (folder / file).is_file()]


def load(name: str, device: str = "cpu") -> Extractor:
    """The named extractor, from local weights; an error says which file is missing."""
    if name not in FILES:
        raise ValueError(f"extractor: found {name!r}, wanted one of {', '.join(FILES)}")
    if name not in available():
        raise FileNotFoundError(
            f"{name} needs {FILES[name]} in the folder that RETOUCH_WEIGHTS names "
            f"(now: {os.environ.get('RETOUCH_WEIGHTS') or 'not set'})"
        )
    path = (weights_folder() or Path()) / FILES[name]
    build = {"inception": _inception, "inception-clean": _inception_clean, "dinov2": _dinov2}[name]
    return Extractor(f"{name}-{_file_digest(path)[:12]}", build(path, device), device)


def extract(images: np.ndarray, extractor: Extractor, *, batch: int = 64, cache: Path | None = None) -> np.ndarray:
    """Features (n, d) float32 of uint8 (n, C, H, W) images; grey ones are shown in three equal channels.

    With a cache folder, features are read back when the same images have been through the same extractor.
    """
    images = as_images(images)
    path = cache / f"{content_key(images, extractor.name)}.npz" if cache else None
    if path and path.is_file():
        with np.load(path, allow_pickle=False) as file:
            return file["features"]
    with torch.inference_mode():
        parts = [extractor.compute(part.to(extractor.device)).float().cpu().numpy() for part in _batches(images, batch)]
    features = np.concatenate(parts)
    if path:
        _write(path, features, extractor.name)
    return features


def content_key(images: np.ndarray, extractor: str) -> str:
    """sha256 of the images (values and shape) and the extractor's name."""
    key = hashlib.sha256(f"{extractor} {images.shape}".encode())
    key.update(np.ascontiguousarray(images).data)
    return key.hexdigest()


def _batches(images: np.ndarray, batch: int) -> Iterator[torch.Tensor]:
    for start in range(0, len(images), batch):
        part = torch.from_numpy(np.ascontiguousarray(images[start : start + batch]))
        yield part.expand(-1, 3, -1, -1) if part.shape[1] == 1 else part


def _write(path: Path, features: np.ndarray, extractor: str) -> None:
    """Atomic: another process sees the whole file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.part")
    with draft.open("wb") as file:
        np.savez(file, features=features, extractor=np.array(extractor))
    draft.replace(path)


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _inception(path: Path, device: str) -> Callable[[torch.Tensor], torch.Tensor]:
    """torch-fidelity's registered extractor, 2,048 features."""
    from torch_fidelity.utils import create_feature_extractor

    network = create_feature_extractor(
        "inception-v3-compat", ["2048"], cuda=False, verbose=False, feature_extractor_weights_path=str(path)
    ).to(device)
    return lambda images: network(images)[0]


def _inception_clean(path: Path, device: str) -> Callable[[torch.Tensor], torch.Tensor]:
    """clean-fid's network behind clean-fid's resizing."""
    from cleanfid.inception_torchscript import InceptionV3W
    from cleanfid.resize import build_resizer

    network, resize = InceptionV3W(str(path.parent), download=False).to(device), build_resizer("clean")

    def compute(images: torch.Tensor) -> torch.Tensor:
        resized = [resize(image) for image in images.permute(0, 2, 3, 1).cpu().numpy()]
        return network(torch.from_numpy(np.stack(resized)).permute(0, 3, 1, 2).to(device))

    return compute


def _dinov2(path: Path, device: str) -> Callable[[torch.Tensor], torch.Tensor]:
    """DINOv2 ViT-S/14 from a local clone of its repository, 384 features of 224 x 224 pixels."""
    network = torch.hub.load(str(path.parent / "dinov2"), "dinov2_vits14", source="local", pretrained=False)
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    network.eval().to(device)
    mean, deviation = IMAGENET.to(device)

    def compute(images: torch.Tensor) -> torch.Tensor:
        resized = torch.nn.functional.interpolate(images.float(), (224, 224), mode="bicubic", antialias=True)
        return network((resized.clamp(0, 255) / 255 - mean) / deviation)

    return compute
