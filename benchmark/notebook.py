"""The notebook form: a task with its generator, budget and scoring in one object, no worker, no files to write.

>>> import retouch
>>> task = retouch.load("tiny/category_redaction/digits-gan")
>>> edited = my_edit(task.generator, task, task.budget())
>>> task.score(edited)
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

import numpy as np

from retouch.benchmark import generators, tasks, tracks, weights
from retouch.benchmark.budget import Budget, Yardstick, yardstick
from retouch.benchmark.generators.base import Generator
from retouch.benchmark.operations import Operations
from retouch.benchmark.question import answer
from retouch.benchmark.run import reveal, score
from retouch.benchmark.run.base_answers import base_answers
from retouch.benchmark.run.keep import FOLDER, place
from retouch.benchmark.run.plan import Run
from retouch.benchmark.run.resolve import Resolved
from retouch.benchmark.submission import Need, Point, Submission
from retouch.benchmark.task import Task
from retouch.benchmark.tasks import look_up


class Workbench(Task):
    """A `Task` that reveals all it can, with `generator`, `budget()`, `score(edited)` and `picture(edited)`."""

    def __init__(self, resolved: Resolved) -> None:
        self._resolved, self.setup = resolved, resolved.setup
        self._counter: Operations | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="retouch-")
        reveal.lay_out(resolved, Path(self._folder.name) / "reveal")
        super().__init__(Path(self._folder.name) / "reveal")

    @property
    def generator(self) -> Generator:
        """A fresh copy of the base, every time."""
        return self.base()

    @cached_property
    def _yardstick(self) -> Yardstick:
        return yardstick(self.base(), self.table["batch"])

    def budget(self, report: Callable[[int, int], None] = lambda step, of: None) -> Budget:
        """A fresh budget, as the harness would give it; it counts from now until the next one, or the score.

        report: called before each of the method's steps with its number and how many are planned.
        """
        self._stop_counting()
        budget = Budget(self.table["train_steps"], self._yardstick, self.table["max_seconds"], report=report)
        self._counter = budget.counter.__enter__()
        return budget

    def spent(self, budget: Budget) -> float:
        """What of the base's pre-training a budget has gone on so far, as a share."""
        return budget.spent / (budget.yardstick.operations * self.setup.pretraining)

    def _stop_counting(self) -> None:
        if self._counter is not None:
            self._counter.__exit__(None, None, None)
            self._counter = None

    def score(self, edited: Any) -> score.Scores:
        """Goal, quality, score and all raw metrics of an edited generator, or of any object with .sample.

        Raises:
            ValueError: an answer of another form than its question states, say floats in place of uint8 images.
        """
        return score.score(self._resolved.setup, self.answers(edited))

    def answers(self, edited: Any) -> dict[str, np.ndarray]:
        """What an edited generator answers to all that the harness asks, with the base's own answers; see `score`."""
        self._stop_counting()
        questions, arrays = reveal.questions(self._resolved), {}
        for question in questions:
            if (array := answer(edited, question.message(), question.arrays)) is not None:
                arrays[question.name] = question.check(array)
        base = base_answers(self._resolved.setup, [question for question in questions if question.name in arrays])
        return arrays | base

    def picture(self, edited: Any, columns: int = 10) -> bytes:
        """PNG: the base's images above the edited generator's, from the same noise."""
        import torch

        from retouch.benchmark.support.pictures import sheet

        pair = (self.base(), edited)
        rows = [generator.sample(columns, torch.Generator().manual_seed(0)).numpy() for generator in pair]
        return sheet(np.concatenate(rows), columns, zoom=max(1, 72 // rows[0].shape[-1]))


def load_edited(
    submission: str, instance: str, *, point: str = "default", seed: int = 0, folder: str | os.PathLike[str] = FOLDER,
    device: str = "cpu",
) -> Generator:  # fmt: skip
    """The edited generator that `retouch run SUBMISSION --keep` has left.

    Args:
        instance: track/task/base; folder: where it was kept.

    Raises:
        ValueError: it was not kept, with the command that keeps it; WeightsError: the weights are damaged.
    """
    kept = place(submission, instance, point, seed, Path(folder))
    if not (kept / "card.json").is_file():
        track, _, rest = instance.partition("/")
        raise ValueError(f"{kept} does not exist; `retouch run {submission} --track {track} --instance {rest} "
                         f"--point {point} --seed {seed} --keep` makes it")  # fmt: skip
    return weights.load(kept, device)


def load(name: str, *, seed: int = 0, device: str = "cpu") -> Workbench:
    """Open an instance for work in a notebook or script.

    Args:
        name: track/task/base, as `retouch tasks` lists them; seed: of the task's own draws and of the evaluation.

    Raises:
        ValueError: an unknown track or instance, with the nearest known names.
    """
    track_name, _, instance = name.partition("/")
    track = tracks.load(track_name)
    return opened(track, track.instance(instance), seed=seed, device=device)


def opened(track: tracks.Track, instance: tracks.Instance, *, seed: int = 0, device: str = "cpu") -> Workbench:
    """Open an instance, which may be another than the track's own; the scale knows those alone, see `Setup.anchors`."""
    plain = Submission(
        title="notebook", authors=["you"], families=generators.names(), tasks=tasks.names(),
        entry="notebook:edit", control=True, access=list(get_args(Need)), points=[Point(name="default")],
    )  # fmt: skip
    run = Run(Path(), plain, "default", track, instance, seed, device)
    setup = replace(look_up(track, run.instance), device=device)
    return Workbench(Resolved(run, setup, identity={}, key=""))
