"""The positive control: a generator trained from scratch on the data as it should have been.

Its weights ship like a base's (`retouch pretrain` repeats them); the cost of that training is charged here.
"""

from retouch.benchmark.budget import Budget
from retouch.benchmark.generators.base import Generator
from retouch.benchmark.task import Task


def edit(generator: Generator, task: Task, budget: Budget, *, train_steps: int | None = None) -> Generator:
    """Return the retrained generator.

    Args:
        train_steps: what its training took; by default as many steps as the base's own.
    """
    budget.charge(train_steps or task.table["pretraining_steps"])
    return task.retrained
