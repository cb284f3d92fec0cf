"""The course of an edit: share, goal and quality against its steps, as papers plot them.

    python -m retouch.benchmark.tools.course taming_flows tiny/category_redaction/digits-flow --point open-loop

copies the generator that is being edited every so many steps and scores the copies afterwards, whose cost counts
nothing. Only methods that train the weights they are given have a course; an average of weights that a method hands out
at its end is not in it but for the last row, which is the edit's result. One process, unsandboxed, seed 0.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

from retouch.benchmark import notebook, tracks
from retouch.benchmark.generators.base import Generator
from retouch.benchmark.generators.flat import floats
from retouch.benchmark.tools.edited import edited, method
from retouch.benchmark.tracks import Instance, Track

LOOKS = 8  # along the planned steps, at most


class Look(NamedTuple):
    """A generator on its way: after how many steps, for what share of pre-training, and what it scores."""

    step: str
    spent: float
    metric: float
    goal: float | None
    quality: float | None


def course(track: Track, instance: Instance, edit: Any, params: dict[str, Any], looks: int = LOOKS) -> Iterator[Look]:
    """A row for each copy, the last of the result.

    Raises:
        ValueError: a method that trains other weights than those it is given, or none.
    """
    task = notebook.opened(track, instance)
    generator, copies = task.generator, list[tuple[int, float, Generator]]()

    def keep(step: int, of: int) -> None:
        if step % max(1, of // looks) == 0:
            copies.append((step, task.spent(budget), generator.copy()))

    budget = task.budget(keep)
    result = edited(task, generator, edit, params, budget)
    total = task.spent(budget)
    if not copies or (floats(generator.module) == floats(copies[0][2].module)).all():
        raise ValueError("the method trains other weights than those it is given, or none: it has no course")
    for step, cost, copy in copies:
        yield look(task, str(step), cost, copy)
    yield look(task, "result", total, result)


def look(task: notebook.Workbench, step: str, spent: float, generator: Any) -> Look:
    """Score a copy."""
    found = task.score(generator)
    metric = found.metrics[task.setup.task.GOAL].value
    goal, quality = (one.value if one else None for one in (found.goal, found.quality))
    return Look(step, spent, metric, goal, quality)


def table(rows: Iterator[Look], metric: str) -> Iterator[str]:
    """The rows in Markdown."""
    yield f"| step | pre-training | {metric} | goal | quality |"
    yield "| --- | --- | --- | --- | --- |"
    for row in rows:
        scores = ["–" if one is None else f"{one:.2f}" for one in (row.goal, row.quality)]
        yield f"| {row.step} | {row.spent:.2%} | {row.metric:.3f} | {' | '.join(scores)} |"


def main(arguments: list[str]) -> None:
    """Print the table, line by line."""
    parser = argparse.ArgumentParser(prog="course", description=__doc__.splitlines()[0])
    parser.add_argument("submission", help="a submission's name, or a path to its folder")
    parser.add_argument("instance", help="track/task/base")
    parser.add_argument("--point", default="default")
    parser.add_argument("--looks", type=int, default=LOOKS, help="copies along the planned steps")
    options = parser.parse_args(arguments)
    (edit, manifest), (name, _, inner) = method(options.submission), options.instance.partition("/")
    params, track = manifest.params | manifest.point(options.point).params, tracks.load(name)
    instance = track.instance(inner).model_copy(update={"core": False})  # without attacks
    rows = course(track, instance, edit, params, options.looks)
    for line in table(rows, notebook.opened(track, instance).setup.task.GOAL):
        print(line, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
