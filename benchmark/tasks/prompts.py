"""What a target's `prompts` ask beside a task's own samples: the same, within each prompt, and that prompts are obeyed.

target = { ..., prompts = ["a person with hat", ...] }: of a generator with `conditions`. Prompts need not be those of
its training. The task's own metric is measured on the images of each prompt: the balance within prompts, or what is
left of a concept where it is asked for.
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

IMAGES = 200  # of each prompt


def questions(setup: Setup, noise: int) -> list[Question]:
    """Images of each prompt, where the target names prompts; the base is asked too."""
    prompts = setup.target.get("prompts", [])
    each = [prompt for prompt in prompts for _ in range(IMAGES)]
    return [Question.prompted("prompted", each, setup.shape, noise)] if prompts else []


def measure(setup: Setup, view: View) -> tuple[dict[str, metrics.Estimate], dict[str, Any]]:
    """prompted_goal, the mean over prompts of the task's own metric, and prompt_fidelity; both by prompt in details."""
    if "prompted" not in view.answers:
        return {}, {}
    rows, names = {}, setup.held_out().names
    for prompt, images in zip(setup.target["prompts"], np.split(view.answers["prompted"], len(setup.target["prompts"])),
                              strict=True):  # fmt: skip
        part = replace(view, verdict=view.judge.look(images), answers={}, spaces=())
        goal = setup.task.measure(setup, part)[0][setup.task.GOAL]
        rows[prompt] = goal, fidelity(setup, part, wanted(prompt, names))
    goals, shown = [row[0] for row in rows.values()], [row[1] for row in rows.values() if row[1]]
    estimates = {"prompted_goal": mean(goals)} | ({"prompt_fidelity": mean(shown)} if shown else {})
    table = {prompt: [round(goal.value, 5), share and round(share.value, 5)] for prompt, (goal, share) in rows.items()}
    return estimates, {"prompts": table}


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
