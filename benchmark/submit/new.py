"""`retouch new`: a submission that already runs, for one task and one or more families."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from retouch.benchmark import generators, records, tasks, tracks
from retouch.benchmark.submission import Need
from retouch.benchmark.support.files import write_atomically

MANIFEST = """title = "{title}"
authors = ["Your name"]
paper = ""  # a citation or an address
licence = ""
summary = "{summary}"
families = [{families}]
tasks = ["{task}"]
entry = "{module}:edit"
access = [{access}]  # all that the method needs; no other data is revealed to it
# the words: {words}
tuning = "none so far"  # how you chose the parameters{tuning}

[params]
lr = 1.0

# several operating points draw a curve on the board; without any there is one, called "default"
# [[points]]
# name = "default"
# [[points]]
# name = "strong"
# params = {{ lr = 2.0 }}
"""
METHOD = '''"""{summary}"""

import torch

from retouch.benchmark.budget import Budget
from retouch.benchmark.generators.base import Generator
from retouch.benchmark.task import Task


def edit(generator: Generator, task: Task, budget: Budget, *, lr: float = 1.0) -> Generator:
    """Train on {images}, for half of the budget; lr relative to the pre-training's."""
    images = {images}
    weights = {weights}
    generator.lr *= lr
    for _ in budget.steps(max(1, budget.train_steps // 2)):  # ends by itself when the budget is spent
        chosen = torch.multinomial(weights, 64, replacement=True, generator=task.rng)
        generator.train_step(images[chosen])
    return generator  # the same family, or any object with .sample(n, rng)
'''
EVEN = "torch.ones(len(images))"
BY_GUIDE = """{mix}
    labels = task.guide.probs(images, task.target["attribute"]).argmax(1)
    weights = (target / torch.bincount(labels, minlength=len(target)).clamp(min=1))[labels]"""


def new(name: str, families: list[str], task: str) -> Path:
    """Write a submission; returns its folder.

    Args:
        name: a name, for ./submissions/NAME, or a path.

    Raises:
        ValueError: a name that no record could carry, a folder that holds something already, an unknown task or family.
    """
    folder = Path(name) if len(Path(name).parts) > 1 else Path("submissions", name)
    if not records.is_name(folder.name):
        raise ValueError(f"{folder.name!r} can be no submission's name: lower-case letters, digits, _ . - (64 at most)")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} holds something already; choose another name, or remove it first")
    start = tasks.module(task).START
    for family in families:
        generators.source(family)
    module = re.sub(r"\W", "_", folder.name)
    module = module if module.isidentifier() else f"_{module}"
    needs = ["weights", "gradients", *["discriminator"] * ("gan" in families), *start.access]
    tunable = any(instance.tuning and instance.task == task for instance in tracks.load("tiny").instances)
    tuning = f"; `retouch run {folder.name} --tuning` runs instances meant for it" if tunable else ""
    manifest = MANIFEST.format(
        title=folder.name, summary=start.summary, families=_quoted(families), task=task, module=module,
        access=_quoted(needs), words=", ".join(get_args(Need)), tuning=tuning,
    )  # fmt: skip
    write_atomically(folder / f"{module}.py", _method(start).encode())
    write_atomically(folder / "submission.toml", manifest.encode())
    return folder


def _method(start: tasks.Start) -> str:
    """The method's text: all images drawn alike, or to the wanted mix by the guide's labels."""
    text = METHOD.format(summary=start.summary, images="task.retain", weights="WEIGHTS")
    if start.mix is None:
        return text.replace("WEIGHTS", EVEN)
    return text.replace("    weights = WEIGHTS", "    target = " + BY_GUIDE.format(mix=start.mix))


def _quoted(words: list[str]) -> str:
    return ", ".join(f'"{word}"' for word in words)
