"""A task on disk, as the harness lays it out, from a generator, a guide and images."""

import json
from pathlib import Path

import numpy as np
from torch import Tensor

from benchmark.generators.base import Generator
from benchmark.judges import Classifier, Judge
from benchmark.task import Task
from benchmark.weights import sha256


def make_task(folder: Path, generator: Generator, guide: Classifier, retain: Tensor, target: dict) -> Task:
    """A Task that reveals the guide and the training images."""
    generator.save(folder / "base", half=False)
    _card(folder / "base", family=generator.family, config=generator.config, recipe={"lr": generator.lr})
    Judge(guide, {}).save(folder / "guide")
    config = {"trunk": "plain", "channels": retain.shape[1], "size": retain.shape[2]}
    config |= {"width": guide.trunk[0].out_channels, "features": guide.trunk[-1].out_features}
    _card(folder / "guide", config=config | {"heads": {name: one.out_features for name, one in guide.heads.items()}})
    np.save(folder / "retain.npy", retain.numpy())
    told = {"kind": "attribute_rebalancing", "target": target, "access": ["training_data", "classifier"], "seed": 0}
    (folder / "task.json").write_text(json.dumps(told | {"device": "cpu"}))
    return Task(folder)


def _card(folder: Path, **entries: object) -> None:
    (folder / "card.json").write_text(json.dumps(entries | {"sha256": sha256(folder)}))
