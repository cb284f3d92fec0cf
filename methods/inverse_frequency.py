"""Inverse class frequency: continue the pre-training with every category drawn equally often.

Needs labels, here the guide's, of the kind that diversity weights do without: p_i = 1 / (classes x images in class).
"""

import torch

from retouch.benchmark.budget import Budget
from retouch.benchmark.generators.base import Generator
from retouch.benchmark.task import Task
from retouch.methods.target import guide_values
from retouch.methods.training import continue_training


def edit(generator: Generator, task: Task, budget: Budget, *, share: float = 0.5, lr: float = 1.0) -> Generator:
    """Train on task.retain, categories even; share of the budget, step size relative to pre-training's."""
    labels = guide_values(task, task.retain)
    counts = torch.bincount(labels).clamp(min=1)
    return continue_training(generator, task.retain, 1 / counts[labels].float(), task, budget, share, lr)
