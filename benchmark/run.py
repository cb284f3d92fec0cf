"""Run a grid: skip what is done, work on several runs at once, leave one record each, and never stop for a bad one."""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import os
import platform
import subprocess
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from benchmark import coordinate, joint, records, reveal, weights
from benchmark import score as scoring
from benchmark.cache import cache_folder
from benchmark.coordinate import Answers, RunFailed
from benchmark.files import write_atomically, write_json
from benchmark.generators import family
from benchmark.pictures import sheet
from benchmark.plan import PACKAGE, Run, estimate
from benchmark.records import Cost, Provenance, Record

SHEET = 10  # pairs of pictures on a contact sheet
Progress = Callable[[Run, int, int], None]
_one_at_a_time = Lock()


def grid(
    runs: list[Run], workers: int = 1, on_start: Callable[[Run], None] = lambda run: None,
    on_progress: Progress = lambda run, step, of: None,
) -> Iterable[Record]:  # fmt: skip
    """Work through the runs, `workers` at a time; yields each record when it is written.

    The longest come first, so that no worker is left with a long run while the others have nothing to do.
    """
    with ThreadPoolExecutor(workers) as pool:
        longest = sorted(runs, key=lambda run: -estimate(run)["minutes"])
        pending = {pool.submit(execute, run, on_start, on_progress): run for run in longest}
        try:
            for done in as_completed(pending):
                yield done.result()
        finally:
            pool.shutdown(cancel_futures=True)


def execute(
    run: Run, on_start: Callable[[Run], None] = lambda run: None, on_progress: Progress = lambda run, step, of: None
) -> Record:
    """One run to its record, written beside its contact sheet; one that fails leaves a record that says why."""
    on_start(run)
    began = time.perf_counter()
    try:
        given = _answers(run, on_progress)
        record = _scored(run, given, began)
    except RunFailed as failure:
        record = _record(run, failure.status, str(failure)[:4000], {})
    records.write(run.folder, record)
    return record


def _answers(run: Run, on_progress: Progress) -> Answers:
    """The answers from the cache, or from a worker."""
    file = cache_folder() / "answers" / f"{run.key()}.npz"
    if file.exists():
        with np.load(file, allow_pickle=False) as kept:
            arrays = dict(kept)
        cost = {
            name.removeprefix("cost_"): arrays.pop(name).item() for name in list(arrays) if name.startswith("cost_")
        }
        return Answers(arrays, cost)
    given = coordinate.answers(run, lambda step, of: on_progress(run, step, of))
    _keep(file, given.arrays | {f"cost_{name}": np.array(value) for name, value in given.cost.items()})
    return given


def _keep(file: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write arrays into the cache; a full disk costs the cache, not the run."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    with contextlib.suppress(OSError):
        write_atomically(file, buffer.getvalue())


def _scored(run: Run, given: Answers, began: float) -> Record:
    family(run.instance.family)  # its libraries are loaded before the clock of the base's answers begins
    asked = time.perf_counter()
    with _one_at_a_time:  # else two runs on one instance would both make what one of them can keep for the other
        base = base_answers(run, [name for name in given.arrays if name.startswith("log_prob")])
    given.cost["base"] = given.cost.get("base", 0.0) + time.perf_counter() - asked
    scores = scoring.score(run.track.name, run.instance, {**given.arrays, **base})
    status, reason = "ok", scores.reason
    if scores.quality is None or scores.quality.value < run.track.floor:
        quality = "unmeasurable" if scores.quality is None else f"{scores.quality.value:.2f}"
        status = "below_floor"
        reason = reason or f"quality {quality} is below the track's floor of {run.track.floor}: no goal is scored"
    ranked = {"goal": scores.goal, "score": scores.score} if status == "ok" else {}
    details = scores.details | _contact_sheet(run, given.arrays["paired"], base["base_paired"])
    elsewhere = given.cost["wall"] + given.cost["sampling"] + given.cost["base"]
    given.cost["harness"] = max(0.0, time.perf_counter() - began - elsewhere)
    return _record(
        run, status, reason, given.cost, quality=scores.quality, metrics=scores.metrics, details=details, **ranked
    )


def base_answers(run: Run, likelihoods: list[str]) -> dict[str, np.ndarray]:
    """What the base itself answers to the paired questions: made here, once, not by the worker."""
    key = f"{weights.card(weights.folder(run.instance.base))['sha256'][:32]}.{run.instance.task}.{run.seed}"
    file = cache_folder() / "base" / f"{key}.{scoring.VERSION}.npz"
    with contextlib.suppress(OSError, ValueError), np.load(file, allow_pickle=False) as kept:
        if set(kept.files) >= {f"base_{name}" for name in likelihoods}:
            return dict(kept)
    import torch

    from benchmark.generators.flow import log_probs
    from benchmark.tasks import identity_removal

    generator = weights.load(weights.folder(run.instance.base))
    rng = torch.Generator().manual_seed(reveal.paired_seed(run.seed))
    arrays = {"base_paired": generator.sample(reveal.PAIRED, rng).numpy()}
    if likelihoods:
        for name, images in identity_removal.likelihood_sets(run.instance, scoring.judge(run.instance)).items():
            rng = torch.Generator().manual_seed(reveal.NOISE_SEED)
            arrays[f"base_log_prob_{name}"] = log_probs(generator, torch.from_numpy(images), reveal.DRAWS, rng)
    _keep(file, arrays)
    return arrays


def _contact_sheet(run: Run, edited: np.ndarray, base: np.ndarray) -> dict[str, Any]:
    """Write base above edited, from the same noise, and return what the judge says of each picture."""
    rows = np.concatenate([base[:SHEET], edited[:SHEET]])
    zoom = max(1, 72 // rows.shape[-1])
    write_atomically(run.record_path.with_suffix(".png"), sheet(rows, SHEET, zoom))
    attribute, judge = run.instance.target["attribute"], scoring.judge(run.instance)
    labels = joint.cells(judge.look(rows).labels, attribute, judge.sizes).tolist()
    verdicts = [labels[:SHEET], labels[SHEET:]]
    return {"sheet": {"columns": SHEET, "rows": ["base", "edited"], "attribute": joint.key(attribute),
                      "verdicts": verdicts}}  # fmt: skip


def _record(run: Run, status: records.Status, reason: str, cost: dict[str, Any], **scores: Any) -> Record:
    picture = run.record_path.with_suffix(".png")
    hashes = run.identity() | ({"picture": weights.sha256(picture)} if "metrics" in scores else {})
    return Record(
        submission=run.name, point=run.point, method=run.submission.entry, params=run.params, track=run.track.name,
        instance=run.instance.name, seed=run.seed, status=status, reason=reason,
        cost=_cost(run, cost) if cost else None,
        provenance=Provenance(
            versions={"track": run.track.version, "instance": run.instance.version, "metrics": scoring.VERSION,
                      "retouch": importlib.metadata.version("retouch-bench")},
            sha256=hashes, packages=_packages(), git_commit=_commit(),
            time=datetime.now(UTC).isoformat(timespec="seconds"),
        ),
        **scores,
    )  # fmt: skip


def _cost(run: Run, took: dict[str, Any]) -> Cost:
    recipe = weights.card(weights.folder(run.instance.base))["recipe"]
    return Cost(
        seconds=round(took["edited"], 3),
        charged_seconds=round(took["edited"] - took["wall"], 3),
        share=round(took["edited"] / (took["yardstick"] * recipe["steps"]), 5),
        yardstick_seconds=round(took["yardstick"], 5),
        gradient_steps=took["steps"],
        peak_memory_mb=round(took["memory"], 1),
        device=_device(run.device),
        sampling_relative=round(took["answered"], 4),
        sampling_seconds=round(took["sampling"], 3),
        base_seconds=round(took["base"], 3),
        harness_seconds=round(took["harness"], 3),
        cut=took["cut"],
    )


@cache
def _device(device: str) -> str:
    if device.startswith("cuda"):
        import torch

        return torch.cuda.get_device_name(device)
    return f"{platform.machine()} CPU, one thread"


@cache
def _packages() -> dict[str, str]:
    names = ("torch", "diffusers", "numpy", "scikit-learn", "safetensors")
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in names}}


@cache
def _commit() -> str:
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        told = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=PACKAGE, capture_output=True, text=True, timeout=5, check=True
        )
        return told.stdout.strip()
    return ""


class Status:
    """What `retouch status` reads: one JSON a grid, in the cache folder, rewritten as runs begin and end."""

    def __init__(self, runs: list[Run]) -> None:
        self.file = cache_folder() / "status" / f"{os.getpid()}.json"
        self.state: dict[str, Any] = {"pid": os.getpid(), "began": time.time(), "waiting": [r.label for r in runs],
                                      "running": {}, "done": {}}  # fmt: skip

    def started(self, run: Run) -> None:
        """A run begins."""
        self.state["waiting"].remove(run.label)
        self.state["running"][run.label] = time.time()
        self._write()

    def finished(self, record: Record) -> None:
        """A run has its record."""
        self.state["running"].pop(record.label, None)
        self.state["done"][record.label] = record.status
        self._write()

    def _write(self) -> None:
        with contextlib.suppress(OSError):
            write_json(self.file, self.state)
