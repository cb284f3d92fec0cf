"""category_redaction: images of some categories must not be produced any more; what else the generator does stays.

target = { attribute, values }: the categories to redact; of several attributes, [a, b], the cells of their joint table
in row-major order, so that an intersection goes and either alone stays; `removed`: what earlier requests took out.
Goal: invalidity, the corrected share of samples in `values`. Must stay: quality on the other images, the mix of the
other categories, and every one of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from retouch import metrics
from retouch.benchmark.data.images import Images
from retouch.benchmark.question import Question
from retouch.benchmark.setup import Setup
from retouch.benchmark.tasks import Start, prompts
from retouch.benchmark.tasks.view import View, share_table, two_classes, unclear

TITLE = "Category redaction"
SUMMARY = "images of a category must not be produced any more; everything else stays"
REQUEST = "One category must not be produced any more. Whatever else the generator can make stays, in the same mix."
REVEALS = "images of the category, all other images, the guide"
ASKS: dict[str, str] = {}
GOAL = "invalidity"
GOAL_TEXT = "goal: how far the category's share fell, from the base's (0) to none (1)"
IDEAL = 0.0
AHEAD = "redacts more"
TRADEOFF = ("Invalidity against Fréchet distance", "invalidity", "fd")
START = Start("Continues the pre-training on the images that may stay.", ("training_data",))


def reveal(setup: Setup) -> dict[str, Images]:
    """The training images, those of the redacted categories apart."""
    images = setup.training()
    unwanted = _unwanted(setup, setup.values(images))
    if not unwanted.any():
        raise ValueError(f"{setup.instance.name}: no training image shows {setup.target['attribute']} "
                         f"{setup.target['values']}; bring some, or name another in `target`")  # fmt: skip
    return {"forget": images[unwanted], "retain": images[~_gone(setup, setup.values(images))]}


def reference(setup: Setup) -> Images:
    """Held-out images of the other categories."""
    images = setup.held_out()
    return images[~_gone(setup, setup.values(images))]


def questions(setup: Setup, judge: Any, seed: int, noise: int) -> list[Question]:
    """Images of the prompts that the target names, if it does."""
    return prompts.questions(setup, noise)


def keep(setup: Setup, view: View) -> np.ndarray:
    """0 for every image that all judges find in the redacted categories, else 1."""
    return (~_gone(setup, view.votes(setup.target["attribute"])).all(0)).astype(float)


def worth(setup: Setup, view: View) -> np.ndarray:
    """1 for every image that may stay."""
    return keep(setup, view)


def remaining(setup: Setup, view: View) -> metrics.Estimate:
    """invalidity."""
    return metrics.voted_share(_unwanted(setup, view.votes(setup.target["attribute"])), _two_classes(setup, view))


def measure(setup: Setup, view: View) -> tuple[dict[str, metrics.Estimate], dict[str, Any]]:
    """invalidity, mix_distance to the base's mix of the rest, rarest_share among the rest."""
    attribute = setup.target["attribute"]
    confusion = view.confusion(attribute)
    shares, base = view.shares(attribute), view.base_shares(attribute)
    others = [c for c in range(len(confusion)) if c not in setup.gone]
    estimates = {
        "invalidity": remaining(setup, view),
        **unclear(_unwanted(setup, view.votes(attribute))),
        "rarest_share": min((shares[c] for c in others), key=lambda share: share.value),
    }
    if len(others) > 1 and shares.values[others].sum() > 0:
        estimates["mix_distance"] = metrics.total_variation(shares, base, drop=tuple(setup.gone))
    within, table = prompts.measure(setup, view)
    return estimates | within, {"shares": share_table(attribute, shares, base)} | table


def _two_classes(setup: Setup, view: View) -> np.ndarray:
    """The judges' counts on held-out images (2, 3): others and redacted categories by no, yes, unclear.

    Judges who disagree about which of the others an image shows agree that it is none of the redacted ones, and the
    table by category cannot tell: how they see the others is counted on the reference, which holds no redacted image.
    """
    attribute = setup.target["attribute"]
    table = two_classes(view.confusion(attribute), tuple(setup.target["values"]))
    seen = _unwanted(setup, view.votes(attribute, real=True))
    if len(seen) > 1:
        table[0] = np.bincount(metrics.agreed(seen.astype(int), 2), minlength=3)
    return table


def _gone(setup: Setup, labels: np.ndarray) -> np.ndarray:
    return np.isin(labels, setup.gone)


def _unwanted(setup: Setup, labels: np.ndarray) -> np.ndarray:
    return np.isin(labels, setup.target["values"])
