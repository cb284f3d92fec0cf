"""What a base's card says: its distance to held-out data and its shares."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

from retouch import metrics
from retouch.benchmark import data, weights
from retouch.benchmark.data.images import Images
from retouch.benchmark.generators.base import Generator
from retouch.benchmark.judges import Judge
from retouch.benchmark.train.card import HELD_OUT

SAMPLES = 2000


def measure_base(generator: Generator, plan: dict[str, Any]) -> dict[str, Any]:
    """FD to held-out data beside that of training images (the floor), and shares beside the data's, with intervals.

    Unevenly filled training sets are compared with held-out images weighted to the same counts.
    """
    judge = Judge.load(weights.folder(plan["judge"]))
    spec = dict(plan["data"])
    counts = spec.pop("counts", None)
    held = data.load(spec | {"n": HELD_OUT} if "n" in spec else spec, "heldout")
    train = data.load(plan["data"], "train")
    began = time.perf_counter()
    samples = generator.sample(SAMPLES, torch.Generator().manual_seed(0)).numpy()
    seconds = time.perf_counter() - began
    ours, theirs, real = judge.look(samples), judge.look(train.images[:SAMPLES]), judge.look(held.images)
    found: dict[str, Any] = {"samples": SAMPLES, "seconds_per_image": round(seconds / SAMPLES, 6)}
    for name, one in (("fd", ours), ("fd_of_training_images", theirs)):
        value = metrics.weighted_fd(one.features, real.features, _to_counts(held, counts))
        found[name] = {"value": round(value.value, 4), "low": round(value.low, 4), "high": round(value.high, 4)}
    found["shares"] = {
        head: _shares(judge, head, ours, train.labels[head]) for head in judge.card["measured"]["confusion"]
    }
    if ours.identities is not None:
        found["identities"] = _identities(judge, ours.identities, train.labels["identity"])
    if generator.family == "flow":
        found["bits_per_dim"] = {
            name: _bits(generator, one.images) for name, one in (("train", train), ("heldout", held))
        }
    return found


def _to_counts(held: Images, counts: list[int] | None) -> np.ndarray:
    """Weights (N,), sum 1, that give held-out images the categories' proportions in `counts`; None: as they are."""
    category = held.labels.get("category")
    each = np.ones(len(held)) if counts is None else (np.array(counts) / np.bincount(category))[category]
    return each / each.sum()


def _shares(judge: Judge, head: str, view: Any, truth: np.ndarray) -> dict[str, list[float]]:
    confusion = np.array(judge.card["measured"]["confusion"][head])
    shares = metrics.shares(view.labels[head], confusion)
    return _beside(np.bincount(truth, minlength=len(confusion)) / len(truth), shares.estimates)


def _identities(judge: Judge, similarity: np.ndarray, truth: np.ndarray) -> dict[str, list[float]]:
    """Corrected share of each person among the samples, beside the data's."""
    measured = judge.card["measured"]
    people = len(measured["accepts"])
    accepted = similarity[:, :people] >= measured["threshold"]
    shares = [metrics.identity_share(accepted[:, p], np.array(measured["accepts"][p])) for p in range(people)]
    return _beside(np.bincount(truth, minlength=people) / len(truth), shares)


def _beside(data_shares: np.ndarray, shares: Iterable[metrics.Estimate]) -> dict[str, list[float]]:
    """The data's shares beside the generated ones with their intervals."""
    found = {"data": np.round(data_shares, 4).tolist()}
    for key, end in (("generated", "value"), ("low", "low"), ("high", "high")):
        found[key] = [round(getattr(one, end), 4) for one in shares]
    return found


@torch.no_grad()
def _bits(flow: Any, images: np.ndarray) -> float:
    flow.module.eval()
    rng = torch.Generator().manual_seed(0)
    parts = torch.from_numpy(images[:2000]).split(250)
    return round(float(torch.cat([flow.bits_per_dim(part, rng) for part in parts]).mean()), 4)
