"""Measure what `unchanged` and `retrained` score on every instance: the anchors of goal and quality.

`python -m retouch.benchmark.train.anchors TRACK [INSTANCE ...]` samples base and control with three seeds that no run
uses and writes benchmark/tracks/TRACK/scale.json. It is part of the track's version: a score cannot move without it.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch

from retouch import metrics
from retouch.benchmark import tasks, tracks, weights
from retouch.benchmark.run import score as scoring
from retouch.benchmark.support.files import write_json
from retouch.benchmark.tracks import Instance

SEEDS = (9001, 9002, 9003)


def anchor(
    instance: Instance, name: str, base_counts: dict[str, list[int]]
) -> tuple[dict[str, Any], dict[str, list[int]]]:
    """Goal metric and FD of the generator `name` on an instance, {value, se} each, and the judge's counts."""
    generator = weights.load(weights.folder(name))
    seen, goal = [], tasks.module(instance.task).GOAL
    total: dict[str, Any] = {}
    for seed in SEEDS:
        samples = generator.sample(instance.samples, torch.Generator().manual_seed(seed)).numpy()
        seen.append(scoring.measure(instance, {"samples": samples}, base_counts)[0])
        counted = scoring.counts(instance, scoring.judge(instance).look(samples))
        total = {head: np.add(total.get(head, 0), new).tolist() for head, new in counted.items()}
    return {metric: _mean([one[metric] for one in seen]) for metric in (goal, "fd")}, total


def _mean(parts: list[metrics.Estimate]) -> dict[str, float]:
    """Mean over seeds; its error is the larger of what the seeds show and what each interval claims."""
    values = np.array([part.value for part in parts])
    claimed = np.mean([(part.high - part.low) / 3.92 for part in parts])
    error = max(values.std(ddof=1), claimed) / np.sqrt(len(values))
    return {"value": round(float(values.mean()), 6), "se": round(float(error), 6)}


def anchors(instance: Instance) -> dict[str, Any]:
    """What the scale holds of one instance."""
    unchanged, counts = anchor(instance, instance.base, {})
    # a tuning instance without a control: its goal is a share or a distance, and 0 is what it aims at
    ideal = {tasks.module(instance.task).GOAL: {"value": 0.0, "se": 0.0}}
    retrained = anchor(instance, instance.retrained, counts)[0] if instance.retrained else ideal
    unit = round(scoring.quality_unit(instance), 6)
    return {"counts": counts, "unit": unit, "unchanged": unchanged, "retrained": retrained}


def main(track: str, *names: str) -> None:
    """Measure every instance of a track, or those named, and write its scale."""
    torch.set_num_threads(1)
    file, plan = tracks.scale_file(track), tracks.load(track)
    found = json.loads(file.read_text()) if names and file.exists() else {}
    chosen = [plan.instance(name) for name in names] or plan.instances
    with ThreadPoolExecutor(2) as pool:
        for instance, one in zip(chosen, pool.map(anchors, chosen), strict=True):
            found[instance.name] = one
            write_json(file, found)
            print(instance.name, {name: one[name] for name in ("unchanged", "retrained")}, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
