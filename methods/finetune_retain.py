"""Fine-tuning on the rest: continue the pre-training without the unwanted images, and hope for forgetting."""

from retouch.benchmark.budget import Budget
from retouch.benchmark.generators.base import Generator
from retouch.benchmark.task import Task
from retouch.methods.training import continue_training


def edit(generator: Generator, task: Task, budget: Budget, *, share: float = 0.5, lr: float = 1.0) -> Generator:
    """Train on task.retain; share of the budget to use, step size relative to the pre-training's."""
    return continue_training(generator, task.retain, None, task, budget, share, lr)
