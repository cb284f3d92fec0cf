"""category_redaction: images of some categories must not be produced any more; what else the generator does stays.

target = { attribute, values }: the categories to redact. Goal: invalidity, the corrected share of samples in them.
Must stay: quality on the other images, the mix of the other categories, and every one of them.
"""

from typing import Any

import numpy as np

from retouch import metrics
from retouch.benchmark.data.images import Images
from retouch.benchmark.tasks import View, held_out, training
from retouch.benchmark.tracks import Instance

SUMMARY = "images of a category must not be produced any more; everything else stays"
GOAL = "invalidity"


def reveal(instance: Instance) -> dict[str, Images]:
    """The training images, those of the redacted categories apart."""
    images = training(instance)
    unwanted = _unwanted(instance, images.labels[instance.target["attribute"]])
    return {"forget": images[unwanted], "retain": images[~unwanted]}


def reference(instance: Instance) -> Images:
    """Held-out images of the other categories."""
    images = held_out(instance.base)
    return images[~_unwanted(instance, images.labels[instance.target["attribute"]])]


def keep(instance: Instance, view: View) -> np.ndarray:
    """1 for every image that the judge finds outside the redacted categories."""
    return (~_unwanted(instance, view.verdict.labels[instance.target["attribute"]])).astype(float)


def measure(instance: Instance, view: View) -> tuple[dict[str, metrics.Estimate], dict[str, Any]]:
    """invalidity, mix_distance to the base's mix of the rest, rarest_share among the rest."""
    attribute, values = instance.target["attribute"], tuple(instance.target["values"])
    confusion = view.confusion(attribute)
    classes = len(confusion)
    labels = view.verdict.labels[attribute]
    shares = metrics.shares(labels, confusion)
    base = metrics.shares(np.array(view.base[attribute]), confusion)
    found = {
        "invalidity": metrics.invalidity(_unwanted(instance, labels), two_classes(confusion, values)),
        "rarest_share": min((shares[c] for c in range(classes) if c not in values), key=lambda one: one.value),
    }
    if shares.values[[c for c in range(classes) if c not in values]].sum() > 0:
        found["mix_distance"] = metrics.total_variation(shares, base, drop=values)
    return found, {"shares": share_table(attribute, shares, base)}


def _unwanted(instance: Instance, labels: np.ndarray) -> np.ndarray:
    return np.isin(labels, instance.target["values"])


def two_classes(confusion: np.ndarray, values: tuple[int, ...]) -> np.ndarray:
    """A confusion matrix (C, C) of counts as one of "others" and "these values" (2, 2)."""
    these = np.isin(np.arange(len(confusion)), values)
    return np.array([[confusion[np.ix_(a, b)].sum() for b in (~these, these)] for a in (~these, these)])


def share_table(
    attribute: str, shares: metrics.Shares, base: metrics.Shares, target: list[float] | None = None
) -> dict[str, Any]:
    """Shares by class as a record's details keep them."""
    return {
        "attribute": attribute,
        "values": [round(one.value, 5) for one in shares],
        "low": [round(one.low, 5) for one in shares],
        "high": [round(one.high, 5) for one in shares],
        "base": [round(one.value, 5) for one in base],
        "target": target,
    }
