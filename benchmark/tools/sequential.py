"""Forget one after another: each request is an edit of what the one before it left.

    python -m retouch.benchmark.tools.sequential taming_flows tiny/identity_removal/rendered-flow 0 1 2

edits the instance's base for person 0, the result for person 1, and so on; of a redaction the numbers are values of its
attribute. A request reveals its own forget images; whoever was removed before is in no retain set any more. Each has
the instance's budget, and the last row has all requests at once, with the budget of all. After each one the table has
the goal and quality of all requests so far, and every share: does what was taken out stay out? Methods that leave a
generator of the base's family can be followed by another request. Seed 0, in one process and unsandboxed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from retouch.benchmark import notebook, tracks
from retouch.benchmark.generators.base import Generator
from retouch.benchmark.run import look, score
from retouch.benchmark.setup import Setup
from retouch.benchmark.tasks.view import View
from retouch.benchmark.tools.edited import edited, method
from retouch.benchmark.tracks import Instance, Track
from retouch.benchmark.train.anchors import anchors


@dataclass(frozen=True)
class Row:
    """What holds after some requests: goal and quality of all of them, pre-training spent, and each value's share."""

    title: str
    goal: float | None
    quality: float | None
    spent: float
    shares: tuple[float, ...]


def rows(track: Track, instance: Instance, values: list[int], edit: Any, params: dict[str, Any]) -> Iterator[Row]:
    """A row of the base, one after each request, one of all requests at once.

    Raises:
        ValueError: a target that removes nothing, fewer than two values, an edit that cannot be edited again.
    """
    if "values" not in instance.target or len(set(values)) < 2:
        raise ValueError(f"{instance.name}: requests follow each other where a target names `values`, at least two")
    current: Any = notebook.opened(track, request(instance, values[:1])).generator
    yield measured("base", track, instance, values, values, current, 0.0)
    total = 0.0
    for k, value in enumerate(values):
        if not isinstance(current, Generator):
            raise ValueError(f"{type(current).__name__} is no generator that a second request could edit")
        current, more = answered(track, request(instance, [value], values[:k]), current, edit, params)
        total += more
        yield measured(f"{k + 1}: {value}", track, instance, values[: k + 1], values, current, total)
    whole = request(instance, values, budget=len(values))
    current, total = answered(track, whole, notebook.opened(track, whole).generator, edit, params)
    yield measured("at once", track, instance, values, values, current, total)


def request(instance: Instance, values: list[int], removed: list[int] | None = None, budget: int = 1) -> Instance:
    """The instance with another target, and with so many times its budget."""
    target = instance.target | {"values": values} | ({"removed": removed} if removed else {})
    times = {name: getattr(instance, name) and getattr(instance, name) * budget for name in ("share", "steps")}
    alone: dict[str, Any] = {"retrained": None, "retrained_again": [], "core": False}
    return instance.model_copy(update={"target": target, **alone, **times})


def answered(track: Track, asked: Instance, generator: Any, edit: Any, params: dict[str, Any]) -> tuple[Any, float]:
    """The generator after a request, and the share of pre-training that it took."""
    task = notebook.opened(track, asked)
    budget = task.budget()
    return edited(task, generator, edit, params, budget), task.spent(budget)


def measured(
    title: str, track: Track, instance: Instance, so_far: list[int], values: list[int], current: Any, total: float
) -> Row:
    """The row of an edited generator after the requests `so_far`; shares are of all `values`."""
    task = notebook.opened(track, request(instance, so_far))
    setup = replace(task.setup, anchors=anchors(task.setup))
    view = score.scaled_view(setup, task.answers(current))
    scores, shares = score.score_view(setup, view), shares_of(setup, view, values)
    goal, quality = (one.value if one else None for one in (scores.goal, scores.quality))
    return Row(title, goal, quality, total, shares)


def shares_of(setup: Setup, view: View, values: list[int]) -> tuple[float, ...]:
    """The share of each value among the samples, held against images that show none of them."""
    others = replace(setup, instance=request(setup.instance, values))
    view = replace(view, real=look.held_out(others).verdict)
    alone = (replace(setup, instance=request(setup.instance, [value])) for value in values)
    return tuple(float(setup.task.remaining(one, view).value) for one in alone)


def table(found: Iterator[Row], values: list[int]) -> Iterator[str]:
    """The rows in Markdown."""
    heads = ["after request", "goal of all so far", "quality", "pre-training", *(f"share of {v}" for v in values)]
    yield f"| {' | '.join(heads)} |"
    yield "| --- " * len(heads) + "|"
    for row in found:
        scores = ["–" if one is None else f"{one:.2f}" for one in (row.goal, row.quality)]
        yield f"| {' | '.join([row.title, *scores, f'{row.spent:.1%}', *(f'{one:.1%}' for one in row.shares)])} |"


def main(folder: str, name: str, *values: str) -> None:
    """Print the table of a submission's default point, line by line."""
    edit, manifest = method(folder)
    point = next((point for point in manifest.points if point.name == "default"), manifest.points[0])
    track_name, _, instance = name.partition("/")
    track, people = tracks.load(track_name), [int(value) for value in values]
    for line in table(rows(track, track.instance(instance), people, edit, manifest.params | point.params), people):
        print(line, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
