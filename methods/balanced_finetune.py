"""Balanced fine-tuning: continue the pre-training on images drawn so that the attribute follows the target.

The training images have no labels; the guide's stand in for them. p_i = target share / observed share of the class that
the guide assigns.
"""

import torch

from retouch.benchmark.budget import Budget
from retouch.benchmark.generators.base import Generator
from retouch.benchmark.task import Task
from retouch.methods.target import guide_values, target_shares
from retouch.methods.training import continue_training


def edit(generator: Generator, task: Task, budget: Budget, *, share: float = 0.5, lr: float = 1.0) -> Generator:
    """Train on task.retain with the target's shares; share of the budget, step size relative to pre-training's."""
    target = target_shares(task).flatten().float()  # of two attributes: the cells of their joint table
    labels = guide_values(task, task.retain)
    observed = torch.bincount(labels, minlength=len(target)) / len(labels)
    ratio = target / observed.clamp(min=1 / len(labels))
    return continue_training(generator, task.retain, ratio[labels], task, budget, share, lr)
