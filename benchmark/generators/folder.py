"""What a folder that diffusers wrote says of its model: the config of our `Diffusion`, without opening the weights."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


def is_diffusers(folder: Path) -> bool:
    """Whether a folder holds a UNet of diffusers, in either layout."""
    return any((place / "config.json").is_file() for place in (folder / "unet", folder))


def diffusers_config(folder: Path, sampling_steps: int) -> dict[str, Any]:
    """Keyword arguments of `Diffusion.build` for a folder of diffusers: `unet/` and `scheduler/`, or all at the root.

    Raises:
        ValueError: a file that is missing or not JSON, a network other than UNet2DModel or with conditions.
    """
    from diffusers import UNet2DModel

    from retouch.benchmark.generators import schedules

    inner = folder / "unet" if (folder / "unet").is_dir() else folder
    unet = _json(inner / "config.json")
    if unet.get("_class_name") != "UNet2DModel":
        raise ValueError(f"{inner / 'config.json'}: _class_name {unet.get('_class_name')!r}; "
                         "UNet2DModel is read, a network without conditions")  # fmt: skip
    if unet.get("num_class_embeds") or unet.get("class_embed_type"):
        raise ValueError(f"{inner / 'config.json'}: num_class_embeds: a network of classes needs a condition; "
                         "wrap it as adapter")  # fmt: skip
    known = inspect.signature(UNet2DModel.__init__).parameters
    config = {key: value for key, value in unet.items() if key in known}
    place = folder / "scheduler" if (folder / "scheduler").is_dir() else folder
    scheduler = _json(place / "scheduler_config.json")
    schedules.sampler(scheduler)  # raises for one that is not known
    shape = {"channels": config["in_channels"], "size": config["sample_size"]}
    autoencoder = next((_json(at / "config.json") for name in ("vqvae", "vae") if (at := folder / name).is_dir()), None)
    if autoencoder:
        halvings = len(autoencoder["block_out_channels"]) - 1
        shape = {"channels": autoencoder["out_channels"], "size": config["sample_size"] * 2**halvings}
        shape["autoencoder"] = autoencoder
    return {**config, **shape, "sampling_steps": sampling_steps, "scheduler": scheduler}


def described(folder: Path, sampling_steps: int) -> dict[str, Any]:
    """What a card says of a folder of diffusers: its family and config, and an adapter where there are prompts.

    Raises:
        ValueError: as `diffusers_config`, and more than one text encoder.
    """
    if not (folder / "text_encoder").is_dir():
        return {"family": "diffusion", "config": diffusers_config(folder, sampling_steps)}
    if (folder / "text_encoder_2").is_dir():
        raise ValueError(f"{folder / 'text_encoder_2'}: a model with two text encoders is not read; wrap it as adapter")
    unet, autoencoder = (_json(folder / part / "config.json") for part in ("unet", "vae"))
    size = unet["sample_size"] * 2 ** (len(autoencoder["block_out_channels"]) - 1)
    config = {"channels": autoencoder["out_channels"], "size": size, "prompts": [""], "sampling_steps": sampling_steps}
    return {"family": "conditional_diffusion", "adapter": "stable_diffusion", "config": config}


def check_safetensors(folder: Path) -> None:
    """Raise a ValueError for a folder whose weights are pickles: to open one is to run its author's program."""
    if any(folder.rglob("*.safetensors")):
        return
    pickles = sorted(file.name for file in folder.rglob("*") if file.suffix in PICKLES)
    what = f"{pickles[0]} is a pickle, which is not opened" if pickles else "no weights"
    raise ValueError(f"{folder}: {what}; --trust converts pickles in the sandbox; or save the weights with "
                     "safetensors.torch.save_file, or save_pretrained(safe_serialization=True)")  # fmt: skip


def _json(file: Path) -> dict[str, Any]:
    try:
        return json.loads(file.read_text())
    except FileNotFoundError:
        raise ValueError(f"{file} is missing: a folder of diffusers has it") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{file} is not JSON: {error}") from None
