"""`retouch new`: a submission that already runs, for one task and one or more families."""

from __future__ import annotations

import re
from pathlib import Path

from retouch.benchmark import records
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
BY_GUIDE = """{target}
    labels = task.guide.probs(images, task.target["attribute"]).argmax(1)
    weights = (target / torch.bincount(labels, minlength=len(target)).clamp(min=1))[labels]"""
REMOVAL = ("Continues the pre-training on the images that may stay.", ["training_data"], EVEN)
STARTS = {  # task -> summary, what it needs beside the weights, how the images are weighted
    "identity_removal": REMOVAL,
    "category_redaction": REMOVAL,
    "attribute_rebalancing": (
        "Continues the pre-training on images drawn so that the attribute follows the target.",
        ["training_data", "classifier"],
        'torch.tensor(task.target["shares"]).flatten()',
    ),
    "output_diversity": (
        "Continues the pre-training with every category drawn equally often.",
        ["training_data", "classifier"],
        'torch.ones(task.guide.probs(images[:1], task.target["attribute"]).shape[1])',
    ),
}


def new(name: str, families: list[str], task: str) -> Path:
    """Write a submission; returns its folder.

    Args:
        name: a name, for ./submissions/NAME, or a path.

    Raises:
        ValueError: a name that no record could carry, or a folder that holds something already.
    """
    folder = Path(name) if len(Path(name).parts) > 1 else Path("submissions", name)
    if not records.is_name(folder.name):
        raise ValueError(f"{folder.name!r} can be no submission's name: lower-case letters, digits, _ . - (64 at most)")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} holds something already; choose another name, or remove it first")
    summary, access, weights = STARTS[task]
    module = re.sub(r"\W", "_", folder.name)
    module = module if module.isidentifier() else f"_{module}"
    needs = ["weights", "gradients", *["discriminator"] * ("gan" in families), *access]
    tuning = "" if task == "output_diversity" else f"; `retouch run {folder.name} --tuning` runs instances meant for it"
    manifest = MANIFEST.format(
        title=folder.name, summary=summary, families=_quoted(families), task=task, module=module,
        access=_quoted(needs), tuning=tuning,
    )  # fmt: skip
    write_atomically(folder / f"{module}.py", _method(summary, weights).encode())
    write_atomically(folder / "submission.toml", manifest.encode())
    return folder


def _method(summary: str, weights: str) -> str:
    """The method's text: with even weights as they are, else drawn to a target by the guide's labels."""
    text = METHOD.format(summary=summary, images="task.retain", weights="WEIGHTS")
    if weights == EVEN:
        return text.replace("WEIGHTS", weights)
    return text.replace("    weights = WEIGHTS", "    target = " + BY_GUIDE.format(target=weights))


def _quoted(words: list[str]) -> str:
    return ", ".join(f'"{word}"' for word in words)
