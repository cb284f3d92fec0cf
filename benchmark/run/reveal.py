"""Lay what a method may see into a fresh work folder, and write down the questions for after the edit."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from retouch.benchmark import tasks, weights
from retouch.benchmark.run.plan import Run
from retouch.benchmark.submission import NEEDS
from retouch.benchmark.support.files import write_json
from retouch.benchmark.tasks import attribute_rebalancing, identity_removal
from retouch.benchmark.tracks import Instance

PAIRED = 64  # images that base and edited generator make from the same noise
DRAWS = 5  # dequantisation noises for each log-likelihood
NOISE_SEED = 77


def lay_out(run: Run, folder: Path) -> None:
    """Write FOLDER: task.json, the base, and those of forget / retain / labelled / guide / retrained that are due."""
    folder.mkdir(parents=True)
    shutil.copytree(weights.folder(run.instance.base), folder / "base", ignore=_no_training)
    access = set(run.submission.access)
    for name in ("guide", "retrained"):
        if NEEDS[name] in access and getattr(run.instance, name):
            shutil.copytree(weights.folder(getattr(run.instance, name)), folder / name, ignore=_no_training)
    for name, images in tasks.module(run.instance.task).reveal(run.instance).items():
        if NEEDS[name] in access:
            np.save(folder / f"{name}.npy", images.images)
            for label, values in images.labels.items() if name == "labelled" else ():
                np.save(folder / f"labelled.{label}.npy", values)
    write_json(folder / "task.json", told(run))


def told(run: Run) -> dict[str, Any]:
    """What the worker is told before the edit."""
    recipe = tasks.pretrain_recipe(run.instance.base)
    return {
        "kind": run.instance.task,
        "target": run.instance.target,
        "access": run.submission.access,
        "seed": run.seed,
        "device": run.device,
        "entry": run.submission.entry,
        "params": run.params,
        "batch": recipe["batch"],
        "pretraining_steps": recipe["steps"],
        "train_steps": round(recipe["steps"] * run.instance.share),
        "max_seconds": run.track.max_minutes * 60,
    }


def _no_training(_folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name in ("training", "__pycache__")]


def questions(run: Run) -> list[tuple[dict[str, Any], dict[str, np.ndarray]]]:
    """What the edited generator is asked, each question with the arrays that it is about.

    The evaluation seeds differ from the run's own, which the method knows.
    """
    from retouch.benchmark.run.score import judge

    noise = NOISE_SEED + run.evaluation
    asked: list[tuple[dict[str, Any], dict[str, np.ndarray]]] = [
        ({"kind": "sample", "name": "samples", "n": run.instance.samples, "seed": samples_seed(run)}, {}),
        ({"kind": "sample", "name": "paired", "n": PAIRED, "seed": paired_seed(run)}, {}),
    ]
    if run.instance.task == "identity_removal" and run.instance.family == "flow":
        for name, images in identity_removal.likelihood_sets(run.instance, judge(run.instance)).items():
            question = {"kind": "log_prob", "name": f"log_prob_{name}", "draws": DRAWS, "seed": noise}
            asked.append((question, {"images": images}))
    if run.instance.task == "attribute_rebalancing" and run.instance.family == "gan":
        config = weights.card(weights.folder(run.instance.base))["config"]
        latents, values = attribute_rebalancing.edits_asked(config["latent"], run.seed + run.evaluation)
        question = {"kind": "edit_attribute", "name": "edits", "seed": noise}
        asked.append((question, {"latents": latents, "values": values}))
    return asked


def samples_seed(run: Run) -> int:
    """The seed of the images that are scored."""
    return 1_000_003 * (run.seed + 1) + run.evaluation


def paired_seed(run: Run) -> int:
    """The seed of the images that base and edited generator make from the same noise."""
    return 2_000_003 * (run.seed + 1) + run.evaluation


def image_shape(instance: Instance) -> tuple[int, int, int]:
    """(C, H, W) of an instance's images."""
    config = weights.card(weights.folder(instance.base))["config"]
    return config["channels"], config["size"], config["size"]
