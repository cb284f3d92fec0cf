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
from retouch.benchmark import tracks
from retouch.benchmark.run import look
from retouch.benchmark.run import score as scoring
from retouch.benchmark.setup import Setup
from retouch.benchmark.support.files import write_json
from retouch.benchmark.tasks import look_up
from retouch.benchmark.weights import Weights

SEEDS = (9001, 9002, 9003)


def anchor(
    setup: Setup, network: Weights, base_counts: dict[str, list[int]]
) -> tuple[dict[str, Any], dict[str, list[int]]]:
    """Goal metric and FD of a generator on an instance, {value, se} each, and the judge's counts."""
    generator = network.load()
    measured: list[dict[str, Any]] = []
    total: dict[str, Any] = {}
    for seed in SEEDS:
        samples = generator.sample(setup.instance.samples, torch.Generator().manual_seed(seed)).numpy()
        measured.append(scoring.measure(setup, {"samples": samples}, base_counts)[0])
        counts = scoring.counts(setup, look.judge(setup).look(samples))
        total = {head: np.add(total.get(head, 0), more).tolist() for head, more in counts.items()}
    return {name: _mean([estimates[name] for estimates in measured]) for name in (setup.task.GOAL, "fd")}, total


def _mean(parts: list[metrics.Estimate]) -> dict[str, float]:
    """Mean over seeds; its error is the larger of what the seeds show and what each interval claims."""
    values = np.array([part.value for part in parts])
    claimed = np.mean([(part.high - part.low) / 3.92 for part in parts])
    error = max(values.std(ddof=1), claimed) / np.sqrt(len(values))
    return {"value": round(float(values.mean()), 6), "se": round(float(error), 6)}


def anchors(setup: Setup) -> dict[str, Any]:
    """What the scale holds of one instance."""
    unchanged, counts = anchor(setup, setup.base, {})
    # a tuning instance without a control: its goal is a share or a distance, and 0 is what it aims at
    ideal = {setup.task.GOAL: {"value": 0.0, "se": 0.0}}
    retrained = anchor(setup, setup.retrained, counts)[0] if setup.retrained else ideal
    unit = round(scoring.quality_unit(setup), 6)
    return {"counts": counts, "unit": unit, "unchanged": unchanged, "retrained": retrained}


def main(name: str, *instances: str) -> None:
    """Measure every instance of a track, or those named, and write its scale."""
    torch.set_num_threads(1)
    track = tracks.load(name)
    file = tracks.scale_file(name)
    scale = json.loads(file.read_text()) if instances and file.exists() else {}
    if not file.exists():
        write_json(file, scale)
    chosen = [track.instance(instance) for instance in instances] or track.instances
    with ThreadPoolExecutor(2) as pool:
        setups = [look_up(track, instance) for instance in chosen]
        for instance, entry in zip(chosen, pool.map(anchors, setups), strict=True):
            scale[instance.name] = entry
            write_json(file, scale)
            print(instance.name, {end: entry[end] for end in ("unchanged", "retrained")}, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
