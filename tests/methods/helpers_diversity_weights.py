"""A small guide, images of two kinds, and a task of them."""

from pathlib import Path

import numpy as np
import torch
from small import reveal

from retouch.benchmark.judges import Classifier
from retouch.benchmark.task import Task


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


def write_task(folder: Path, images, network=None) -> Task:
    """A task that reveals the training images, and a guide if there is one."""
    return reveal(folder, None, "output_diversity", {"attribute": "category"}, network, retain=images)
