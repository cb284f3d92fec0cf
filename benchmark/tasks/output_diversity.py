"""output_diversity: a generator trained on unevenly filled data should stop neglecting what is rare in it.

target = { attribute }: the categories whose mix is uneven; methods that work without labels do not need it. Goal: Vendi
score of the samples in the judge's features, from the base's to that of a generator trained on evenly filled data.
Must stay: quality against an evenly filled reference, the categories weighted to an even mix.
"""

from typing import Any

import numpy as np

from retouch import metrics
from retouch.benchmark.data.images import Images
from retouch.benchmark.tasks import View, held_out, training
from retouch.benchmark.tasks.attribute_rebalancing import group_weights
from retouch.benchmark.tasks.category_redaction import share_table
from retouch.benchmark.tracks import Instance

SUMMARY = "a generator trained on unevenly filled data should stop neglecting what is rare in it"
GOAL = "vendi"


def reveal(instance: Instance) -> dict[str, Images]:
    """The training images, without labels."""
    return {"retain": training(instance)}


def reference(instance: Instance) -> Images:
    """Held-out images, evenly filled."""
    return held_out(instance.base)


def keep(instance: Instance, view: View) -> np.ndarray:
    """Weights with which the categories are evenly filled."""
    labels = view.verdict.labels[instance.target["attribute"]]
    classes = len(view.confusion(instance.target["attribute"]))
    return group_weights(labels, np.full(classes, 1 / classes))


def measure(instance: Instance, view: View) -> tuple[dict[str, metrics.Estimate], dict[str, Any]]:
    """entropy of the categories, in nats, and the rarest one's share; the Vendi scores come with the features."""
    attribute = instance.target["attribute"]
    confusion = view.confusion(attribute)
    shares = metrics.shares(view.verdict.labels[attribute], confusion)
    base = metrics.shares(np.array(view.base[attribute]), confusion)
    found = {"entropy": metrics.entropy(shares), "rarest_share": min(shares, key=lambda one: one.value)}
    even = [1 / len(confusion)] * len(confusion)
    return found, {"shares": share_table(attribute, shares, base, even)}
