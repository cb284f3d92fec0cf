"""What the tests of the diffusion methods share: the bars' model, and tasks in a folder of the test's own."""

from functools import partial
from pathlib import Path

import pytest
import toy_bars

from retouch.benchmark.generators.base import Generator
from retouch.benchmark.task import Task


@pytest.fixture
def base() -> Generator:
    """A diffusion model that is hardly trained; to be copied, not changed."""
    return toy_bars.model()


@pytest.fixture
def task(tmp_path: Path) -> "partial[Task]":
    """Make a task from a target, and images to retain."""
    return partial(toy_bars.task, tmp_path)
