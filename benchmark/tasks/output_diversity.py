"""output_diversity: a generator trained on unevenly filled data should stop neglecting what is rare in it.

target = { attribute }: the categories whose mix is uneven; methods that work without labels do not need it. Goal: Vendi
score, in the second encoder's space, of those samples that are plausible, from the base's to that of evenly filled
held-out data. Plausible is what lies as near to a held-out image as this one's fifth neighbour, in the space of each
encoder and in pixels: of all samples, noise in one image of ten buys more than half of the way.
Must stay: quality against an evenly filled reference, the categories weighted to an even mix.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from retouch import metrics
from retouch.benchmark import joint
from retouch.benchmark.data import outside
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
GOAL = "plausible_vendi"
GOAL_TEXT = (
    "goal: how far the Vendi score of plausible images rose, from the base's (0) to that of even held-out data (1)"
)
IDEAL = None
AHEAD = "adds more diversity"
TRADEOFF = ("Diversity against precision", "plausible_vendi", "precision")
ORDERS = {"vendi": 1, "vendi_0.5": 0.5, "vendi_2": 2, "vendi_inf": np.inf}
SIDE = 8  # pixels to which images are averaged where they are compared as they are
FEW = 50  # plausible images, below which there is no diversity to speak of
START = Start(
    "Continues the pre-training with every category drawn equally often.",
    ("training_data", "classifier"),
    'torch.ones(task.guide.probs(images[:1], task.target["attribute"]).shape[1])',
)


def reveal(setup: Setup) -> dict[str, Images]:
    """The training images, without labels."""
    return {"retain": setup.training()}


def reference(setup: Setup) -> Images:
    """Held-out images, evenly filled; of real ones as many of each class as the rarest has."""
    if setup.data["name"] not in outside.entries():
        return setup.held_out()
    names = joint.names(setup.target["attribute"])
    sizes = [len(setup.held_out().names[name]) for name in names]
    return setup.held_out(target={",".join(names): np.ones(sizes).tolist()})


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
    """Vendi scores of four orders and of plausible images; entropy of the categories, in nats; the rarest's share."""
    attribute = setup.target["attribute"]
    shares, base = view.shares(attribute), view.base_shares(attribute)
    estimates = {"entropy": metrics.entropy(shares), "rarest_share": min(shares, key=lambda share: share.value)}
    features = view.spaces[-1].features
    estimates |= vendi_scores(features) | {GOAL: plausible_vendi(features, plausible(setup, view))}
    estimates |= unclear(view.votes(attribute))
    even = [1 / len(shares.values)] * len(shares.values)
    return estimates, {"shares": share_table(attribute, shares, base, even)}


def vendi_scores(features: np.ndarray) -> dict[str, metrics.Estimate]:
    """Vendi scores of features (N, F) by the names that `metrics.suite` gives them."""
    return {name: metrics.vendi(features, q) for name, q in ORDERS.items()}


def plausible_vendi(features: np.ndarray, rows: np.ndarray) -> metrics.Estimate:
    """Vendi score of the features (N, F) of plausible images, bool (N,); of hardly any, anything up to 1."""
    return metrics.vendi(features[rows]) if rows.sum() >= FEW else metrics.Estimate(0.0, 0.0, 1.0, len(rows))


def plausible(setup: Setup, view: View) -> np.ndarray:
    """Which samples lie near a held-out image in every encoder's space, and in pixels, which noise never is, (N,)."""
    images, real = (seen_from_afar(these) for these in (view.answers["samples"], reference(setup).images))
    near = [metrics.precise(space.features, space.reference) for space in view.spaces]
    return np.logical_and.reduce([metrics.precise(images, real), *near])


def seen_from_afar(images: np.ndarray) -> np.ndarray:
    """Images (N, C, H, W) averaged to about SIDE pixels a side, as rows float32 (N, C h w)."""
    block = max(1, images.shape[-1] // SIDE)
    side = images.shape[-1] // block
    whole = images[..., : side * block, : side * block].astype(np.float32)
    return whole.reshape(*images.shape[:2], side, block, side, block).mean((3, 5)).reshape(len(images), -1)
