"""`retouch score`: score images that were made elsewhere, and write a record if a submission is named."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from retouch.benchmark import records, submission, tracks
from retouch.benchmark.records import Record
from retouch.benchmark.run import score
from retouch.benchmark.run.answers import Answers, keep_answers
from retouch.benchmark.run.plan import Run
from retouch.benchmark.run.record import scored
from retouch.benchmark.run.resolve import resolve
from retouch.benchmark.run.score import Scores
from retouch.benchmark.setup import Setup
from retouch.benchmark.submit import read_images
from retouch.benchmark.support.console import console
from retouch.benchmark.tasks import look_up


def show_scores(path: Path, track: str, instance: str, resize: bool) -> None:
    """Score images and print the result, without writing a record."""
    loaded = tracks.load(track)
    setup = look_up(loaded, loaded.instance(instance))
    _print(score.score(setup, {"samples": _read(path, setup, resize)}), setup.instance.name)


def write_record(path: Path, run: Run, resize: bool) -> Record:
    """Score images as a submission's run and write its record, with status samples_only; the array goes to the cache.

    Raises:
        ValueError: images of another number or form than the instance's, or a submission whose entry is a function.
    """
    if run.submission.entry != "images":
        raise ValueError(
            f"{run.name} names a method ({run.submission.entry}): `retouch run {run.name}` makes its records. "
            'For images that were made elsewhere, its submission.toml must say entry = "images"'
        )
    began, resolved = time.perf_counter(), resolve(run)
    answers = Answers({"samples": _read(path, resolved.setup, resize)})
    record = scored(resolved, answers, [], began)
    keep_answers(resolved, answers)
    records.write(run.folder, record)
    return record


def run_of(folder: Path, track: str, name: str, point: str, seed: int) -> Run:
    """The run that the images of a submission stand for; `name` is the instance's."""
    manifest, loaded = submission.read(folder), tracks.load(track)
    instance = loaded.instance(name)
    if instance.task not in manifest.tasks or instance.family not in manifest.families:
        gap = f"does not list {instance.task} or {instance.family}"
        raise ValueError(f"{folder / 'submission.toml'} {gap}: add them there")
    return Run(folder, manifest, manifest.point(point).name, loaded, instance, seed)


def _read(path: Path, setup: Setup, resize: bool) -> np.ndarray:
    """Read as many images as the instance is scored on, and print a line where there are more."""
    n = setup.instance.samples
    images, count = read_images.read(path, n, setup.shape, resize)
    if count > n:
        console.print(f"{count:,} images; the first {n:,} are scored, as many as of any other method")
    return images


def _print(scores: Scores, instance: str) -> None:
    """Print goal and quality, every raw metric, then the score."""
    axes = {name: axis for name in ("goal", "quality") if (axis := getattr(scores, name)) is not None}
    if scores.reason:
        console.print(f"{instance}: {scores.reason}", markup=False)
    for name, number in (axes | scores.metrics).items():
        line = f"{name:<22} {number.value:>9.4f}  {number.low:.4f} to {number.high:.4f}"
        console.print(line, markup=False)
    if scores.quality is not None:
        console.print(f"{'binds':<22} {scores.quality.binds:>9}", markup=False)
    if scores.score is not None:
        console.print(f"{'score':<22} {scores.score:>9.4f}", markup=False)
