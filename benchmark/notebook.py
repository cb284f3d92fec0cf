"""The notebook form: a task with its generator, budget and scoring in one object, no worker, no files to write.

>>> import benchmark as retouch
>>> task = retouch.load("tiny/category_redaction/digits-gan")
>>> edited = my_edit(task.generator, task, task.budget())
>>> task.score(edited)
"""

from __future__ import annotations

import tempfile
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

import numpy as np

from retouch.benchmark import tracks
from retouch.benchmark.budget import Budget, yardstick
from retouch.benchmark.generators.base import Generator
from retouch.benchmark.run import edit, grid, reveal, score
from retouch.benchmark.run.plan import Run
from retouch.benchmark.submission import Family, Need, Point, Submission
from retouch.benchmark.submission import Task as TaskName
from retouch.benchmark.task import Task
from retouch.benchmark.worker import main


class Workbench(Task):
    """A `Task` that reveals all it can, with `generator`, `budget()`, `score(edited)` and `picture(edited)`."""

    def __init__(self, plan: Run) -> None:
        self._plan = plan
        self._folder = tempfile.TemporaryDirectory(prefix="retouch-")
        reveal.lay_out(plan, Path(self._folder.name) / "reveal")
        super().__init__(Path(self._folder.name) / "reveal")

    @property
    def generator(self) -> Generator:
        """A fresh copy of the base, every time."""
        return self.base()

    @cached_property
    def _yardstick(self) -> float:
        return yardstick(self.base(), self.told["batch"])

    def budget(self) -> Budget:
        """A fresh budget, as the harness would give it; it counts from now."""
        steps = self.told["train_steps"]
        return Budget(min(steps * self._yardstick, self.told["max_seconds"]), steps, self._yardstick)

    def score(self, edited: Any) -> score.Scores:
        """Goal, quality, score and all raw metrics of an edited generator, or of any object with .sample.

        Raises:
            RunFailed: it gave something else than it was asked for, say floats where uint8 images are due.
        """
        arrays = {}
        for question, about in reveal.questions(self._plan):
            if (array := main.answer(edited, question, about)) is not None:
                shape = edit.shape_of(self._plan, question, about)
                arrays[question["name"]] = edit.fitting(question, array, shape)
        base = grid.base_answers(self._plan, [name for name in arrays if name.startswith("log_prob")])
        return score.score(self._plan.track.name, self._plan.instance, {**arrays, **base})

    def picture(self, edited: Any, columns: int = 10) -> bytes:
        """PNG: the base's images above the edited generator's, from the same noise."""
        import torch

        from retouch.benchmark.support.pictures import sheet

        rows = [one.sample(columns, torch.Generator().manual_seed(0)).numpy() for one in (self.base(), edited)]
        return sheet(np.concatenate(rows), columns, zoom=max(1, 72 // rows[0].shape[-1]))


def load(name: str, *, seed: int = 0, device: str = "cpu") -> Workbench:
    """Open an instance for work in a notebook or script.

    Args:
        name: track/task/base, as `retouch tasks` lists them; seed: of the task's own draws and of the evaluation.

    Raises:
        ValueError: an unknown track or instance, with the nearest known names.
    """
    track_name, _, instance = name.partition("/")
    track = tracks.load(track_name)
    plain = Submission(
        title="notebook", authors=["you"], families=list(get_args(Family)), tasks=list(get_args(TaskName)),
        entry="notebook:edit", access=list(get_args(Need)), points=[Point(name="default")],
    )  # fmt: skip
    return Workbench(Run(Path(), plain, "default", track, track.instance(instance), seed, device))
