"""Bring a base, a judge or an encoder from outside into a track: check it, write its card, measure what can be.

A base's facts stand in base.toml beside its weights, or come as flags of `retouch base add`; `Facts` has every field.
"""

from __future__ import annotations

import shutil
import time
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors.torch import save_file

from retouch import metrics
from retouch.benchmark import data, encoders, networks, weights
from retouch.benchmark.data import outside
from retouch.benchmark.generators import folder as folders
from retouch.benchmark.generators.base import Generator
from retouch.benchmark.records import Name
from retouch.benchmark.submission import ABILITIES
from retouch.benchmark.support import plugins
from retouch.benchmark.support.files import write_json
from retouch.benchmark.train.card import operations, rounded
from retouch.benchmark.worker import unpickle

SAMPLES = 2000
LEFT_OUT = shutil.ignore_patterns("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "__pycache__", ".git*", "base.toml",
                                  "safety_checker", "feature_extractor")  # fmt: skip


class Facts(BaseModel):
    """What its owner says of a base."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: Name
    family: str = Field("diffusion", description="flow, gan, diffusion or sampler")
    adapter: str | None = Field(None, description="gan, zuko, normflows, sampler, or module:Class beside the weights")
    config: dict[str, Any] = Field({}, description="the adapter's arguments: channels, size, generator, latent, ...")
    data: str = Field(description="the data that it was trained on: a table of the track's data.toml")
    licence: str = Field(min_length=1, description="under which the weights may be used")
    batch: int = Field(64, gt=0, description="images of a training step")
    lr: float = Field(1e-4, gt=0, description="step size of further training")
    steps: int | None = Field(None, gt=0, description="of the pre-training; left out where nobody knows")
    seconds: float | None = Field(None, gt=0, description="of the pre-training")
    sampling_steps: int = Field(50, gt=0, description="of diffusion models")
    samples: int = Field(SAMPLES, gt=0, description="images that are drawn to measure it")
    encoder: str | None = Field(None, description="weights of the encoder in whose space its quality is measured")


def facts(source: Path, flags: dict[str, Any]) -> Facts:
    """base.toml in SOURCE, and flags over it; a ValueError names the first field that is missing or wrong."""
    file = source / "base.toml"
    try:
        return Facts.model_validate((tomllib.loads(file.read_text()) if file.is_file() else {}) | flags)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{file} is not TOML: {error}; mend that line") from None
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        meaning = getattr(Facts.model_fields.get(field), "description", None) or "a field that there is not"
        raise ValueError(
            f"{file}: {field}: {first['msg'].lower()} ({meaning}); state it there, or as --{field}"
        ) from None


def add_base(
    source: Path, track: Path, flags: dict[str, Any], device: str = "cpu", trust: bool = False
) -> Path:  # fmt: skip
    """Copy a base into TRACK/bases, write its card and measure it; returns its folder there.

    trust: pickles are opened, in the sandbox, and their tensors kept as safetensors.

    Raises:
        ValueError: what is missing or does not fit, with file, field and remedy; nothing is left behind then.
    """
    if not source.is_dir():
        raise ValueError(f"{source} is no folder; a base is a folder with its weights")
    if not (track / "track.toml").is_file():
        raise ValueError(f"{track} holds no track.toml; docs/own.md shows one")
    plugins.add(track)
    known = facts(source, flags)
    if known.data not in outside.entries():
        raise ValueError(
            f"data {known.data!r} is no table of {track / outside.FILE}; it has {', '.join(outside.entries())}"
        )
    if known.adapter != "sampler" and not trust:
        folders.check_safetensors(source)
    target, draft = track / "bases" / known.name, track / "bases" / f".{known.name}.part"
    if target.exists():
        raise ValueError(f"{target} exists; remove it, or name the base otherwise: --name")
    try:
        shutil.copytree(source, draft, ignore=LEFT_OUT)
        if trust:
            unpickle.convert(source, draft)
        write_json(draft / "card.json", _card(draft, known))
        card = _measured(draft, known, device)
        write_json(draft / "card.json", card)
        draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return target


def _card(folder: Path, known: Facts) -> dict[str, Any]:
    """The card before anything is measured."""
    described: dict[str, Any] = {"config": {}}
    if not known.adapter:
        if not folders.is_diffusers(folder):
            raise ValueError(f"{folder}: neither a folder of diffusers nor a base.toml that names an `adapter`")
        described = folders.described(folder, known.sampling_steps)
    config = described.pop("config") | known.config
    made = outside.entry(known.data)
    if lacking := [field for field in ("channels", "size") if field not in config]:
        raise ValueError(f"base.toml: config.{lacking[0]} is missing: the images' {lacking[0]}")
    if (made.channels, made.size) != (config["channels"], config["size"]):
        raise ValueError(f"{outside.FILE}: [{known.data}] has {made.channels} channels and size {made.size}; the base "
                         f"draws {config['channels']} and {config['size']}: make them equal")  # fmt: skip
    recipe = known.model_dump(include={"batch", "lr", "steps", "encoder"}, exclude_none=True)
    stated = (
        known.model_dump(include={"name", "family", "adapter", "seconds", "licence"}, exclude_none=True) | described
    )
    recipe = {"kind": stated["family"], "data": {"name": known.data}, **recipe}
    return {"version": weights.VERSION, **stated, "config": config, "recipe": recipe, "sha256": weights.sha256(folder)}


def _measured(folder: Path, known: Facts, device: str) -> dict[str, Any]:
    """The card with the facts of its data, what the base is able to do, and what was measured."""
    card, made = weights.card(folder), outside.entry(known.data)
    try:
        generator = weights.load(folder, device)
    except (RuntimeError, TypeError, OSError, KeyError) as error:
        raise ValueError(f"{folder}: the weights do not fit the config: {str(error).splitlines()[0]}") from None
    _, splits = outside.everything(known.data)
    counts = {str(part): int((splits == part).sum()) for part in sorted(set(splits))}
    about = {"licence": made.licence, "splits": counts, "sha256": outside.sha256(known.data)}
    able = sorted(abilities(generator))
    return {**card, "data": about, "capabilities": able, "measured": measured(generator, known)}


def abilities(generator: Generator) -> set[str]:
    """The words of `ABILITIES` that a generator has; one without a training of its own lacks "training"."""
    lacking = set() if getattr(generator, "trains", True) else {"training"}
    lacking |= {"latents"} if getattr(type(generator), "decode", None) is Generator.decode else set()
    return {word for word, path in ABILITIES.items() if _has(generator, path)} - lacking


def _has(thing: Any, path: str) -> bool:
    name, _, rest = path.partition(".")
    return hasattr(thing, name) and (not rest or _has(getattr(thing, name), rest))


def measured(generator: Generator, known: Facts) -> dict[str, Any]:
    """Operations of a training step and of an image, seconds of an image, and quality against held-out images."""
    began = time.perf_counter()
    samples = generator.sample(known.samples, torch.Generator().manual_seed(0)).numpy()
    found: dict[str, Any] = {"samples": known.samples, "shape": list(samples.shape[1:])}
    found["seconds_per_image"] = round((time.perf_counter() - began) / known.samples, 6)
    found |= operations(generator, known.batch)
    if known.encoder:
        found["space"], found["quality"] = known.encoder, quality(samples, known.encoder, known.data)
    return found


def quality(samples: np.ndarray, encoder: str, name: str) -> dict[str, Any]:
    """FD, precision, recall, density and coverage of samples, and of training images, against held-out ones."""
    features = encoders.load(encoder).features
    held = features(data.load({"name": name}, "heldout").images)
    sets = {"samples": samples, "training_images": data.load({"name": name}, "train").images[: len(samples)]}
    if len(held) < 2 * held.shape[1]:
        raise ValueError(f"[{name}]: {len(held)} held-out images are too few for {held.shape[1]} features; "
                         "bring more, or state a larger share of `splits`")  # fmt: skip
    rows = {who: features(images) for who, images in sets.items()}
    n = min(len(held), *map(len, rows.values()))
    suites = {who: {"fd": metrics.fd(row, held)} | metrics.prdc(row[:n], held[:n]) for who, row in rows.items()}
    return {who: {key: rounded(one) for key, one in suite.items()} for who, suite in suites.items()}


def write_judge_card(folder: Path) -> None:
    """card.json of a judge, guide or encoder from its judge.toml: kind, network, data, and for judges heads.

    heads names attributes of the data; ["identity"] makes a recogniser, whose templates are the mean embeddings of the
    people in the judge's split. `measure` follows.
    """
    file = folder / "judge.toml"
    try:
        table = tomllib.loads(file.read_text())
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{file} is not TOML: {error}; mend that line") from None
    for field in ("network", "data", "kind"):
        if field not in table:
            raise ValueError(f"{file}: {field} is missing; docs/own.md has a judge.toml")
    rate = {"false_accepts": table.pop("false_accepts")} if "false_accepts" in table else {}
    kind, name, heads = table.pop("kind"), table.pop("data"), table.pop("heads", [])
    made = outside.entry(name) if name in outside.entries() else None
    if made is None or kind not in ("classifier", "encoder"):
        raise ValueError(f"{file}: data {name!r} or kind {kind!r} is not known; kinds are classifier and encoder")
    config = {"channels": made.channels, "size": made.size, **table}
    if kind == "classifier":
        config["heads"] = _sizes(file, name, heads)
        if heads == ["identity"]:
            _write_templates(folder, config, name)
    recipe = {"kind": kind, "data": {"name": name}, "split": "judge", **rate}
    stated = {"version": weights.VERSION, "name": folder.name, "family": kind, "config": config, "recipe": recipe}
    write_json(folder / "card.json", stated | {"sha256": weights.sha256(folder)})


def _sizes(file: Path, name: str, heads: list[str]) -> dict[str, int]:
    names = outside.everything(name)[0].names
    if lacking := [head for head in heads if head not in names] or ([] if heads else ["none"]):
        raise ValueError(f"{file}: heads: {lacking[0]} is no attribute of [{name}]; it has {', '.join(names)}")
    return {head: len(names[head]) for head in heads}


def _write_templates(folder: Path, config: dict[str, Any], name: str) -> None:
    """The mean direction of each person's embeddings in the judge's split; of strangers, nothing."""
    images = data.load({"name": name}, "judge")
    embed = networks.network(folder, config).eval()
    with torch.no_grad():
        rows = torch.cat([embed(part.float() / 127.5 - 1) for part in torch.from_numpy(images.images).split(125)])
    unit = torch.nn.functional.normalize(rows, dim=1)
    people = torch.from_numpy(images.labels["identity"])
    means = torch.zeros(config["heads"]["identity"], rows.shape[1]).index_add_(0, people, unit)
    save_file({"identity": means}, folder / "templates.safetensors")
