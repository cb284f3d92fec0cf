"""A small guide, images of two kinds, and a task of them."""

from pathlib import Path

import numpy as np
import torch
from small import reveal
from torch.nn import functional as F

from retouch.benchmark.generators.gan import to_float
from retouch.benchmark.judges import Classifier
from retouch.benchmark.task import Task

HEADS = {"trunk": "plain", "channels": 1, "size": 8, "heads": {"category": 2}, "width": 4, "features": 6}


def kind(which, n):
    """uint8 (n, 1, 8, 8): the left half bright (0) or the right half (1)."""
    rng = np.random.default_rng(which)
    images = rng.integers(0, 60, (n, 1, 8, 8))
    images[..., slice(4 * which, 4 * which + 4)] += 150
    return torch.from_numpy(images.astype(np.uint8))


def share_of_right(images):
    return (images[..., 4:].float().mean((1, 2, 3)) > images[..., :4].float().mean((1, 2, 3))).float().mean().item()


def random_guide(bias=0.0):
    """A classifier with random weights, its decisions pushed towards category 1 by `bias`."""
    torch.manual_seed(1)
    network = Classifier(**HEADS)
    network.heads["category"].bias.data += torch.tensor([0.0, bias])
    return network


def trained_guide():
    """A classifier that tells the kinds apart."""
    network = random_guide()
    images, labels = torch.cat([kind(0, 50), kind(1, 50)]), torch.arange(2).repeat_interleave(50)
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    for _ in range(40):
        optimizer.zero_grad()
        F.cross_entropy(network(to_float(images))["category"], labels).backward()
        optimizer.step()
    return network


def write_task(folder: Path, target: dict | None = None, **given) -> Task:
    """A task that reveals `given`: retain, forget, guide."""
    return reveal(folder, None, "category_redaction", target or {"attribute": "category", "values": [1]}, **given)
