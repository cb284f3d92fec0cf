"""`retouch score`: images that were made elsewhere, scored as any other; with a submission they leave a record."""

from __future__ import annotations

import time
from pathlib import Path

from retouch.benchmark import records, submission, tracks
from retouch.benchmark.cli import show
from retouch.benchmark.records import Record
from retouch.benchmark.run import grid as runner
from retouch.benchmark.run import reveal, score
from retouch.benchmark.run.edit import Answers
from retouch.benchmark.run.plan import Run
from retouch.benchmark.run.score import Scores
from retouch.benchmark.submit import read_images


def show_scores(path: Path, track: str, instance: str, resize: bool) -> None:
    """Score images and print the result; nothing is written."""
    asked = tracks.load(track).instance(instance)
    images, found = read_images.read(path, asked.samples, reveal.image_shape(asked), resize)
    _say(found, asked.samples)
    _print(score.score(track, asked, {"samples": images}), asked.name)


def write_record(path: Path, run: Run, resize: bool) -> Record:
    """Score images as a submission's run; the record says samples_only, and the array is kept for another scoring.

    Raises:
        ValueError: images that are not as the instance wants them, or a submission whose entry is a function.
    """
    if run.submission.entry != "images":
        raise ValueError(
            f"{run.name} names a method ({run.submission.entry}): `retouch run {run.name}` makes its records. "
            'For images that were made elsewhere, its submission.toml must say entry = "images"'
        )
    began = time.perf_counter()
    images, found = read_images.read(path, run.instance.samples, reveal.image_shape(run.instance), resize)
    _say(found, run.instance.samples)
    given = Answers({"samples": images})
    record = runner.scored(run, given, began)
    runner.keep_answers(run, given)
    target = records.write(run.folder, record)
    show.show_records([record])
    show.console.print(f"the record is {target}", markup=False)
    return record


def run_of(folder: Path, track: str, instance: str, point: str, seed: int) -> Run:
    """The run whose record the images of a submission become."""
    manifest, known = submission.read(folder), tracks.load(track)
    asked = known.instance(instance)
    if asked.task not in manifest.tasks or asked.family not in manifest.families:
        raise ValueError(f"{folder / 'submission.toml'} does not list {asked.task} or {asked.family}: add them there")
    return Run(folder, manifest, manifest.point(point).name, known, asked, seed)


def _say(found: int, used: int) -> None:
    if found > used:
        show.console.print(f"{found:,} images; the first {used:,} are scored, as many as of any other method")


def _print(found: Scores, instance: str) -> None:
    """Goal, quality and score, then every raw metric."""
    shown = [(name, getattr(found, name)) for name in ("goal", "quality")]
    if found.reason:
        show.console.print(f"{instance}: {found.reason}", markup=False)
    for name, one in [*((n, o) for n, o in shown if o is not None), *found.metrics.items()]:
        show.console.print(f"{name:<22} {one.value:>9.4f}  {one.low:.4f} to {one.high:.4f}", markup=False)
    if found.score is not None:
        show.console.print(f"{'score':<22} {found.score:>9.4f}", markup=False)
