"""output_diversity: a generator trained on unevenly filled data should stop neglecting what is rare in it.

target = { attribute }: the categories whose mix is uneven; methods that work without labels do not need it. Goal: Vendi
score of the samples in the second encoder's space, from the base's to that of evenly filled held-out data.
Must stay: quality against an evenly filled reference, the categories weighted to an even mix.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from retouch import metrics
from retouch.benchmark.data.images import Images
from retouch.benchmark.joint import size
from retouch.benchmark.question import Question
from retouch.benchmark.setup import Setup
from retouch.benchmark.tasks import Start
from retouch.benchmark.tasks.view import Groups, View, share_table, unclear

TITLE = "Output diversity"
SUMMARY = "a generator trained on unevenly filled data should stop neglecting what is rare in it"
REQUEST = (
    "The generator under-produces what is rare in its data. Its output should become as diverse as "
    "an evenly filled reference, without losing quality."
)
REVEALS = "training images, the guide"
ASKS: dict[str, str] = {}
GOAL = "vendi"
GOAL_TEXT = "goal: how far the Vendi score rose, from the base's (0) to that of evenly filled held-out data (1)"
IDEAL = None
AHEAD = "adds more diversity"
TRADEOFF = ("Diversity against precision", "vendi", "precision")
ORDERS = {"vendi": 1, "vendi_0.5": 0.5, "vendi_2": 2, "vendi_inf": np.inf}
START = Start(
    "Continues the pre-training with every category drawn equally often.",
    ("training_data", "classifier"),
    'torch.ones(task.guide.probs(images[:1], task.target["attribute"]).shape[1])',
)


def reveal(setup: Setup) -> dict[str, Images]:
    """The training images, without labels."""
    return {"retain": setup.training()}


def reference(setup: Setup) -> Images:
    """Held-out images, evenly filled."""
    return setup.held_out()


def questions(setup: Setup, judge: Any, seed: int, noise: int) -> list[Question]:
    """Nothing beside samples."""
    return []


def keep(setup: Setup, view: View) -> Groups:
    """The categories, evenly filled."""
    return view.groups(setup.target["attribute"], _even(setup, view))


def worth(setup: Setup, view: View) -> np.ndarray:
    """More where a category is lacking in the base."""
    return view.lack(setup.target["attribute"], _even(setup, view))


def _even(setup: Setup, view: View) -> np.ndarray:
    classes = size(setup.target["attribute"], view.judge.sizes)
    return np.full(classes, 1 / classes)


def measure(setup: Setup, view: View) -> tuple[dict[str, metrics.Estimate], dict[str, Any]]:
    """Vendi scores of four orders; entropy of the categories, in nats, and the rarest one's share."""
    attribute = setup.target["attribute"]
    shares, base = view.shares(attribute), view.base_shares(attribute)
    estimates = {"entropy": metrics.entropy(shares), "rarest_share": min(shares, key=lambda share: share.value)}
    estimates |= vendi_scores(view.spaces[-1].features) | unclear(view.votes(attribute))
    even = [1 / len(shares.values)] * len(shares.values)
    return estimates, {"shares": share_table(attribute, shares, base, even)}


def vendi_scores(features: np.ndarray) -> dict[str, metrics.Estimate]:
    """Vendi scores of features (N, F) by the names that `metrics.suite` gives them."""
    return {name: metrics.vendi(features, q) for name, q in ORDERS.items()}
