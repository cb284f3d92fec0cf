"""Write what a method may see into a fresh folder, and make the questions for after the edit."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from retouch.benchmark import weights
from retouch.benchmark.generators.flat import floats
from retouch.benchmark.question import Question
from retouch.benchmark.run import attack, equal_change
from retouch.benchmark.run.look import judge
from retouch.benchmark.run.method import own_files
from retouch.benchmark.run.resolve import Resolved
from retouch.benchmark.submission import NEEDS
from retouch.benchmark.support.files import write_json
from retouch.benchmark.tasks import prompts

PAIRED = 64  # images that base and edited generator make from the same noise, beside the samples themselves
MOST_WEIGHTS = 20_000_000  # of a base whose edited weights are compared with it
NOISE_SEED = 77


def lay_out(resolved: Resolved, folder: Path) -> None:
    """Write FOLDER: task.json, the base, and what the task reveals to the submission."""
    setup, access = resolved.setup, resolved.run.submission.access
    folder.mkdir(parents=True)
    networks = {"base": setup.base, "guide": setup.guide, "retrained": setup.retrained}
    for name, network in networks.items():
        if network:
            shutil.copytree(network.folder, folder / name, ignore=_no_training)
    for name, images in setup.task.reveal(setup).items():
        if NEEDS[name] in access:
            np.save(folder / f"{name}.npy", images.images)
            for label, values in images.labels.items() if name == "labelled" else ():
                np.save(folder / f"labelled.{label}.npy", values)
    write_json(folder / "task.json", task_table(resolved))


def lay_out_code(submission: Path, folder: Path) -> None:
    """Write FOLDER: the files of a submission that its method's hash covers, and no other."""
    folder.mkdir()
    for file in own_files(submission):
        target = folder / file.relative_to(submission)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)


def task_table(resolved: Resolved) -> dict[str, Any]:
    """What the worker reads of the task before the edit."""
    run, setup = resolved.run, resolved.setup
    return {
        "kind": run.instance.task,
        "target": {name: value for name, value in run.instance.target.items() if name != prompts.HELD_OUT},
        "access": run.submission.access,
        "seed": run.seed,
        "device": run.device,
        "entry": run.submission.entry,
        "params": run.params,
        "batch": setup.base.recipe["batch"],
        "pretraining_steps": setup.pretraining,
        "train_steps": setup.train_steps,
        "max_seconds": run.track.max_minutes * 60,
    }


def _no_training(_folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name in ("training", "__pycache__")]


def questions(resolved: Resolved) -> list[Question]:
    """What the edited generator is asked: samples, images to pair with the base's, and what its task asks.

    The evaluation seeds differ from the run's own, which the method knows.
    """
    run, setup = resolved.run, resolved.setup
    noise = NOISE_SEED + run.evaluation
    return [
        Question.sample(
            "samples", run.instance.samples, setup.shape, 1_000_003 * (run.seed + 1) + run.evaluation, paired=True
        ),
        Question.sample("paired", PAIRED, setup.shape, 2_000_003 * (run.seed + 1) + run.evaluation, paired=True),
        *setup.task.questions(setup, judge(setup), run.seed + run.evaluation, noise),
        *equal_change.questions(setup, run.seed + run.evaluation, noise),
        *_weights(setup.base.folder, setup.base.sha256),
        *(attack.questions(setup, noise) if attack.attacked(run) else ()),
    ]


@cache
def _weights(folder: Path, _sha256: str) -> list[Question]:
    """The question for the weights; none where a base has none, or too many to be sent and kept."""
    module = getattr(weights.load(folder), "module", None)
    count = len(floats(module)) if isinstance(module, nn.Module) else 0
    return [Question.weights(count)] if 0 < count <= MOST_WEIGHTS else []
