"""Measure a track's scale: what `unchanged`, the ideal and `retrained` measure on every instance, and the base's place.

`python -m retouch.benchmark.train.anchors TRACK [INSTANCE ...]` samples base and control with three seeds that no run
uses and writes benchmark/tracks/TRACK/scale.json. It is part of the track's version: a score cannot move without it.

Of each instance the scale holds
    counts, kept        of the base's images: how many the judges put in each class, and how many ought to be there;
    units               of FD in each encoder's space;
    unchanged           the base's goal metric and the parts of its quality, {value, se} each: goal 0, quality 1;
    ideal               the goal metric of the request wholly met: goal 1;
    retrained           where there is a control, its goal and quality on this scale, over all its trainings;
    place               the base between noise and real images, see `place`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import torch

from retouch import metrics
from retouch.benchmark import data, generators, tracks, weights
from retouch.benchmark.question import answer
from retouch.benchmark.run import look
from retouch.benchmark.run import score as scoring
from retouch.benchmark.run.scale import OTHERS, PARTS, SECOND, on_scale, quality
from retouch.benchmark.setup import Setup, goal
from retouch.benchmark.support.cache import cache_folder, code_key, json_key, remembered
from retouch.benchmark.support.files import write_json
from retouch.benchmark.tasks import look_up
from retouch.benchmark.tasks.view import View
from retouch.benchmark.train.gaussians import Mixture
from retouch.benchmark.weights import Weights
from retouch.metrics.estimate import t_value

SEEDS = (9001, 9002, 9003)
FITTED = 4000  # training images that the mixture of Gaussians is fitted to: 200 for each of its 20
Estimates = dict[str, metrics.Estimate]
Answers = dict[str, Any]  # name -> array


def anchors(setup: Setup) -> dict[str, Any]:
    """What the scale holds of one instance."""
    views = [_view(setup, _answers(setup, setup.base, seed), {}) for seed in SEEDS]
    counts = _total(scoring.counts(setup, view.verdict) for view in views)
    kept = min(len(scoring.kept(setup.task.keep(setup, view))) for view in views)
    rows = [scoring.measure_view(setup, replace(view, base=counts), kept)[0] for view in views]
    entry = {"counts": counts, "kept": kept, "units": _rounded(scoring.units(setup)), "unchanged": _means(setup, rows)}
    ideal = goal(setup.task, setup.target)[1]
    entry["ideal"] = _held_out(setup, counts) if ideal is None else {"value": ideal, "se": 0.0}
    trainings = [setup.retrained, *map(weights.find, setup.instance.retrained_again)] if setup.retrained else []
    if trainings:
        entry["retrained"] = _control(setup, trainings, entry)
    return entry | {"place": place(setup, rows[0], entry)}


def place(setup: Setup, base: Estimates, entry: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Quality on an absolute scale, 1 for real images: of the base, a mixture of Gaussians, and noise.

    The power mean of the same four parts, each as its ratio to what real images would have: u / (FD + u), and the
    shares over those of two samples of one distribution. A quality of 1 of a base in a low place is worth little.
    """
    shape, n = setup.shape, setup.instance.samples
    noise = np.random.default_rng(0).integers(0, 256, (n, *shape), dtype=np.uint8)
    sets = {"gaussians": _mixture(json.dumps(setup.data)).sample(n), "noise": noise}
    found = {name: _measured(setup, {"samples": images}, entry) for name, images in sets.items()}
    return {name: _absolute(rows, entry["units"]["fd"]) for name, rows in {"base": base, **found}.items()}


def _absolute(rows: Estimates, unit: float) -> dict[str, Any]:
    """Quality against real images, and the part that binds."""
    if "fd" not in rows:
        return {"value": 0.0, "binds": "fd"}
    fd = rows["fd"]
    value, low, high = (unit / (max(end, 0) + unit) for end in (fd.value, fd.high, fd.low))
    parts = {"fd": metrics.Estimate(value, low, high, fd.n)}
    for name in PARTS[1:]:
        part = rows[name]
        same = max(rows["precision" if name == "recall" else name].same or 1.0, 1e-9)  # recall's own is of its images
        parts[name] = metrics.Estimate(part.value / same, part.low / same, part.high / same, part.n)
    joined = metrics.joined_quality(parts)
    return {"value": round(joined.value, 4), "binds": joined.note.removesuffix(" binds")}


@cache
def _mixture(spec: str) -> Mixture:
    """A mixture of Gaussians fitted to training images."""
    return Mixture(data.load(json.loads(spec), "train").images[:FITTED])


def _view(setup: Setup, answers: Answers, counts: dict[str, list[int]]) -> View:
    """Answers as judges and encoders see them, through the cache: instances on one base share them."""
    return scoring.view(setup, answers, counts, again=True)


def _measured(setup: Setup, answers: Answers, entry: dict[str, Any]) -> Estimates:
    """The raw metrics of answers beside an instance's base."""
    return scoring.measure_view(setup, _view(setup, answers, entry["counts"]), entry["kept"])[0]


def _answers(setup: Setup, network: Weights, seed: int) -> Answers:
    """Samples; where the goal goes by likelihoods, also what network and base answer to the task's questions."""
    samples = {"samples": _sampled(setup, network, seed)}
    if setup.goal == setup.task.GOAL:
        return samples
    asked = setup.task.questions(setup, look.judge(setup), seed, seed)
    models = {"": network.load(setup.device), "base_": setup.base.load(setup.device)}
    return samples | {
        prefix + one.name: answer(model, one.message(), one.arrays) for prefix, model in models.items() for one in asked
    }


def _sampled(setup: Setup, network: Weights, seed: int) -> np.ndarray:
    """As many images as the instance asks for, uint8 (N, C, H, W), through the cache."""
    n = setup.instance.samples
    key = json_key([network.sha256, code_key(generators), n, seed, *setup.where])
    file = cache_folder() / "base" / f"{key}.npz"
    rng = torch.Generator().manual_seed(seed)
    return remembered(file, lambda: {"samples": network.load(setup.device).sample(n, rng).numpy()})["samples"]


def _total(counts: Iterable[dict[str, list[int]]]) -> dict[str, list[int]]:
    """Counts by attribute, added up."""
    total: dict[str, list[int]] = {}
    for one in counts:
        total = {name: np.add(total.get(name, 0), more).tolist() for name, more in one.items()}
    return total


def _held_out(setup: Setup, counts: dict[str, list[int]]) -> dict[str, float]:
    """The goal metric of the held-out images as they should be."""
    images = setup.task.reference(setup).images
    ideal = scoring.measure(setup, {"samples": images}, counts)[0][setup.task.GOAL]
    return {"value": round(ideal.value, 6), "se": round((ideal.high - ideal.low) / 3.92, 6)}


def _control(setup: Setup, trainings: list[Weights], entry: dict[str, Any]) -> dict[str, Any]:
    """Goal and quality of the control, mean over its trainings and the seeds, as any row of the board has them.

    `trainings` holds each training's own goal, so that their spread is seen; the interval is that of one training's
    mean over seeds, or of the trainings' spread, whichever is wider.
    """
    goals: list[list[Any]] = []
    qualities: list[Any] = []
    for network in trainings:
        rows = [_measured(setup, _answers(setup, network, seed), entry) for seed in SEEDS]
        goals.append([on_scale(row[setup.goal], entry["unchanged"][setup.goal], entry["ideal"]) for row in rows])
        qualities += [quality(row, entry) for row in rows]
    means = [float(np.mean([goal.value for goal in part])) for part in goals]
    return {
        "goal": _interval([goal for part in goals for goal in part], means),
        "quality": _interval([one for one in qualities if one], []),
        "trainings": [round(mean, 4) for mean in means],
    }


def _interval(rows: list[Any], trainings: list[float]) -> dict[str, float]:
    """Mean with the rows' mean interval, or the trainings' spread by Student's t where that is wider."""
    value, low, high = (float(np.mean([getattr(row, end) for row in rows])) for end in ("value", "low", "high"))
    if len(trainings) > 1:
        half = t_value(len(trainings) - 1) * float(np.std(trainings, ddof=1)) / len(trainings) ** 0.5
        low, high = min(low, value - half), max(high, value + half)
    return _rounded({"value": value, "low": low, "high": high})


def _means(setup: Setup, rows: list[Estimates]) -> dict[str, dict[str, float]]:
    """Goal metric and parts of quality, each the mean over seeds with its standard error.

    The error is the larger of what the seeds show and what each number claims, over the root of their number. What the
    seeds share, held-out images, judge and its doubt about unclear images, a run shares too: its own interval has it.
    """
    others = [OTHERS] if setup.goal != setup.task.GOAL else []
    names = [setup.goal, setup.task.GOAL, *others, *(prefix + part for prefix in ("", SECOND) for part in PARTS)]
    return {name: _mean([row[name] for row in rows]) for name in names if name in rows[0]}


def _mean(parts: list[metrics.Estimate]) -> dict[str, float]:
    values = np.array([part.value for part in parts])
    claimed = np.mean([(part.high - part.low) / 3.92 if part.se is None else part.se for part in parts])
    error = max(values.std(ddof=1), claimed) / np.sqrt(len(values))
    return _rounded({"value": float(values.mean()), "se": float(error)})


def _rounded(numbers: dict[str, float]) -> dict[str, float]:
    return {name: round(number, 6) for name, number in numbers.items()}


def main(name: str, *instances: str, device: str = "cpu") -> None:
    """Measure every instance of a track, or those named, and write its scale."""
    torch.set_num_threads(1)
    track = tracks.load(name)
    file = tracks.scale_file(name)
    scale = json.loads(file.read_text()) if instances and file.exists() else {}
    if not file.exists():
        write_json(file, scale)
    chosen = [track.instance(instance) for instance in instances] or track.instances
    alike: dict[str, list[tracks.Instance]] = {}
    for instance in chosen:
        alike.setdefault(_measured_on(instance), []).append(instance)
    with ThreadPoolExecutor(2) as pool:
        setups = [replace(look_up(track, group[0]), device=device) for group in alike.values()]
        for group, entry in zip(alike.values(), pool.map(anchors, setups), strict=True):
            scale |= {instance.name: entry for instance in group}
            write_json(file, scale)
            print(*[instance.name for instance in group],
                  {part: entry.get(part) for part in ("ideal", "retrained", "place")}, flush=True)  # fmt: skip


def _measured_on(instance: tracks.Instance) -> str:
    """What an instance's anchors depend on: neither its budget nor how many images of a person it reveals."""
    fields = instance.model_dump(exclude={"name", "version", "share", "steps", "core", "unranked", "attacks", "tuning"})
    return json_key(fields | {"target": {k: v for k, v in instance.target.items() if k != "forget_images"}})


if __name__ == "__main__":
    main(*sys.argv[1:])
