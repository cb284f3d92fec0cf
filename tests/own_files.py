"""What a practitioner has: images with a table, a DDPM that diffusers wrote, a GAN; and the files of docs/own.md.

The truth is known: the brighter half of an image is its side, a stripe's height is the person.
"""

import csv
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler, UNet2DModel
from PIL import Image
from safetensors.torch import save_file

from retouch.benchmark import tracks
from retouch.benchmark.generators import schedules
from retouch.benchmark.submit import check_cost, check_origin
from retouch.benchmark.support import plugins

PAGE = Path(__file__).parents[1] / "docs/own.md"
PEOPLE, RIGHT = 6, 0.3  # people, and share of images whose right half is the brighter one
GAN = """
import torch
from torch import nn


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.edge = nn.Parameter(torch.tensor(0.5244))  # the 70% quantile of a normal
        self.light = nn.Parameter(torch.tensor(0.6))

    def forward(self, z):
        side = torch.sigmoid(30 * (z[:, :1] - self.edge))[:, :, None, None]
        right = (torch.arange(64) >= 32).float()
        shape = side * right + (1 - side) * (1 - right)
        return (self.light * (2 * shape - 1) + 0.05 * z[:, 1:4, None, None]).expand(-1, 3, 64, 64).clamp(-1, 1)


class Discriminator(nn.Sequential):
    def __init__(self):
        super().__init__(nn.AvgPool2d(8), nn.Flatten(), nn.Linear(192, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1))
"""


def picture(side: int, person: int, rng: np.random.Generator, size: int = 64) -> np.ndarray:
    """uint8 (size, size, 3)."""
    image = rng.integers(20, 60, (size, size, 3))
    image[:, side * size // 2 : (side + 1) * size // 2] += 120
    step = size // 8
    image[(person + 1) * step : (person + 2) * step] += 70
    return image.astype(np.uint8)


def pictures(n: int, right: float, seed: int = 0, size: int = 64) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images (n, size, size, 3) with sides and people (n,)."""
    rng = np.random.default_rng(seed)
    sides, people = (rng.random(n) < right).astype(int), rng.integers(0, PEOPLE, n)
    return np.stack([picture(s, p, rng, size) for s, p in zip(sides, people, strict=True)]), sides, people


def make(root: Path, n: int = 360) -> Path:
    """Write all of it below ROOT; returns the track's folder."""
    images, sides, people = pictures(n, RIGHT)
    (root / "images").mkdir(parents=True)
    with (root / "people.csv").open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["file", "side", "person"])
        for i, image in enumerate(images):
            Image.fromarray(image).save(root / f"images/{i}.png", compress_level=1)
            rows.writerow([f"{i}.png", ["left", "right"][sides[i]], f"person {people[i]}"])
    for name, text in written().items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    write_gan(root / "my-gan")
    write_ddpm(root / "my-ddpm")
    return root / "own"


@contextmanager
def alone(root: Path) -> Iterator[None]:
    """In this folder, with no other track on the path; what was read of its own is forgotten afterwards."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RETOUCH_PATH", "")
        patch.chdir(root)
        yield
    for cached in (tracks.load, tracks.scale, check_origin._data_sha256, check_cost._base, check_cost._step_operations):
        cached.cache_clear()


def written() -> dict[str, str]:
    """The files that docs/own.md shows, by name."""
    return dict(re.findall(r"^`([\w./-]+)`:\n\n```\w+\n(.*?)^```", PAGE.read_text(), re.M | re.S))


def commands() -> list[str]:
    """The commands that docs/own.md shows, in their order."""
    blocks = re.findall(r"^```bash\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    return [line for block in blocks for line in block.splitlines()]


def write_gan(folder: Path) -> None:
    """A GAN's code and weights."""
    (folder / "mine.py").write_text(GAN)
    torch.manual_seed(0)
    for name in ("Generator", "Discriminator"):
        network = plugins.named(f"mine:{name}", folder)()
        save_file(network.state_dict(), folder / f"{name.lower()}.safetensors")


def write_ddpm(folder: Path, size: int = 16) -> None:
    """An unconditional DDPM with a linear schedule, all at the root, as published checkpoints have it."""
    torch.manual_seed(0)
    unet = UNet2DModel(
        sample_size=size, in_channels=3, out_channels=3, block_out_channels=(8, 8), layers_per_block=1,
        down_block_types=("DownBlock2D",) * 2, up_block_types=("UpBlock2D",) * 2, norm_num_groups=4,
        attention_head_dim=4,
    )  # fmt: skip
    unet.save_pretrained(folder)
    DDPMScheduler().save_pretrained(folder)


def write_stable_diffusion(folder: Path, sampler: dict[str, Any]) -> None:
    """A folder as diffusers writes Stable Diffusion's: 16 x 16 pixels, a tokenizer of letters, random weights."""
    from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    letters = [chr(c) for c in range(97, 123)]
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    tokenizer = CLIPTokenizer(vocab={word: i for i, word in enumerate(words)}, merges=[], model_max_length=10)
    torch.manual_seed(0)
    text = CLIPTextModel(CLIPTextConfig(
        vocab_size=len(words), hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=10, bos_token_id=52, eos_token_id=53, pad_token_id=53,
    ))  # fmt: skip
    unet = UNet2DConditionModel(
        sample_size=8, in_channels=4, out_channels=4, layers_per_block=1, block_out_channels=(8, 16),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=16, norm_num_groups=4, attention_head_dim=4,
    )  # fmt: skip
    for parameter in text.parameters():  # so that prompts differ by more than rounding
        parameter.data *= 20
    autoencoder = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(8, 8), norm_num_groups=4, sample_size=16,
    )  # fmt: skip
    betas = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}
    scheduler = schedules.sampler({**betas, **sampler})
    StableDiffusionPipeline(
        vae=autoencoder, text_encoder=text, tokenizer=tokenizer, unet=unet, scheduler=scheduler, safety_checker=None,
        feature_extractor=None, requires_safety_checker=False,
    ).save_pretrained(folder)  # fmt: skip
