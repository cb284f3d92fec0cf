"""Balanced fine-tuning: continue the pre-training on images drawn so that the attribute follows the target.

The training images have no labels; the guide's stand in for them. p_i = target share / observed share of the class that
the guide assigns.
"""

import torch

from benchmark.budget import Budget
from benchmark.generators.base import Generator
from benchmark.task import Task
from methods.continued import continue_training


def edit(generator: Generator, task: Task, budget: Budget, *, share: float = 0.5, lr: float = 1.0) -> Generator:
    """Train on task.retain with the target's shares; share of the budget, step size relative to pre-training's."""
    labels = task.guide.probs(task.retain, task.target["attribute"]).argmax(1)
    observed = torch.bincount(labels, minlength=len(task.target["shares"])) / len(labels)
    ratio = torch.tensor(task.target["shares"]) / observed.clamp(min=1 / len(labels))
    return continue_training(generator, task.retain, ratio[labels], task, budget, share, lr)
