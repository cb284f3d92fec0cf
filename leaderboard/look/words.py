"""The board's words for tasks, families, access and status: one function a fact, so that no page names a task."""

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from retouch.benchmark import generators, joint, tasks
from retouch.benchmark.data.faces import NAMES

NEEDS = {
    "weights": "the weights",
    "gradients": "gradients through the generator",
    "discriminator": "the GAN's discriminator",
    "training_data": "the training data",
    "forget_images": "images of what must go",
    "labelled_images": "a labelled set",
    "classifier": "a classifier",
    "retraining": "training from scratch",
    "retrained": "the finished control",
    "outside_data": "data of its own",
    "outside_weights": "weights of its own",
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
    "samples_only": "samples only",
    "below_floor": "below the quality floor",
    "over_budget": "over budget",
    "over_sampling": "sampling costs too much",
    "uncounted": "work that was not counted",
    "copies": "copies of training images",
    "borrowed": "the control’s weights",
    "replaced": "no edit of the base",
    "imperceptible_change": "a change that nobody sees",
}
STANDINGS = {
    "claimed": "Claimed by their authors and not verified yet: no rank",
    "disputed": "Disputed, since a second run came out differently: no rank",
    "incomplete": "Incomplete, since runs are missing or do not count: no rank",
    "control": "Controls, which mark the scale",
}


def _of_task(task: str, name: str, unknown: str) -> str:
    """A word of a task's own module; `unknown` for a task that is not known here."""
    return getattr(tasks.module(task), name) if task in tasks.names() else unknown


HISTORY = ("Each submission by its best point, on the day of its newest record. Bold: the best that was ranked so "
           "far. Open: not ranked. Every version begins anew, since its scores cannot be compared.")  # fmt: skip
NOBODY = "Nobody is ranked on all tasks of this family with at least one other, so there is no order across them."
ACROSS = ("Points: the share of the others that a method stands above, half for those with which it shares a rank; "
          "the mean over all tasks of the family. Only methods that are ranked on every one are in it.")  # fmt: skip
WALL = ("Each column is one latent, each row what a method makes of it; under each image the judge’s verdict, bold "
        "where it differs from the base’s. A method that draws again, as rejection does, keeps no latent: its "
        "images are others.")  # fmt: skip
TRADEOFFS = ("A change can always be had at the price of the images. Better is always up and to the right; what is "
             "close to the best is drawn apart, by what it lacks. The bold line is the Pareto front.")  # fmt: skip
LINES = ("Thin lines: 95% intervals; band: the front of their ends. Marker area: cost{largest}. Coloured lines join a "
         "submission’s operating points along its strength; open marks are variants. Grey: controls. Click or tap a "
         "point for its pictures.")  # fmt: skip
ELSEWHERE = "This track’s data do not ship: its pictures are shown only on a machine that holds them."
ALL = "all"  # in the place of a task: all of them
OLDER = "Records of {}. Today’s version scores otherwise: numbers of two versions cannot be compared."


def task_title(task: str) -> str:
    """A task's title; one that is not known here is called by its name."""
    if task == ALL:
        return "All tasks"
    return _of_task(task, "TITLE", task.replace("_", " ").capitalize())


def question(task: str) -> str:
    """What a task asks for, in two sentences; empty for one that is not known here."""
    return _of_task(task, "REQUEST", "")


def reveals(task: str) -> str:
    """What a method sees of a task; empty for one that is not known here."""
    return _of_task(task, "REVEALS", "")


def goal_scale(task: str) -> str:
    """Where a task's goal is 0 and where it is 1; empty for one that is not known here."""
    return _of_task(task, "GOAL_TEXT", "")


def primary(task: str) -> str:
    """The raw number that a task's goal is made of; the kernel distance for a task that is not known here."""
    return _of_task(task, "GOAL", "kd")


def ahead(task: str) -> str:
    """What a method with the higher goal does better."""
    return _of_task(task, "AHEAD", "reaches more of the goal")


def presets() -> dict[str, tuple[str, str]]:
    """Pairs of numbers worth drawing against each other: title -> across, up; empty names are for the visitor."""
    own = {title: (across, up) for title, across, up in (tasks.module(task).TRADEOFF for task in tasks.names())}
    return {"Goal against quality": ("goal", "quality"), "Goal against cost": ("goal", "share"),
            "Goal before and after attack": ("goal", "goal_after"), **own, "Any against any": ("", "")}  # fmt: skip


def family_title(family: str) -> str:
    """A family's title."""
    return generators.title(family) if family != "other" else "Other"


def need(name: str) -> str:
    """What a manifest's access asks for, in words."""
    return NEEDS.get(name, name)


def owned(name: str) -> str:
    """What a practitioner has, in words."""
    return OWNED.get(name, name)


def status(name: str) -> str:
    """A record's status in words."""
    return STATUS.get(name, name)


def standing(name: str) -> str:
    """Why rows of a standing have no rank, a line of their own in a table."""
    return STANDINGS.get(name, "Ranked")


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
