"""The board's words for tasks, families, access and status: one function a fact, so that no page names a task."""

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from retouch.benchmark import joint
from retouch.benchmark.cli.show import REVEALS
from retouch.benchmark.data.faces import NAMES

TITLES = {
    "identity_removal": "Identity removal",
    "category_redaction": "Category redaction",
    "attribute_rebalancing": "Attribute rebalancing",
    "output_diversity": "Output diversity",
}
QUESTIONS = {
    "identity_removal": "A person who is over-represented in the training data asks to be taken out of the generator. "
    "Nobody may recognise this person among its images any more; everybody else stays.",
    "category_redaction": "One category must not be produced any more. Whatever else the generator can make stays, "
    "in the same mix.",
    "attribute_rebalancing": "The generator repeats or amplifies a bias of its training data. Its output should follow "
    "the stated target distribution, and nothing else should move.",
    "output_diversity": "The generator under-produces what is rare in its data. Its output should become as diverse as "
    "an evenly filled reference, without losing quality.",
}
GOALS = {
    "identity_removal": "goal: how far the person's share fell, from the base's (0) to the retrained model's (1)",
    "category_redaction": "goal: how far the category's share fell, from the base's (0) to the retrained model's (1)",
    "attribute_rebalancing": "goal: how near the shares came to the target, from the base (0) to retraining (1)",
    "output_diversity": "goal: how far the Vendi score rose, from the base's (0) to the evenly trained model's (1)",
}
PRIMARY = {
    "identity_removal": "identity_share",
    "category_redaction": "invalidity",
    "attribute_rebalancing": "fairness_discrepancy",
    "output_diversity": "vendi",
}
AHEAD = {
    "identity_removal": "removes more of the person",
    "category_redaction": "redacts more",
    "attribute_rebalancing": "comes closer to the target",
    "output_diversity": "adds more diversity",
}
PRESETS = {
    "Goal against quality": ("goal", "quality"),
    "Identity left against Fréchet distance": ("identity_share", "fd"),
    "Invalidity against Fréchet distance": ("invalidity", "fd"),
    "Fairness against Fréchet distance": ("fairness_discrepancy", "fd"),
    "Diversity against precision": ("vendi", "precision"),
    "Any against any": ("", ""),
}
FAMILIES = {"flow": "Flows", "gan": "GANs", "diffusion": "Diffusion", "other": "Other"}
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
OWNED = {  # `rank.choose.HAVE` in words
    "weights": "the weights",
    "discriminator": "the GAN’s discriminator",
    "training_data": "the training data",
    "forget_images": "images of what must go",
    "labelled_images": "a labelled set",
    "classifier": "a classifier",
    "retraining": "time to train from scratch",
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


def task_title(task: str) -> str:
    """A task's title; one that is not known here is called by its name."""
    return TITLES.get(task, task.replace("_", " ").capitalize())


def question(task: str) -> str:
    """What a task asks for, in two sentences; empty for one that is not known here."""
    return QUESTIONS.get(task, "")


def reveals(task: str) -> str:
    """What a method sees of a task; empty for one that is not known here."""
    return REVEALS[task][0] if task in REVEALS else ""


def goal_scale(task: str) -> str:
    """Where a task's goal is 0 and where it is 1; empty for one that is not known here."""
    return GOALS.get(task, "")


def primary(task: str) -> str:
    """The raw number that a task's goal is made of; the kernel distance for a task that is not known here."""
    return PRIMARY.get(task, "kd")


def ahead(task: str) -> str:
    """What a method with the higher goal does better."""
    return AHEAD.get(task, "reaches more of the goal")


def presets() -> dict[str, tuple[str, str]]:
    """Pairs of numbers worth drawing against each other: title -> across, up; empty names are for the visitor."""
    return PRESETS


def family_title(family: str) -> str:
    """A family's title."""
    return FAMILIES.get(family, family)


def need(name: str) -> str:
    """What a manifest's access asks for, in words."""
    return NEEDS.get(name, name)


def owned(name: str) -> str:
    """What a practitioner has, in words."""
    return OWNED.get(name, name)


def status(name: str) -> str:
    """A record's status in words."""
    return STATUS.get(name, name)


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


def target(spec: Mapping[str, Any]) -> str:
    """What an instance asks for: "category: 8", "no glasses 50%; glasses 50%", "person 0, from 15 images"."""
    name = joint.key(spec.get("attribute", ""))
    if "shares" in spec:
        cells = enumerate(np.ravel(spec["shares"]).tolist())
        return "; ".join(f"{label(name, i)} {100 * share:g}%" for i, share in cells)
    values = ", ".join(label(name, value) for value in spec.get("values", [])) or "an even mix of all classes"
    images = f", from {spec['forget_images']} images" if "forget_images" in spec else ""
    return f"{values if name == 'identity' else f'{name}: {values}'}{images}"
