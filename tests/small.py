"""What tests of several packages share: generators trained in a moment, seeds, and budgets that no clock ends."""

import torch

from benchmark.budget import Budget
from benchmark.generators import family
from benchmark.generators.base import Generator

SMALL = {
    "flow": {"channels": 1, "size": 8, "bits": 4, "levels": 2, "steps": 2, "hidden": 8, "affine": True},
    "gan": {"channels": 1, "size": 8, "latent": 8, "width": 16},
    "diffusion": {
        "channels": 1, "size": 8, "sampling_steps": 3, "block_out_channels": [8, 8], "layers_per_block": 1,
        "down_block_types": ["DownBlock2D"] * 2, "up_block_types": ["UpBlock2D"] * 2, "norm_num_groups": 4,
        "attention_head_dim": 4,
    },
}  # fmt: skip


def small(kind: str = "gan", lr: float = 1e-3) -> Generator:
    """A generator of a family, untrained, the same on every call."""
    torch.manual_seed(0)
    return family(kind)(SMALL[kind], lr)


def rng(seed: int = 0) -> torch.Generator:
    """A seeded CPU generator."""
    return torch.Generator().manual_seed(seed)


def budget(steps: int) -> Budget:
    """A budget of so many training steps."""
    return Budget(1e9, steps, 1.0)
