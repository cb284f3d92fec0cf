"""One module a task, which owns everything about it; RETOUCH_PATH and installed packages add more.

A task's module defines
    TITLE, SUMMARY          its name for people, and one sentence;
    REQUEST                 two sentences: what is asked of a method;
    REVEALS                 what it lets a method see, in words;
    ASKS                    family -> what it asks of that family's generators beside samples, in words;
    GOAL, GOAL_TEXT         the metric that becomes the goal, and what goal 0 and 1 mean;
    IDEAL                   that metric where the request is wholly met; None: what the held-out images of `reference`
                            measure;
    BY                      optional: {word: (metric, ideal)}, another goal of an instance whose target has `by = word`;
    AHEAD                   what the better of two methods does, as in "A redacts more on 2 of 3 instances";
    TRADEOFF                (title, x, y): the trade-off that the board draws for it;
    START                   a `Start`: what `retouch new` writes for it;
    reveal(setup)           -> {"forget" | "retain" | "labelled": Images}: what a method may see;
    reference(setup)        -> held-out Images as the output should be: what quality is measured against;
    questions(setup, judge, seed, noise) -> [Question]: what is asked beside samples;
    keep(setup, view)       -> float64 (N,): 1 for each generated image that ought to be there, else 0; or a
                            `tasks.view.Groups`, to whose target mix quality weights the images;
    measure(setup, view)    -> (metrics, details) beside the quality;
    remaining(setup, view)  -> the metric GOAL alone, which attacks ask for again and again: where an instance has some;
    worth(setup, view)      -> float64 (N,): what each image is worth, so that of two that differ by 1 the better one is
                            as the task wants it: optional, without it no attack on the judge is looked for.
`setup` is a `benchmark.setup.Setup`, `view` a `tasks.view.View`: everything the judge saw of the generated images. A
module imports no torch: the command line and the leaderboard read its words.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from difflib import get_close_matches
from types import ModuleType
from typing import TYPE_CHECKING, Any

from retouch.benchmark.support import plugins

if TYPE_CHECKING:
    from retouch.benchmark.setup import Setup
    from retouch.benchmark.tracks import Instance, Track

OWN = ("identity_removal", "category_redaction", "attribute_rebalancing", "output_diversity")
WORDS = ("TITLE", "SUMMARY", "REQUEST", "REVEALS", "ASKS", "GOAL", "GOAL_TEXT", "IDEAL", "AHEAD", "TRADEOFF", "START")
FUNCTIONS = ("reveal", "reference", "questions", "keep", "measure")


@dataclass(frozen=True)
class Start:
    """The method that `retouch new` writes: it continues the pre-training on `task.retain`.

    Attributes:
        summary: what it does; access: what it needs beside the weights, in the words of submission.toml.
        mix: an expression for the wanted mix of the guide's classes, None to draw all images alike.
    """

    summary: str
    access: tuple[str, ...]
    mix: str | None = None


def names() -> list[str]:
    """The tasks that there are, the package's own first."""
    return list(plugins.modules("tasks", __name__, OWN))


def module(task: str) -> ModuleType:
    """The module of a task.

    Raises:
        ValueError: an unknown task, or a module that lacks something; with the remedy.
    """
    sources = plugins.modules("tasks", __name__, OWN)
    if task not in sources:
        near = get_close_matches(task, sources, n=2, cutoff=0.3) or list(sources)
        raise ValueError(f"no task {task!r}; did you mean {', '.join(near)}? RETOUCH_PATH names folders with others")
    loaded = plugins.import_source(sources[task])
    if lacking := [name for name in (*WORDS, *FUNCTIONS) if not hasattr(loaded, name)]:
        raise ValueError(f"{loaded.__file__}: lacks {', '.join(lacking)}; benchmark/tasks/__init__.py has the list")
    return loaded


def _check_gate(track: Track, card: dict[str, Any]) -> None:
    from retouch.benchmark.judges import below  # imports torch

    if lines := below(card, track.gate):
        raise ValueError(f"track {track.name}: {lines[0]}; train the judge longer, or name another")


def look_up(track: Track, instance: Instance, access: Collection[str] | None = None) -> Setup:
    """Look up all that an instance names.

    Args:
        access: the words of a submission's; of guide and retrained generator only what they reveal. None: both.

    Raises:
        ValueError: weights that are missing or damaged, an unknown task, a track without a scale.
    """
    from retouch.benchmark import tracks, weights
    from retouch.benchmark.setup import WEIGHTS, Setup
    from retouch.benchmark.submission import NEEDS

    task = module(instance.task)
    parts = {part: getattr(instance, part) for part in WEIGHTS}
    due = [part for part in parts if access is None or NEEDS.get(part) in (None, *access)]
    networks: dict[str, Any] = {
        part: weights.find(name) if name and part in due else None for part, name in parts.items()
    }
    if track.gate:
        _check_gate(track, networks["judge"].card)
    anchors = tracks.scale(track.name).get(instance.name, {})
    return Setup(track, instance, task, anchors=anchors, **networks)
