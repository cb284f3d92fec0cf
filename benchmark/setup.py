"""An instance with all that it names, looked up once: its task's module, weights with their cards, and anchors."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from retouch.benchmark import data, joint
from retouch.benchmark.data.images import Images
from retouch.benchmark.support.cache import content_key, json_key
from retouch.benchmark.tracks import Instance, Track
from retouch.benchmark.weights import Weights

METRICS = "4"  # version of the metrics and of the scale's form; a change makes older records stale
WEIGHTS = (
    "base",
    "judge",
    "encoder",
    "second_encoder",
    "guide",
    "retrained",
)  # fields of an instance
WORDS = {"core", "unranked", "source", "licence", "gpu_memory_mb", "gpu_seconds"}  # fields that move no score
HELD_OUT = 3000  # held-out images of data sets that are drawn


@dataclass(frozen=True)
class Setup:
    """An instance with its task, weights and anchors. Made by `tasks.look_up`, then only read.

    Attributes:
        task: the module of its task; base, judge, encoder: checked weights; second_encoder, guide, retrained: the same,
            None where the instance names none, or where a submission's access does not reveal it.
        anchors: what the track's scale holds of it; empty before the scale is measured.
        draw: which held-out images are drawn, where a data set draws them: 0 the public ones.
        device: where judges and encoders look, and where the base answers.
    """

    track: Track
    instance: Instance
    task: ModuleType
    base: Weights
    judge: Weights
    encoder: Weights
    second_encoder: Weights | None
    guide: Weights | None
    retrained: Weights | None
    anchors: dict[str, Any]
    draw: int = 0
    device: str = "cpu"

    @property
    def target(self) -> dict[str, Any]:
        """What must change; its form is the task's."""
        return self.instance.target

    @property
    def goal(self) -> str:
        """The metric that becomes the goal."""
        return goal(self.task, self.target)[0]

    @property
    def encoders(self) -> list[Weights]:
        """Those in whose spaces images are compared, that of quality first."""
        return [encoder for encoder in (self.encoder, self.second_encoder) if encoder]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of the images."""
        return self.base.config["channels"], self.base.config["size"], self.base.config["size"]

    @property
    def where(self) -> list[str]:
        """What a cached file's name says of the device: nothing on a processor, whose digits all share."""
        return [] if self.device == "cpu" else [self.device]

    @property
    def data(self) -> dict[str, Any]:
        """The data that the base was trained on, as its recipe names them."""
        return dict(self.base.recipe["data"])

    @property
    def train_steps(self) -> int:
        """The budget, in training steps of the base."""
        return self.instance.steps or round(self.pretraining * (self.instance.share or 0))

    @property
    def pretraining(self) -> int:
        """The steps of the base's pre-training; 0 where nobody knows, and an instance has to state its budget.

        Raises:
            ValueError: an instance whose budget is a share of what nobody knows.
        """
        steps = self.base.recipe.get("steps", 0)
        if not (steps or self.instance.steps):
            card = self.base.folder / "card.json"
            raise ValueError(f"{self.instance.name}: share = {self.instance.share}, but {card} has no recipe.steps; "
                             "state `steps`, the budget in training steps")  # fmt: skip
        return steps

    def training(self) -> Images:
        """The images that the base was trained on."""
        return _training(json.dumps(self.data))

    def held_out(self, **design: Any) -> Images:
        """Held-out images of the base's data, or as `design` states; 3,000 of drawn data sets."""
        spec = self.data | design
        spec.pop("counts", None)  # an unevenly filled training set is no reason to hold out unevenly
        if "n" in spec:
            spec |= {"n": HELD_OUT, "start": HELD_OUT * self.draw}
        return data.load(spec, "heldout")

    def values(self, images: Images) -> np.ndarray:
        """Each image's value of the target's attribute, or its cell of several attributes' table, int64 (N,)."""
        attribute = self.target["attribute"]
        if isinstance(attribute, str):
            return images.labels[attribute]
        sizes = {name: len(table) for name, table in self.judge.card["measured"]["confusion"].items()}
        return joint.cells(images.labels, attribute, sizes)

    @property
    def gone(self) -> list[int]:
        """The values that must not be there: the target's, and those that earlier requests have `removed`."""
        return [*self.target["values"], *self.target.get("removed", [])]

    def data_sha256(self) -> str:
        """Hash of the training images and labels, as they are read or drawn here."""
        return _data_sha256(json.dumps(self.data))

    def hashes(self) -> dict[str, str]:
        """The hashes that a new record names, except those of the data, the method and its answers."""
        parts = {name: getattr(self, name) for name in WEIGHTS}
        unsaid = {name for name in ("steps",) if getattr(self.instance, name) is None}  # a newer field
        terms = self.instance.model_dump(mode="json", exclude=WORDS | unsaid)
        return {
            **{name: network.sha256 for name, network in parts.items() if network},
            "scale": json_key(self.anchors or None),
            "instance": json_key(terms | {"budget": self.track.max_minutes}),
        }


def goal(task: ModuleType, target: dict[str, Any]) -> tuple[str, float | None]:
    """The metric that becomes an instance's goal, and what it is where the request is wholly met: GOAL and IDEAL.

    Raises:
        ValueError: a target that goes by what the task does not know.
    """
    by, others = target.get("by"), getattr(task, "BY", {})
    if by is not None and by not in others:
        raise ValueError(f"target.by is {by!r}; {task.TITLE.lower()} knows {', '.join(others) or 'none'}")
    return (task.GOAL, task.IDEAL) if by is None else others[by]


def current_versions(track: Track, instance: Instance) -> dict[str, str]:
    """The versions that a new record names."""
    return {"track": track.version, "instance": instance.version, "metrics": METRICS}


@cache
def _training(spec: str) -> Images:
    """The training images that a data entry names, as JSON, read or drawn once a process."""
    return data.load(json.loads(spec), "train")


@cache
def _data_sha256(spec: str) -> str:
    images = _training(spec)
    return content_key(" ".join(images.labels), images.images, *images.labels.values())
