"""What judges and encoders see of images: networks are loaded once, and look at images that stay the same once."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import torch

from retouch import metrics
from retouch.benchmark import encoders, ensemble, judges, purify, trunks
from retouch.benchmark.encoders import Encoder
from retouch.benchmark.ensemble import Judges, Votes
from retouch.benchmark.judges import Judge, Verdict
from retouch.benchmark.setup import Setup
from retouch.benchmark.support.cache import cache_folder, code_key, content_key, remembered
from retouch.benchmark.tasks.view import Space
from retouch.benchmark.weights import Weights

_lock = Lock()
_references: dict[Any, Any] = {}


class HeldOut(NamedTuple):
    """The held-out images as the output should be: the judge's verdict, and features of each encoder."""

    verdict: Verdict | Votes
    spaces: tuple[metrics.Reference, ...]


@cache
def _judge(folder: Path, sha256: str, device: str) -> Judge | Judges:
    return (Judges if (folder / ensemble.FILE).exists() else Judge).load(folder).to(device)


@cache
def _encoder(folder: Path, sha256: str, device: str) -> Encoder:
    return Encoder.read(folder, device)


def judge(setup: Setup) -> Judge | Judges:
    """The instance's judge or ensemble of judges, loaded once."""
    with _lock:
        return _judge(setup.judge.folder, setup.judge.sha256, setup.device)


def verdict(setup: Setup, images: np.ndarray, again: bool = False) -> Verdict | Votes:
    """What the judge says of uint8 images (N, C, H, W); again: as in `features`."""
    looking = judge(setup)
    if not again:
        return looking.look(images)
    key = content_key(
        f"{setup.judge.sha256} {code_key(judges, ensemble, purify, trunks)} {_where(setup.device)}", images
    )
    arrays = remembered(cache_folder() / "references" / f"{key}.npz", lambda: looking.look(images).arrays())
    return (Votes if isinstance(looking, Judges) else Verdict).of(arrays)


def features(encoder: Weights, images: np.ndarray, again: bool = False, device: str = "cpu") -> np.ndarray:
    """Features float32 (N, F) of uint8 images (N, C, H, W) in an encoder's space.

    again: the same images are asked about again, as training and held-out images are; the features are then cached.
    """
    with _lock:
        network = _encoder(encoder.folder, encoder.sha256, device)
    if not again:
        return network.features(images)
    key = content_key(f"{encoder.sha256} {code_key(encoders, trunks)} {_where(device)}", images)
    file = cache_folder() / "features" / f"{key}.npz"
    return remembered(file, lambda: {"features": network.features(images)})["features"]


def _where(device: str) -> str:
    """What decides the last digits: torch, and a device other than the processor."""
    return torch.__version__ + ("" if device == "cpu" else f" {device}")


def spaces(setup: Setup, samples: np.ndarray, again: bool = False) -> tuple[Space, ...]:
    """Samples beside held-out images in the space of each of the instance's encoders."""
    pairs = zip(setup.encoders, held_out(setup).spaces, strict=True)
    return tuple(
        Space(encoder.name, features(encoder, samples, again, setup.device), reference) for encoder, reference in pairs
    )


def held_out(setup: Setup) -> HeldOut:
    """What judge and encoders see of the held-out images as they should be; computed once.

    Instances with the same held-out images and networks, as the three families have, share it.
    """
    networks = [_where(setup.device), setup.judge.sha256, *(encoder.sha256 for encoder in setup.encoders)]
    key = (setup.base.sha256, *networks, setup.instance.model_dump_json(), setup.draw)
    with _lock:
        if key in _references:
            return _references[key]
    reference = setup.task.reference(setup)
    images, weights = reference.images, reference.weights
    content = content_key(" ".join(networks), images, *([] if weights is None else [weights]))
    seen = verdict(setup, images, again=True)
    rows = [features(encoder, images, again=True, device=setup.device) for encoder in setup.encoders]
    with _lock:
        if content not in _references:
            _references[content] = HeldOut(seen, tuple(metrics.Reference(row, weights) for row in rows))
        _references[key] = _references[content]
        return _references[key]
