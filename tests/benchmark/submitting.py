"""What the tests of the submitting verbs share: a submission that has really run, and the means to forge its record."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from retouch.benchmark import records, tracks
from retouch.benchmark.run import grid, plan
from retouch.benchmark.worker import sandbox

try:
    sandbox.name()
    UNUSABLE = ""
except ValueError as refused:
    UNUSABLE = str(refused)
needs_sandbox = pytest.mark.skipif(bool(UNUSABLE), reason=UNUSABLE)
INSTANCE = "category_redaction/digits-gan"
MANIFEST = """
title = "A test's method"
authors = ["the tests"]
licence = "MIT"
families = ["{family}"]
tasks = ["{task}"]
entry = "{entry}"
access = {access}
{more}
"""
ACCESS = ("training_data", "classifier")
TRAINS = """
def edit(generator, task, budget):
    for _ in budget.steps(5):
        generator.train_step(task.retain[:64])
    return generator
"""
REJECTS = """
class Rejecting:
    def __init__(self, generator, task):
        self.generator, self.task = generator, task

    def sample(self, n, rng):
        import torch

        images = self.generator.sample(2 * n, rng)
        return images[self.task.guide.probs(images, "category")[:, 8] < 0.5][:n]


def edit(generator, task, budget):
    return Rejecting(generator, task)
"""


def write(
    root: Path, name: str, body: str = TRAINS, *, entry: str = "method:edit", family: str = "gan",
    task: str = "category_redaction", access: Sequence[str] = ACCESS, more: str = "",
) -> Path:  # fmt: skip
    """A submission with a method of its own, unless `entry` names another; returns its folder."""
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "submission.toml").write_text(
        MANIFEST.format(entry=entry, family=family, task=task, access=json.dumps(list(access)), more=more)
    )
    if entry == "method:edit":
        (folder / "method.py").write_text(body)
    return folder


def small_run(folder: Path, instance: str, samples: int) -> plan.Run:
    """The run of seed 0 on an instance that asks for so few samples."""
    track = tracks.load("tiny")
    few = track.instance(instance).model_copy(update={"samples": samples})
    return plan.plan([folder], track.model_copy(update={"instances": [few]}), seeds=[0])[0]


def ran(folder: Path, seed: int = 0) -> Path:
    """Run a submission on the digits' GAN; returns the record's file."""
    one = plan.plan([folder], tracks.load("tiny"), instances=[INSTANCE], seeds=[seed])[0]
    made = grid.execute(one)
    assert made.status == "ok", made.reason
    return one.record_path


def forge(file: Path, **changes) -> dict:
    """Change a record's text; keys are paths joined by two underscores. Returns what it says now."""
    told = json.loads(file.read_text())
    for path, value in changes.items():
        inner = told
        *steps, last = path.split("__")
        for step in steps:
            inner = inner[step]
        inner[last] = value
    file.write_text(json.dumps(told))
    return told


def copy(folder: Path, root: Path, name: str | None = None) -> Path:
    """The submission in another folder, its records renamed with it where it gets another name."""
    target = shutil.copytree(folder, root / (name or folder.name))
    for file in target.glob("records/**/*.json"):
        forge(file, submission=target.name)
        records.read(file)
    return target
