"""What tests of several packages share: small generators, seeds, budgets that no clock ends, tasks on disk."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from retouch.benchmark import weights
from retouch.benchmark.budget import Budget, Yardstick
from retouch.benchmark.generators import family
from retouch.benchmark.generators.base import Generator
from retouch.benchmark.judges import Classifier, Judge
from retouch.benchmark.support.files import write_json
from retouch.benchmark.task import NEEDS, Task

SMALL = {
    "flow": {"channels": 1, "size": 8, "bits": 4, "levels": 2, "steps": 2, "hidden": 8, "affine": True},
    "gan": {"channels": 1, "size": 8, "latent": 8, "width": 16},
    "diffusion": {
        "channels": 1, "size": 8, "sampling_steps": 3, "block_out_channels": [8, 8], "layers_per_block": 1,
        "down_block_types": ["DownBlock2D"] * 2, "up_block_types": ["UpBlock2D"] * 2, "norm_num_groups": 4,
        "attention_head_dim": 4,
    },
}  # fmt: skip

DESIGNS = {kind: (kind, config) for kind, config in SMALL.items()} | {
    "pca flow": ("flow", {"channels": 1, "size": 8, "bits": 4, "axes": 7, "couplings": 3, "hidden": 8, "detail": 8,
                          "components": 3, "detail_temperature": 0.5}),
    "residual gan": ("gan", {"channels": 1, "size": 8, "latent": 8, "widths": [16, 8], "patch": 2,
                             "augment": ["colour", "translation", "cutout"]}),
    "patched diffusion": ("diffusion", SMALL["diffusion"] | {"patch": 2}),
}  # fmt: skip


def small(design: str = "gan", lr: float = 1e-3) -> Generator:
    """A generator of a family, or of another design, untrained, the same on every call."""
    kind, config = DESIGNS[design]
    torch.manual_seed(0)
    return family(kind)(config, lr)


def rng(seed: int = 0) -> torch.Generator:
    """A seeded CPU generator."""
    return torch.Generator().manual_seed(seed)


def budget(steps: int) -> Budget:
    """A budget of so many training steps."""
    return Budget(steps, Yardstick(10**15, 1.0), 1e9)


def reveal(
    folder: Path, base: Generator | None, kind: str, target: dict[str, Any], guide: Classifier | None = None,
    seed: int = 0, **images: Tensor,
) -> Task:  # fmt: skip
    """Lay out FOLDER as `reveal` does, with what is given (images: retain, forget) and no more, and open it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, given in images.items():
        np.save(folder / f"{name}.npy", given.numpy())
    if base is not None:
        base.save(folder / "base", half=False)
        _card(folder / "base", family=base.family, config=base.config, recipe={"lr": base.lr})
    if guide is not None:
        Judge(guide, {}).save(folder / "guide")
        _, channels, size, _ = next(iter(images.values())).shape
        config = {"trunk": "plain", "channels": channels, "size": size, "width": guide.trunk[0].out_channels,
                  "features": guide.trunk[-1].out_features,
                  "heads": {name: head.out_features for name, head in guide.heads.items()}}  # fmt: skip
        _card(folder / "guide", config=config)
    access = [NEEDS[name] for name in (*images, *["guide"] * (guide is not None))]
    told = {"kind": kind, "target": target, "access": access, "device": "cpu", "seed": seed}
    (folder / "task.json").write_text(json.dumps(told))
    return Task(folder)


def _card(folder: Path, **entries: Any) -> None:
    write_json(folder / "card.json", entries | {"sha256": weights.sha256(folder)})
