"""What a base's card says: how its samples compare with held-out images, its shares, its likelihoods, its memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from retouch import metrics
from retouch.benchmark import data, encoders, weights
from retouch.benchmark.data.images import Images
from retouch.benchmark.generators.base import Generator
from retouch.benchmark.judges import Judge, Verdict
from retouch.benchmark.support.files import write_atomically
from retouch.benchmark.support.pictures import sheet
from retouch.benchmark.train.card import HELD_OUT, drawn, rounded
from retouch.benchmark.train.gaussians import Mixture
from retouch.benchmark.train.memorising import memorising

SAMPLES = 2000
SURE = 0.9  # probability of its likeliest class
SHOWN = 64  # samples on the sheet, and as many held-out images


def measure_base(generator: Generator, plan: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Measure 2,000 samples against held-out images, and write a sheet of 64 beside 64 of these into FOLDER.

    "quality" holds FD, precision, recall, density and coverage in the features of the recipe's `encoder` (else its
    judge's) of the samples, of training images and of a mixture of Gaussians; unevenly filled training sets are
    compared with held-out images resampled to the same proportions. "confident": the share of samples, and of held-out
    images, of which the judge is sure. "memory": distances to the nearest training image.
    """
    judge = Judge.load(weights.folder(plan["judge"]))
    held, train = held_out(plan["data"]), data.load(plan["data"], "train")
    began = time.perf_counter()
    samples = generator.sample(SAMPLES, torch.Generator().manual_seed(0)).numpy()
    seconds = time.perf_counter() - began
    write_atomically(folder / "sheet.png", beside(samples, held.images))
    view = judge.look(samples)
    found: dict[str, Any] = {"samples": SAMPLES, "seconds_per_image": round(seconds / SAMPLES, 6)}
    found["space"] = plan.get("encoder", plan["judge"])
    mixture = Mixture(train.images, getattr(generator, "bins", 256))
    sets = {"samples": samples, "training_images": train.images[:SAMPLES], "gaussians": mixture.sample(SAMPLES)}
    found["quality"] = _quality(_features(plan, judge), sets, held.images)
    heads = judge.card["measured"]["confusion"]
    real = judge.look(held.images)
    found["confident"] = {
        head: {"samples": _confident(judge, head, view), "held_out": _confident(judge, head, real)} for head in heads
    }
    found["shares"] = {head: _shares(judge, head, view, train.labels[head]) for head in heads}
    if view.identities is not None:
        found["identities"] = _identities(judge, view.identities, train.labels["identity"])
    found["memory"] = memorising(samples, train.images, held.images)
    if generator.family == "flow":
        found["bits_per_dim"] = {
            "train": _bits(generator, train.images[:SAMPLES]),
            "heldout": _bits(generator, held.images[:SAMPLES]),
            "gaussians_heldout": _mean(mixture.bits_per_dim(held.images[:SAMPLES])),
        }
    return found


def held_out(spec: dict[str, Any]) -> Images:
    """Held-out images of a data set; of an unevenly filled one as many of each category as its `counts` allow."""
    counts = spec.get("counts")
    held = drawn({key: value for key, value in spec.items() if key != "counts"}, "heldout", HELD_OUT)
    if counts is None:
        return held
    category, shares = held.labels["category"], np.array(counts) / max(counts)
    most = np.min(np.bincount(category, minlength=len(counts)) / shares)
    rows = [np.flatnonzero(category == k)[: int(most * share)] for k, share in enumerate(shares)]
    return held[np.sort(np.concatenate(rows))]


def beside(samples: np.ndarray, real: np.ndarray) -> bytes:
    """PNG: 64 samples in eight columns on the left, 64 real images on the right, uint8 (N, C, H, W) each."""
    halves = [images[:SHOWN].reshape(-1, 8, *images.shape[1:]) for images in (samples, real)]
    rows = np.concatenate(halves, 1)
    return sheet(rows.reshape(-1, *samples.shape[1:]), columns=16, zoom=2)


def _features(plan: dict[str, Any], judge: Judge) -> Callable[[np.ndarray], np.ndarray]:
    if "encoder" in plan:
        return encoders.load(plan["encoder"]).features
    return lambda images: judge.look(images).features


def _quality(
    features: Callable[[np.ndarray], np.ndarray], sets: dict[str, np.ndarray], held: np.ndarray
) -> dict[str, dict[str, Any]]:
    """The feature metrics of each set of images against held-out ones."""
    real, n = features(held), min(SAMPLES, len(held))  # neighbours are counted at equal numbers: coverage grows with n
    seen = {name: features(images) for name, images in sets.items()}
    found = {name: {"fd": metrics.fd(rows, real)} | metrics.prdc(rows[:n], real[:n]) for name, rows in seen.items()}
    return {name: {key: rounded(one) for key, one in suite.items()} for name, suite in found.items()}


def _confident(judge: Judge, head: str, view: Verdict) -> dict[str, float]:
    """Share of images of which the judge is sure, with its interval."""
    share = float((judge.probs(view, head).max(1) > SURE).mean())
    low, high = metrics.wilson(share, len(view.features))
    return {"value": round(share, 4), "low": round(low, 4), "high": round(high, 4)}


def _shares(judge: Judge, head: str, view: Verdict, truth: np.ndarray) -> dict[str, list[float]]:
    confusion = np.array(judge.card["measured"]["confusion"][head])
    shares = metrics.shares(view.labels[head], confusion)
    return _by_class(np.bincount(truth, minlength=len(confusion)) / len(truth), shares.estimates)


def _identities(judge: Judge, similarity: np.ndarray, truth: np.ndarray) -> dict[str, list[float]]:
    """Corrected share of each person among the samples, beside the data's."""
    measured = judge.card["measured"]
    people = len(measured["accepts"])
    accepted = similarity[:, :people] >= measured["threshold"]
    shares = [metrics.identity_share(accepted[:, p], np.array(measured["accepts"][p])) for p in range(people)]
    return _by_class(np.bincount(truth, minlength=people)[:people] / len(truth), shares)


def _by_class(data_shares: np.ndarray, shares: Iterable[metrics.Estimate]) -> dict[str, list[float]]:
    """The data's shares beside the generated ones with their intervals, a list over classes each."""
    estimates = [rounded(one) for one in shares]
    columns = {"generated": "value", "low": "low", "high": "high"}
    return {"data": np.round(data_shares, 4).tolist()} | {
        name: [one[key] for one in estimates] for name, key in columns.items()
    }


@torch.no_grad()
def _bits(flow: Any, images: np.ndarray) -> dict[str, float]:
    """Mean bits per dimension of uint8 images (N, C, H, W)."""
    flow.module.eval()
    rng = torch.Generator().manual_seed(0)
    return _mean(torch.cat([flow.bits_per_dim(part, rng) for part in torch.from_numpy(images).split(250)]).numpy())


def _mean(values: np.ndarray) -> dict[str, float]:
    """Mean of values (N,) with its interval over images."""
    value, half = float(values.mean()), 1.96 * float(values.std(ddof=1)) / len(values) ** 0.5
    return {"value": round(value, 4), "low": round(value - half, 4), "high": round(value + half, 4)}
