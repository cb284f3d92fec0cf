"""What a label-free encoder sees: whether neighbours are of one kind, and how far damage and absence move images."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from retouch import metrics
from retouch.benchmark import purify
from retouch.benchmark.data.images import Images
from retouch.benchmark.encoders import Encoder
from retouch.benchmark.train.card import HELD_OUT, drawn, rounded

NOISE = 13  # levels of 255


def measure_encoder(encoder: Encoder, plan: dict[str, Any]) -> dict[str, Any]:
    """Neighbours' labels, the features' effective number, and FDs to held-out images that tell what it can see.

    "neighbours": for each label, balanced accuracy of the nearest image of the judge's split, chance beside it.
    "fd": to held-out images of their other half, of the same with noise, blurred, and without the first class.
    """
    held = drawn(plan["data"], "heldout", HELD_OUT)
    known = drawn(plan["data"], plan["split"], HELD_OUT)
    ours, theirs = encoder.features(held.images), encoder.features(known.images)
    nearest = _nearest(ours, theirs)
    found: dict[str, Any] = {"images": len(held), "effective_features": round(effective_features(ours), 2)}
    found["neighbours"] = {
        name: _agreement(values, known.labels[name][nearest]) for name, values in held.labels.items()
    }
    found["fd"] = {name: rounded(one) for name, one in _distances(encoder, held, ours).items()}
    return found


def effective_features(features: np.ndarray) -> float:
    """Exponential of the entropy of the covariance's spectrum, from 1 to the features' number (n, F)."""
    spectrum = np.linalg.eigvalsh(np.cov(features, rowvar=False))
    share = np.maximum(spectrum, 0) / spectrum.sum()
    return float(np.exp(-(share * np.log(share + 1e-12)).sum()))


def _nearest(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """For each row of a (n, F) the nearest row of b (m, F)."""
    parts = torch.from_numpy(a).split(500)
    return torch.cat([torch.cdist(part, torch.from_numpy(b)).argmin(1) for part in parts]).numpy()


def _agreement(truth: np.ndarray, assigned: np.ndarray) -> dict[str, float]:
    """Balanced accuracy over the classes that occur, and what chance would reach."""
    classes = np.unique(truth)
    place = np.searchsorted(classes, np.clip(assigned, classes[0], classes[-1]))
    confusion = np.histogram2d(np.searchsorted(classes, truth), place, [np.arange(len(classes) + 1)] * 2)[0]
    return rounded(metrics.balanced_accuracy(confusion)) | {"chance": round(1 / len(classes), 4)}


def _distances(encoder: Encoder, held: Images, features: np.ndarray) -> dict[str, metrics.Estimate]:
    """FD between one half of held-out images and the other, changed in ways that an encoder should see."""
    order = np.random.default_rng(0).permutation(len(held))
    one, two = order[::2], order[1::2]
    if len(two) < features.shape[1]:
        return {}
    other = held[two]
    rng = np.random.default_rng(1)
    changed: dict[str, Callable[[], np.ndarray]] = {
        "noise": lambda: _levels(other.images + rng.normal(0, NOISE, other.images.shape)),
        "blur": lambda: _levels(purify.blur(torch.from_numpy(other.images).float()).numpy()),
    }
    label = next(iter(other.labels.values()))
    seen = {"none": features[two], **{name: encoder.features(make()) for name, make in changed.items()}}
    seen["without the first class"] = features[two][label != label.min()]
    return {name: metrics.fd(rows, features[one]) for name, rows in seen.items() if len(rows) >= rows.shape[1]}


def _levels(x: np.ndarray) -> np.ndarray:
    return np.round(x).clip(0, 255).astype(np.uint8)
