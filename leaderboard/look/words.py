"""The board's words: titles and sentences for tasks, families, access, status and metrics."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from retouch import metrics
from retouch.benchmark import joint
from retouch.benchmark.cli.show import REVEALS
from retouch.benchmark.data.faces import NAMES

TASKS = {
    "identity_removal": "Identity removal",
    "category_redaction": "Category redaction",
    "attribute_rebalancing": "Attribute rebalancing",
    "output_diversity": "Output diversity",
}
ASKED = {
    "identity_removal": "A person who is over-represented in the training data asks to be taken out of the generator. "
    "Nobody may recognise this person among its images any more; everybody else stays.",
    "category_redaction": "One category must not be produced any more. Whatever else the generator can make stays, "
    "in the same mix.",
    "attribute_rebalancing": "The generator repeats or amplifies a bias of its training data. Its output should follow "
    "the stated target distribution, and nothing else should move.",
    "output_diversity": "The generator under-produces what is rare in its data. Its output should become as diverse as "
    "an evenly filled reference, without losing quality.",
}
REVEALED = {name: reveals for name, (reveals, _) in REVEALS.items()}
GOAL = {
    "identity_removal": "goal: how far the person's share fell, from the base's (0) to the retrained model's (1)",
    "category_redaction": "goal: how far the category's share fell, from the base's (0) to the retrained model's (1)",
    "attribute_rebalancing": "goal: how near the shares came to the target, from the base (0) to retraining (1)",
    "output_diversity": "goal: how far the Vendi score rose, from the base's (0) to the evenly trained model's (1)",
}
FAMILIES = {"flow": "Flows", "gan": "GANs", "diffusion": "Diffusion", "other": "Other"}
PRIMARY = {
    "identity_removal": "identity_share",
    "category_redaction": "invalidity",
    "attribute_rebalancing": "fairness_discrepancy",
    "output_diversity": "vendi",
}
PRESETS = {
    "Goal against quality": ("goal", "quality"),
    "Identity left against Fréchet distance": ("identity_share", "fd"),
    "Invalidity against Fréchet distance": ("invalidity", "fd"),
    "Fairness against Fréchet distance": ("fairness_discrepancy", "fd"),
    "Diversity against precision": ("vendi", "precision"),
    "Any against any": ("", ""),
}
NEEDS = {
    "weights": "the weights",
    "gradients": "gradients through the generator",
    "discriminator": "the GAN's discriminator",
    "training_data": "the training data",
    "forget_images": "images of what must go",
    "labelled_images": "a labelled set",
    "classifier": "a classifier",
    "retraining": "training from scratch",
}
STATUS = {
    "ok": "ok",
    "samples_only": "samples only",
    "below_floor": "below the quality floor",
    "over_budget": "over budget",
    "failed": "failed",
    "missing": "missing",
    "stale": "stale",
}
FIELDS = {  # columns that are no raw metrics -> how `metrics.MEANING` calls them
    "goal": "goal",
    "quality": "quality",
    "score": "score",
    "share": "cost.share",
    "sampling_relative": "cost.sampling_relative",
}
COUNTS = {  # columns that need no more than a title, a sentence and a direction
    "seconds": ("Seconds", "Wall-clock seconds inside the edit.", "down"),
    "peak_memory_mb": ("Memory", "Peak memory of the edit, in MB.", "down"),
    "gradient_steps": ("Steps", "Gradient steps that the edit took.", "down"),
}
ALIASES = {name: (key, title) for key, found in metrics.MEANING.items() for name, title in found.also}
UP = {"quantile_drop_forget", "quantile_drop_unseen"}
DOWN = {"quantile_drop_train", "quantile_drop_others", "quantile_drop_lookalikes"}


@dataclass(frozen=True)
class Entry:
    """What a number means, where it stands."""

    title: str
    meaning: str
    direction: str  # "up", "down" or "" where neither is better
    range: str = ""
    distrust: str = ""
    source: str = ""


def label(attribute: str, value: object) -> str:
    """A class as words: "glasses" for glasses 1, "person 0", "8", "no hat, smile" for a cell of two attributes.

    Anything that is no known number stays as it stands.
    """
    if not isinstance(value, int) or isinstance(value, bool):
        return str(value)
    known = [NAMES.get(name, []) for name in attribute.split(", ")]
    if 0 <= value < prod(map(len, known)):
        places = np.unravel_index(value, [len(names) for names in known])
        return ", ".join(names[place] for names, place in zip(known, places, strict=True))
    return f"person {value}" if attribute == "identity" else str(value)


def target(asked: Mapping[str, Any]) -> str:
    """What an instance asks for: "category: 8", "no glasses 50%; glasses 50%", "person 0, from 15 images"."""
    name = joint.key(asked.get("attribute", ""))
    if "shares" in asked:
        cells = enumerate(np.ravel(asked["shares"]).tolist())
        return "; ".join(f"{label(name, i)} {100 * share:g}%" for i, share in cells)
    values = ", ".join(label(name, value) for value in asked.get("values", [])) or "an even mix of all classes"
    images = f", from {asked['forget_images']} images" if "forget_images" in asked else ""
    return f"{values if name == 'identity' else f'{name}: {values}'}{images}"


def entry(name: str) -> Entry:
    """The text for a column or a raw metric; a metric without one is shown by its name."""
    if name in COUNTS:
        return Entry(*COUNTS[name])
    key, own = ALIASES.get(name, (FIELDS.get(name, name), ""))
    found = metrics.MEANING.get(key)
    if found is None:
        return Entry(name.replace("_", " ").capitalize(), "A raw number that the record carries.", "")
    first = "up" if name in UP else "down" if name in DOWN else found.direction.split()[0]
    direction = first if first in ("up", "down") else ""
    return Entry(own or found.title, found.text, direction, found.range, found.distrust, found.source)


def arrow(name: str) -> str:
    """↑ or ↓ for the better direction, empty where neither is better."""
    return {"up": "↑", "down": "↓"}.get(entry(name).direction, "")


def title(name: str) -> str:
    """A column's title with its direction."""
    return f"{entry(name).title} {arrow(name)}".strip()
