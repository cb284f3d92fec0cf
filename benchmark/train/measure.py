"""What a card says was measured: a judge's errors, a base's distance to held-out data and its shares."""

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

FALSE_ACCEPTS = 0.001
HELD_OUT, SAMPLES = 6000, 2000


def measure_judge(judge: Judge, plan: dict[str, Any]) -> dict[str, Any]:
    """Accuracy and confusion counts of every head on held-out images; for identities the recogniser's threshold.

    The threshold lets 0.1% of held-out images of other people of the data pass as any one person; `accepts` counts, for
    each person, (2, 2): rows other / this person, columns refused / accepted.
    """
    held = data.load(plan["data"] | {"n": HELD_OUT} if "n" in plan["data"] else plan["data"], "heldout")
    view = judge.look(held.images)
    found: dict[str, Any] = {"accuracy": {}, "confusion": {}, "images": len(held)}
    for head, assigned in view.labels.items():
        if head == "identity":
            continue
        truth = held.labels[head]
        classes = judge.card["config"]["heads"][head]
        found["accuracy"][head] = round(float((assigned == truth).mean()), 5)
        found["confusion"][head] = np.histogram2d(truth, assigned, [np.arange(classes + 1)] * 2)[0].astype(int).tolist()
    if view.identities is not None:
        found |= _verification(view.identities, held.labels["identity"], len(held.names["identity"]), judge, plan)
    return found


def _verification(
    similarity: np.ndarray, who: np.ndarray, people: int, judge: Judge, plan: dict[str, Any]
) -> dict[str, Any]:
    same = who[:, None] == np.arange(people)
    similarity = similarity[:, :people]
    threshold = float(np.quantile(similarity[~same], 1 - FALSE_ACCEPTS))
    accepted = similarity >= threshold
    accepts = [[[int((a == want)[same[:, p] == truth].sum()) for want in (False, True)] for truth in (False, True)]
               for p in range(people) for a in (accepted[:, p],)]  # fmt: skip
    strangers = judge.look(data.load(plan["data"] | {"n": HELD_OUT, "start": 20_000}, "strangers").images)
    return {
        "threshold": round(threshold, 6),
        "true_accepts": round(float(accepted[same].mean()), 5),
        "false_accepts": round(float(accepted[~same].mean()), 6),
        "false_accepts_strangers": round(float((strangers.identities[:, :people] >= threshold).mean()), 6),
        "nearest_is_right": round(float((similarity.argmax(1) == who).mean()), 5),
        "accepts": accepts,
    }


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
