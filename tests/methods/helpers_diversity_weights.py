"""A task folder as the harness lays it out, small generators, and images of two kinds."""

import json
from pathlib import Path

import numpy as np
import torch

from benchmark import weights
from benchmark.judges import Classifier, Judge
from benchmark.task import Task


def two_kinds(common=54, rare=6):
    """uint8 (N, 1, 8, 8): the left half bright in the common ones, which come first, the right half in the rare."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 60, (common + rare, 1, 8, 8))
    images[:common, ..., :4] += 150
    images[common:, ..., 4:] += 150
    return torch.from_numpy(images.astype(np.uint8))


def guide(sign=1):
    """A classifier with random weights; -1 turns every one of its decisions round and leaves its features alone."""
    torch.manual_seed(1)
    network = Classifier("plain", 1, 8, {"category": 2}, width=4, features=6)
    for value in network.heads["category"].parameters():
        value.data *= sign
    return network


def write_task(folder: Path, images, network=None, seed=0) -> Task:
    """Lay out FOLDER with the training images, and with a guide if there is one, and open it."""
    folder.mkdir()
    access = ["training_data"] + (["classifier"] if network is not None else [])
    told = {"kind": "output_diversity", "target": {"attribute": "category"}, "device": "cpu", "seed": seed}
    (folder / "task.json").write_text(json.dumps({**told, "access": access}))
    np.save(folder / "retain.npy", images.numpy())
    if network is not None:
        config = {"trunk": "plain", "channels": 1, "size": 8, "heads": {"category": 2}, "width": 4, "features": 6}
        Judge(network, {}).save(folder / "guide")
        card = {"config": config, "sha256": weights.sha256(folder / "guide")}
        (folder / "guide" / "card.json").write_text(json.dumps(card))
    return Task(folder)
