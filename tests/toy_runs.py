"""The toy world's submissions: written to a folder, run for real on the shipped digits' GAN, their records forged."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from retouch.benchmark import records, tracks
from retouch.benchmark.records import Record
from retouch.benchmark.run import grid, plan
from retouch.benchmark.run.plan import Run
from retouch.benchmark.setup import Setup
from retouch.benchmark.tasks import look_up
from retouch.benchmark.worker import sandbox

try:
    sandbox.name()
    UNUSABLE = ""
except ValueError as error:
    UNUSABLE = str(error)
needs_sandbox = pytest.mark.skipif(bool(UNUSABLE), reason=UNUSABLE)
locked = pytest.param(True, id="bubblewrap", marks=needs_sandbox)
both = pytest.mark.parametrize("sandboxed", [locked, pytest.param(False, id="unsandboxed")])
undisturbed = pytest.mark.xdist_group("undisturbed")  # one after the other: they measure time, memory or processes
REPOSITORY = Path(__file__).parents[1]
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
SHARED = ("base", "copies", "digits", "faces", "features", "references")  # of a cache, named by their content
FEW = 100  # samples, for runs whose scores do not matter: too few for a quality
KEEPS = "def edit(generator, task, budget):\n    return generator\n"
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
        return images[self.task.guide.probs(images, "category")[:, 8] < 0.1][:n]


def edit(generator, task, budget):
    return Rejecting(generator, task)
"""


def own_cache(folder: Path, shared: Path) -> str:
    """Make FOLDER a cache in which nothing has run, with what the `shared` one holds by content; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind in SHARED:
        (shared / kind).mkdir(parents=True, exist_ok=True)
        (folder / kind).symlink_to(shared / kind)
    return str(folder)


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


def setup(instance: str = INSTANCE, **changes: Any) -> Setup:
    """An instance of the tiny track, changed, with all that it names."""
    tiny = tracks.load("tiny")
    return look_up(tiny, tiny.instance(instance).model_copy(update=changes))


def planned(
    folder: Path, instance: str = INSTANCE, seed: int = 0, samples: int | None = None, sandboxed: bool = False,
    **track: Any,
) -> Run:  # fmt: skip
    """A submission's run on an instance of the tiny track, which may ask for other samples or have other `track`."""
    tiny = tracks.load("tiny")
    few = tiny.instance(instance)
    few = few.model_copy(update={"samples": samples or few.samples})
    shrunk = tiny.model_copy(update={"instances": [few], **track})
    return plan.plan([folder], shrunk, instances=[instance], seeds=[seed], sandboxed=sandboxed)[0]


def run(folder: Path, *arguments: Any, **more: Any) -> Record:
    """Run a submission, as `planned` says; returns its record, whatever the status."""
    return grid.execute(planned(folder, *arguments, **more))


def ran(folder: Path, seed: int = 0) -> Path:
    """Run a submission, which has to go well; returns the record's file."""
    record = run(folder, seed=seed)
    assert record.status == "ok", record.reason
    return record_file(folder, seed)


def record_file(folder: Path, seed: int = 0, instance: str = INSTANCE) -> Path:
    """Where the record of a submission's run lies."""
    return folder / f"records/tiny/{instance}/default.{seed}.json"


def frozen(record: Record) -> dict[str, Any]:
    """What two equal runs share: all but the time and what it took."""
    return json.loads(record.model_dump_json(by_alias=True, exclude={"cost": True, "provenance": {"time"}}))


def forge(file: Path, **changes: Any) -> dict[str, Any]:
    """Change a record's text; keys are paths joined by two underscores. Returns what it says now."""
    table = json.loads(file.read_text())
    for path, value in changes.items():
        inner = table
        *steps, last = path.split("__")
        for step in steps:
            inner = inner[step]
        inner[last] = value
    file.write_text(json.dumps(table))
    return table


def copy(folder: Path, root: Path, name: str | None = None) -> Path:
    """The submission in another folder, its records renamed with it where it gets another name."""
    target = shutil.copytree(folder, root / (name or folder.name))
    for file in target.glob("records/**/*.json"):
        forge(file, submission=target.name)
        records.read(file)
    return target
