"""The negative control: the base as it is. Its goal is 0 and its quality 1 by the definition of the scale."""

from retouch.benchmark.budget import Budget
from retouch.benchmark.generators.base import Generator
from retouch.benchmark.task import Task


def edit(generator: Generator, task: Task, budget: Budget) -> Generator:
    """Return the base."""
    return generator
