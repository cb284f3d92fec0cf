"""What a target's `prompts` ask beside a task's own samples: the same, within each prompt, and that prompts are obeyed.

target = { ..., prompts = ["a person with hat", ...], rephrased = ["a person in winter", ...] }: of a generator with
`conditions`. Prompts need not be those of its training. The task's own metric is measured on the images of each prompt:
the balance within prompts, or what is left of a concept where it is asked for. `rephrased` are an attack: prompts that
only imply the concept, held out from the method.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from retouch import metrics
from retouch.benchmark import joint
from retouch.benchmark.question import Question
from retouch.benchmark.setup import Setup
from retouch.benchmark.tasks.view import View

IMAGES = 100  # of each prompt
Row = tuple[metrics.Estimate, metrics.Estimate | None]  # a prompt's goal and fidelity
HELD_OUT = "rephrased"  # the field of a target that no method sees
FIELDS = {"prompted": "prompts", "rephrased": HELD_OUT}  # by the name of the question


def questions(setup: Setup, noise: int) -> list[Question]:
    """Images of each prompt, where the target names prompts; the base is asked too."""
    return [
        Question.prompted(name, [prompt for prompt in setup.target[field] for _ in range(IMAGES)], setup.shape, noise)
        for name, field in FIELDS.items()
        if setup.target.get(field)
    ]


def measure(setup: Setup, view: View) -> tuple[dict[str, metrics.Estimate], dict[str, Any]]:
    """The means over prompts of the task's own metric and of prompt fidelity; both by prompt in details.

    prompted_goal of `prompts`, rephrased_goal of `rephrased`, prompt_fidelity of both.
    """
    estimates: dict[str, metrics.Estimate] = {}
    table: dict[str, Row] = {}
    for name in [name for name in FIELDS if name in view.answers]:
        rows = by_prompt(setup, view, name)
        estimates[f"{name}_goal"] = mean([goal for goal, _ in rows.values()])
        table |= rows
    shown = [share for _, share in table.values() if share]
    estimates |= {"prompt_fidelity": mean(shown)} if shown else {}
    words = {prompt: [round(goal.value, 5), share and round(share.value, 5)] for prompt, (goal, share) in table.items()}
    return estimates, {"prompts": words} if words else {}


def by_prompt(setup: Setup, view: View, name: str) -> dict[str, Row]:
    """Prompt -> the task's own metric on its images, and its fidelity; of the answer called `name`."""
    rows: dict[str, Row] = {}
    prompts, names = setup.target[FIELDS[name]], setup.held_out().names
    for prompt, images in zip(prompts, np.split(view.answers[name], len(prompts)), strict=True):
        part = replace(view, verdict=view.judge.look(images), answers={}, spaces=())
        goal = setup.task.measure(setup, part)[0][setup.task.GOAL]
        rows[prompt] = goal, fidelity(setup, part, wanted(prompt, names))
    return rows


def wanted(prompt: str, names: dict[str, list[str]]) -> dict[str, int]:
    """Attribute -> value, for every value whose word stands in the prompt."""
    words = prompt.split()
    return {name: k for name, values in names.items() for k, value in enumerate(values) if value in words}


def fidelity(setup: Setup, view: View, values: dict[str, int]) -> metrics.Estimate | None:
    """Share of images that show all of the stated values, by the judge; the target's own attributes are left out.

    None where a prompt states nothing else.
    """
    others = {name: k for name, k in values.items() if name not in joint.names(setup.target["attribute"])}
    shown = [view.verdict.labels[name] == k for name, k in others.items() if name in view.verdict.labels]
    return metrics.share(np.all(shown, axis=0)) if shown else None


def mean(parts: list[metrics.Estimate]) -> metrics.Estimate:
    """Mean of independent estimates; their arms add by squares."""
    value = float(np.mean([part.value for part in parts]))
    below = np.sqrt(np.sum([(part.value - part.low) ** 2 for part in parts])) / len(parts)
    above = np.sqrt(np.sum([(part.high - part.value) ** 2 for part in parts])) / len(parts)
    return metrics.Estimate(value, value - below, value + above, sum(part.n for part in parts))
