"""The toy world: generators that train in seconds, images of halves and tones, guides that know them, tasks on disk.

Everything here is real but small: the package's own generators, classifiers and task folders on images of 8x8 or 4x4
pixels. Submissions, their runs and records are in toy_runs.
"""

import io
import json
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from retouch.benchmark import data, weights
from retouch.benchmark.budget import Budget, Yardstick
from retouch.benchmark.generators import family
from retouch.benchmark.generators.base import Generator
from retouch.benchmark.generators.gan import to_float
from retouch.benchmark.judges import Classifier, Judge
from retouch.benchmark.support.files import write_json
from retouch.benchmark.task import NEEDS, Guide, Task

CONFIGS = {  # of one generator of each family, 1x8x8
    "flow": {"channels": 1, "size": 8, "bits": 4, "levels": 2, "steps": 2, "hidden": 8, "affine": True},
    "gan": {"channels": 1, "size": 8, "latent": 8, "width": 16},
    "diffusion": {
        "channels": 1, "size": 8, "sampling_steps": 3, "block_out_channels": [8, 8], "layers_per_block": 1,
        "down_block_types": ["DownBlock2D"] * 2, "up_block_types": ["UpBlock2D"] * 2, "norm_num_groups": 4,
        "attention_head_dim": 4,
    },
}  # fmt: skip
DESIGNS = {kind: (kind, config) for kind, config in CONFIGS.items()} | {
    "pca flow": ("flow", {"channels": 1, "size": 8, "bits": 4, "axes": 7, "couplings": 3, "hidden": 8, "detail": 8,
                          "components": 3, "detail_temperature": 0.5}),
    "residual gan": ("gan", {"channels": 1, "size": 8, "latent": 8, "widths": [16, 8], "patch": 2,
                             "augment": ["colour", "translation", "cutout"]}),
    "patched diffusion": ("diffusion", CONFIGS["diffusion"] | {"patch": 2}),
}  # fmt: skip
PROMPTED = {  # of a diffusion model by prompt
    "channels": 1, "size": 8, "conditions": ["left", "right"], "sampling_steps": 4, "text_width": 8,
    "block_out_channels": [8, 16], "layers_per_block": 1, "norm_num_groups": 4, "attention_head_dim": 4,
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "UpBlock2D"],
}  # fmt: skip
MIX = {(0, 0): 160, (0, 1): 100, (1, 0): 60, (1, 1): 30}  # images of each side and tone in `mixed`
RIGHT = {"attribute": "side", "values": [1]}  # the target: no image whose right half is the brighter one


def rng(seed: int = 0) -> torch.Generator:
    """A seeded CPU generator of random numbers."""
    return torch.Generator().manual_seed(seed)


def budget(steps: int) -> Budget:
    """A budget of so many training steps, which no clock ends."""
    return Budget(steps, Yardstick(10**15, 1.0), 1e9)


# images -------------------------------------------------------------------------------------------------------------


def halves(side: int, n: int, tone: int = 1) -> Tensor:
    """uint8 (n, 1, 8, 8): the left (0) or right (1) half is dim (0) or bright (1), the rest is dark."""
    pixels = np.random.default_rng(2 * side + tone).integers(0, 40, (n, 1, 8, 8))
    pixels[..., slice(4 * side, 4 * side + 4)] += 90 + 120 * tone
    return torch.from_numpy(pixels.astype(np.uint8))


def mixed() -> Tensor:
    """Images of every side and tone, as many of each as MIX says."""
    return torch.cat([halves(side, n, tone) for (side, tone), n in MIX.items()])


def side_of(images: Tensor) -> Tensor:
    """1 where the right half is the brighter one, (N,)."""
    return (images[..., 4:].float().mean((1, 2, 3)) > images[..., :4].float().mean((1, 2, 3))).long()


def tone_of(images: Tensor) -> Tensor:
    """1 where the brighter half is bright, (N,)."""
    means = torch.stack([images[..., :4].float().mean((1, 2, 3)), images[..., 4:].float().mean((1, 2, 3))])
    return (means.max(0).values > 170).long()


def tones(n: int, dark: float, seed: int = 0) -> tuple[Tensor, Tensor]:
    """uint8 (n, 1, 4, 4), noisy grey, the share `dark` of them dark and first; and their tone: 1 dark, 0 bright."""
    tone = (torch.arange(n) < dark * n).long()
    level = torch.where(tone == 1, 70, 170)[:, None, None, None]
    return (level + 40 * torch.randn(n, 1, 4, 4, generator=rng(seed))).clamp(0, 255).to(torch.uint8), tone


def png(array: np.ndarray, mode: str | None = None, size: tuple[int, int] | None = None) -> bytes:
    """A PNG file of an array (H, W) or (H, W, 3), in another of PIL's modes or another size."""
    out = io.BytesIO()
    picture = Image.fromarray(array)
    picture = picture.convert(mode) if mode else picture
    (picture.resize(size, Image.Resampling.NEAREST) if size else picture).save(out, "PNG")
    return out.getvalue()


def zipped(file: Path, entries: dict[str, bytes]) -> Path:
    """Write a zip file with these entries; returns it."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in entries.items():
            packed.writestr(name, content)
    return file


# generators and guides ----------------------------------------------------------------------------------------------


def generator(design: str = "gan", lr: float = 1e-3, **changes: Any) -> Generator:
    """A generator of a family, or of another design, untrained, the same on every call; `changes`: to its config."""
    kind, config = DESIGNS[design]
    torch.manual_seed(0)
    return family(kind)({**config, **changes}, lr)


def train(model: Generator, images: Tensor, steps: int, batch: int = 32, seed: int = 3) -> Generator:
    """So many training steps on batches of the images; returns the generator."""
    draws = rng(seed)
    for _ in range(steps):
        model.train_step(images[torch.randint(len(images), (batch,), generator=draws)])
    model.module.eval()
    return model


@cache
def prompted(steps: int) -> Generator:
    """A diffusion model that draws the bright half which its prompt names; trained once. To be copied, not changed."""
    torch.manual_seed(0)
    model: Any = family("conditional_diffusion")(PROMPTED, 4e-3)
    images, words, draws = torch.cat([halves(0, 60), halves(1, 60)]), ["left"] * 60 + ["right"] * 60, rng(3)
    model.prepare(images, words)
    for _ in range(steps):
        rows = torch.randint(120, (16,), generator=draws)
        model.train_step(images[rows], [words[row] for row in rows.tolist()])
    model.module.eval()
    return model


def right(generator: Generator, prompt: str) -> float:
    """Share of right halves among 40 images of a prompt."""
    return side_of(generator.sample(40, rng(1), [prompt] * 40)).float().mean().item()


@cache
def trained_gan(steps: int = 400) -> Generator:
    """A GAN that makes the mix, more or less; trained once for all tests, which edit copies of it."""
    gan = train(generator("gan", 2e-3), mixed(), steps)
    assert 0.1 < side_of(gan.sample(500, rng())).float().mean() < 0.45
    return gan


@cache
def trained_flow(steps: int = 300) -> Generator:
    """A flow that has learned `tones(600, 0.3)`; trained once."""
    config = {"channels": 1, "size": 4, "bits": 4, "levels": 1, "steps": 2, "hidden": 8, "affine": True}
    return train(generator("flow", 3e-3, **config), tones(600, 0.3)[0], steps, batch=64, seed=1)


def guide(bias: float = 0.0, size: int = 8, features: int = 6, **heads: int) -> Classifier:
    """A classifier with random weights; heads: classes of each attribute, usually two categories.

    bias: pushes the decisions of the last head towards its class 1.
    """
    torch.manual_seed(1)
    network = Classifier("plain", 1, size, heads or {"category": 2}, width=4, features=features)
    last = list(network.heads.values())[-1]
    last.bias.data += bias * F.one_hot(torch.tensor(1), last.out_features)
    return network


def trained_guide(images: Tensor, steps: int, features: int = 8, **labels: Tensor) -> Classifier:
    """A classifier that has learned the images' labels, each attribute's (N,) with classes from 0."""
    classes = {name: int(values.max()) + 1 for name, values in labels.items()}
    network = guide(size=images.shape[-1], features=features, **classes)
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    for _ in range(steps):
        logits = network(to_float(images))
        loss = sum(F.cross_entropy(logits[name], values) for name, values in labels.items())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network


@cache
def side_guide() -> Classifier:
    """A guide to the category that is the side; trained once."""
    images = torch.cat([halves(0, 50), halves(1, 50)])
    return trained_guide(images, 40, 6, category=side_of(images))


@cache
def side_and_tone_guide() -> Classifier:
    """A guide that tells sides and tones apart; trained once, too."""
    return trained_guide(mixed(), 80, side=side_of(mixed()), tone=tone_of(mixed()))


@cache
def tone_guide() -> Classifier:
    """A guide that tells dark images from bright ones; trained once."""
    images, tone = tones(1000, 0.5, seed=2)
    return trained_guide(images, 40, tone=tone)


# tasks --------------------------------------------------------------------------------------------------------------


def reveal(
    folder: Path, base: Generator | None, kind: str, target: dict[str, Any], guide: Classifier | None = None,
    seed: int = 0, **images: Tensor,
) -> Task:  # fmt: skip
    """Lay out FOLDER as the harness does, with what is given (images: retain, forget) and no more, and open it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, pixels in images.items():
        np.save(folder / f"{name}.npy", pixels.numpy())
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
    table = {"kind": kind, "target": target, "access": access, "device": "cpu", "seed": seed}
    (folder / "task.json").write_text(json.dumps(table))
    return Task(folder)


def redaction(folder: Path, target: dict[str, Any] | None = None, **revealed: Any) -> Task:
    """A task of redacting category 1, or another target, without a base; `revealed`: retain, forget, guide, seed."""
    return reveal(folder, None, "category_redaction", target or {"attribute": "category", "values": [1]}, **revealed)


def guided(folder: Path, guide: Guide, target: dict[str, Any], **revealed: Any) -> Task:
    """A task of redaction with this guide, which need not be written to the folder."""
    task = redaction(folder, target, **revealed)
    task.guide = guide
    return task


def _card(folder: Path, **entries: Any) -> None:
    write_json(folder / "card.json", entries | {"sha256": weights.sha256(folder)})


def digits_task(folder: Path, shares: list[float]) -> Task:
    """The digits as the harness reveals them: the shipped GAN and guide, the training images, shares to reach."""
    target = {"attribute": "category", "shares": shares}
    table = {"kind": "attribute_rebalancing", "target": target, "device": "cpu", "seed": 0, "access": []}
    write_json(folder / "task.json", table)
    for name, ours in (("base", "digits-gan"), ("guide", "digits-guide")):
        (folder / name).symlink_to(weights.folder(ours))
    np.save(folder / "retain.npy", data.load({"name": "digits"}, "train").images)
    return Task(folder)
