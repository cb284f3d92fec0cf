"""Forget many, by likelihoods: one person after the other, each from the base, mean and spread over all of them.

    python -m retouch.benchmark.tools.people taming_flows tiny/identity_removal/rendered-flow \\
        --people 0 1 2 3 4 --images 1 4 8 15

The table of Taming Normalizing Flows: quantile drops on five sets of images, beside the published rows. It asks for
likelihoods alone, so that no judge has to recognise the people among the samples. Seed 0, in one process.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from statistics import mean, stdev
from typing import Any

from retouch.benchmark import notebook, tracks
from retouch.benchmark.question import answer
from retouch.benchmark.run import look
from retouch.benchmark.run.base_answers import base_answers
from retouch.benchmark.run.reveal import NOISE_SEED
from retouch.benchmark.tasks.identity_removal import PUBLISHED, SETS, quantile_drops
from retouch.benchmark.tasks.view import View
from retouch.benchmark.tools.edited import edited, method
from retouch.benchmark.tracks import Instance, Track

Drops = dict[str, float]  # set of images -> quantile drop; "share" of the pre-training that the edit took


def drops(track: Track, instance: Instance, edit: Any, params: dict[str, Any]) -> Drops:
    """Edit the base for the instance's person; what the likelihoods of each set have lost.

    Raises:
        ValueError: a base or an edited generator without likelihoods.
    """
    task = notebook.opened(track, instance)
    budget = task.budget()
    result = edited(task, task.generator, edit, params, budget)
    share = task.spent(budget)
    questions = task.setup.task.questions(task.setup, look.judge(task.setup), 0, NOISE_SEED)
    answers = {question.name: answer(result, question.message(), question.arrays) for question in questions}
    known = {name: array for name, array in answers.items() if array is not None}
    unseen: Any = None  # no judge looks
    found = quantile_drops(View(unseen, None, {}, known | base_answers(task.setup, questions)))
    if not found:
        raise ValueError(f"{instance.name}: quantiles are of likelihoods, which a flow has before and after the edit")
    return {name: found[f"quantile_drop_{name}"].value for name in SETS} | {"share": share}


def of_person(instance: Instance, person: int, images: int) -> Instance:
    """The instance with another person and number of forget images."""
    target = instance.target | {"values": [person], "forget_images": images}
    return instance.model_copy(update={"target": target, "retrained": None, "retrained_again": [], "core": False})


def table(
    track: Track, instance: Instance, people: list[int], ladder: list[int], edit: Any, params: dict[str, Any]
) -> Iterator[str]:
    """In Markdown, mean ± standard deviation over people, for each number of forget images."""
    yield f"| forget images | people | {' | '.join(SETS)} | pre-training |"
    yield "| --- " * (3 + len(SETS)) + "|"
    for images in ladder:
        if images in PUBLISHED:
            yield f"| {images} | published: 20 | {' | '.join(PUBLISHED[images])} | <1% |"
        rows = [drops(track, of_person(instance, person, images), edit, params) for person in people]
        cells = [spread([row[name] for row in rows]) for name in SETS]
        yield f"| {images} | {len(rows)} | {' | '.join(cells)} | {mean(row['share'] for row in rows):.1%} |"


def spread(values: list[float]) -> str:
    """`mean ± standard deviation`; of one value that alone."""
    return f"{mean(values):.3f}" + (f" ± {stdev(values):.3f}" if len(values) > 1 else "")


def main(arguments: list[str]) -> None:
    """Print the table, line by line."""
    parser = argparse.ArgumentParser(prog="people", description=__doc__.splitlines()[0])
    parser.add_argument("submission", help="a submission's name, or a path to its folder")
    parser.add_argument("instance", help="track/identity_removal/base")
    parser.add_argument("--people", type=int, nargs="+", required=True)
    parser.add_argument("--images", type=int, nargs="+", default=[15])
    parser.add_argument("--point", default="default")
    options = parser.parse_args(arguments)
    (edit, manifest), (name, _, inner) = method(options.submission), options.instance.partition("/")
    track, params = tracks.load(name), manifest.params | manifest.point(options.point).params
    for line in table(track, track.instance(inner), options.people, options.images, edit, params):
        print(line, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
