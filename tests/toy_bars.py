"""Bars across or down in three tones, a diffusion model that has seen them, a guide that knows them, tasks of both."""

from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from toy import reveal, rng

from retouch.benchmark.generators import family
from retouch.benchmark.generators.base import Generator
from retouch.benchmark.generators.gan import to_float
from retouch.benchmark.judges import Classifier
from retouch.benchmark.task import Task

UNET = {
    "channels": 1, "size": 8, "sampling_steps": 4, "block_out_channels": [8, 16], "layers_per_block": 1,
    "down_block_types": ["DownBlock2D"] * 2, "up_block_types": ["UpBlock2D"] * 2, "norm_num_groups": 4,
    "attention_head_dim": 8,
}  # fmt: skip
EVEN = {"attribute": "down", "shares": [0.5, 0.5]}  # the target: as many bars down as across


def images(n: int = 400, rare: float = 0.3) -> tuple[Tensor, dict[str, Tensor]]:
    """uint8 (n, 1, 8, 8), dim bars on a dark ground, across or, more rarely, down; and the labels `down` and `tone`."""
    bar = torch.rand(n, generator=rng(1)) < rare
    tone = torch.randint(0, 3, (n,), generator=rng(2))
    made = torch.full((n, 1, 8, 8), 20, dtype=torch.uint8)
    made[~bar, :, 3:5, :] = (120 + 60 * tone[~bar]).to(torch.uint8)[:, None, None, None]
    made[bar, :, :, 3:5] = (120 + 60 * tone[bar]).to(torch.uint8)[:, None, None, None]
    return made, {"down": bar.long(), "tone": tone}


@cache
def model() -> Generator:
    """A diffusion model that is hardly trained; to be copied, not changed."""
    torch.manual_seed(0)
    made = family("diffusion")(UNET)
    for _ in range(5):
        made.train_step(images(64)[0])
    return made


@cache
def guide() -> Classifier:
    """A classifier that has learned to tell the bars apart."""
    torch.manual_seed(0)
    network = Classifier("plain", 1, 8, {"down": 2, "tone": 3}, width=8, features=16)
    bars, labels = images()
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(150):
        logits = network(to_float(bars))
        optimizer.zero_grad()
        sum(F.cross_entropy(logits[name], labels[name]) for name in labels).backward()
        optimizer.step()
    return network


def task(root: Path, target: dict[str, Any], retain: Tensor | None = None) -> Task:
    """A task in a folder of its own below `root`, with the model, the guide and the bars, or other images."""
    folder = root / f"task{len(list(root.iterdir()))}"
    retain = images()[0] if retain is None else retain
    return reveal(folder, model(), "attribute_rebalancing", target, guide(), retain=retain)
