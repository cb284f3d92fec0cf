"""Edit a model of one's own with a method: no track, no judge, no score; the edited model is what is left."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from retouch.benchmark import weights
from retouch.benchmark.budget import Budget, yardstick
from retouch.benchmark.generators import folder as folders
from retouch.benchmark.run.keep import write_card
from retouch.benchmark.submission import NEEDS, Submission
from retouch.benchmark.submit import read_images
from retouch.benchmark.support.files import write_json
from retouch.benchmark.task import Task
from retouch.benchmark.worker import environment
from retouch.benchmark.worker.main import entry

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


def apply(
    method: Path, manifest: Submission, base: Path, out: Path, images: dict[str, Path], guide: Path | None = None,
    *, point: str = "default", kind: str = "", target: dict[str, Any] | None = None, steps: int = 1000, seed: int = 0,
    device: str = "cpu",
) -> Path:  # fmt: skip
    """Run a submission's edit on the model in BASE and save what it returns into OUT.

    Args:
        base: a weights folder with its card, or a folder of diffusers; images: folders by "forget" and "retain".
        guide: a guide's weights folder; steps: the budget, in training steps of the base.

    Raises:
        ValueError: a model that cannot be read, images that the method needs, a folder that exists, an edit that does
            not return a generator.
    """
    if environment.requirements(method):
        raise ValueError(f"{method / environment.FILE}: packages of its own; install them, and take the file away")
    if out.exists():
        raise ValueError(f"{out} exists; --out names a new folder")
    due = [word for word in ("forget", "retain") if NEEDS[word] in manifest.access and word not in images]
    due += ["guide"] if "classifier" in manifest.access and guide is None else []
    if due:
        raise ValueError(f"{method.name} needs {', '.join(due)}: --{due[0]} FOLDER")
    with tempfile.TemporaryDirectory(prefix="retouch-") as temporary:
        folder = Path(temporary)
        card = _lay_out(folder, base, images, guide)
        table = {"kind": kind or manifest.tasks[0], "target": target or {}, "access": manifest.access,
                 "seed": seed, "device": device}  # fmt: skip
        write_json(folder / "task.json", table)
        task = Task(folder)
        generator = task.base()
        torch.manual_seed(seed)
        params = {**manifest.params, **manifest.point(point).params}
        budget = Budget(steps, yardstick(generator, card["recipe"].get("batch", 16)), 1e9)
        with budget.counter:
            edited = entry(manifest.entry, method)(generator, task, budget, **params)
        if not hasattr(edited, "save"):
            raise ValueError(f"{method.name} returns {type(edited).__name__}, which samples and cannot be saved: "
                             "a filter or a guided sampler has no weights of its own")  # fmt: skip
        edited.save(out, half=False)
    by = {"method": method.name, "entry": manifest.entry, "point": point, "params": params, "steps": steps,
          "seed": seed, "operations": budget.spent, "base": card["sha256"]}  # fmt: skip
    write_card(out, base, card, out.name, by)
    return out


def _lay_out(folder: Path, base: Path, images: dict[str, Path], guide: Path | None) -> dict[str, Any]:
    """Write what a task reveals into a folder; returns the base's card."""
    shutil.copytree(base, folder / "base", ignore=shutil.ignore_patterns("training", "__pycache__"))
    if not (base / "card.json").is_file():
        folders.check_safetensors(base)
        card = {**folders.described(base, 50), "recipe": {"lr": 1e-4, "batch": 16}}
        write_json(folder / "base/card.json", card | {"sha256": weights.sha256(folder / "base")})
    card = json.loads((folder / "base/card.json").read_text())
    shape = card["config"]["channels"], card["config"]["size"], card["config"]["size"]
    for name, path in images.items():
        count = sum(file.suffix.lower() in SUFFIXES for file in path.rglob("*"))
        if not count:
            raise ValueError(f"{path} holds no images ({', '.join(SUFFIXES)}); --{name} names a folder of them")
        np.save(folder / f"{name}.npy", read_images.read(path, count, shape, resize=True)[0])
    if guide:
        shutil.copytree(guide, folder / "guide")
    return card
