"""Plan a grid, submissions x instances x operating points x seeds, and estimate what each run takes."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retouch.benchmark import data, records, submission, weights
from retouch.benchmark.records import Cost
from retouch.benchmark.submission import Submission
from retouch.benchmark.support.places import method_file
from retouch.benchmark.tracks import Instance, Track


@dataclass(frozen=True)
class Run:
    """One method at one operating point on one instance with one seed."""

    folder: Path
    submission: Submission
    point: str
    track: Track
    instance: Instance
    seed: int
    device: str = "cpu"
    evaluation: int = 0  # added to the public evaluation seeds; `verify` draws one that nobody could know
    sandboxed: bool = False
    keep: bool = False  # the edited generator itself, see `run.keep`

    @property
    def name(self) -> str:
        """The submission's name: that of its folder."""
        return self.folder.name

    @property
    def params(self) -> dict[str, Any]:
        """What `edit` is called with."""
        return {**self.submission.params, **self.submission.point(self.point).params}

    @property
    def foreign(self) -> bool:
        """Whether its code is not the package's own: a .py beside the manifest comes first."""
        module = self.submission.entry.split(":")[0]
        return self.submission.entry != "images" and (
            (self.folder / f"{module}.py").exists() or not method_file(module)
        )

    @property
    def label(self) -> str:
        """The run in words, for people."""
        return f"{self.name} {self.point} on {self.instance.name} seed {self.seed}"

    @property
    def record_path(self) -> Path:
        """Where its record lies."""
        return self.folder / "records" / self.track.name / self.instance.name / f"{self.point}.{self.seed}.json"


def plan(
    folders: list[Path], track: Track, *, tasks: list[str] | None = None, instances: list[str] | None = None,
    seeds: list[int] | None = None, points: list[str] | None = None, tuning: bool = False, device: str = "cpu",
    sandboxed: bool = False,
) -> list[Run]:  # fmt: skip
    """Every run of the submissions in `folders` that fits their families and tasks and the filters, each once.

    Without `instances`, the track's tuning instances if `tuning`, else its other ones: the core at all points, ladders
    and divisions at the default one. With `instances` or `points` those are meant.

    Raises:
        ValueError: a manifest that is wrong, a folder or seed that no record could carry, two folders of one name, an
            unknown instance or operating point.
    """
    folders = list(dict.fromkeys(folders))
    _check_names(folders, seeds or [])
    names = {track.instance(name).name for name in instances or []}
    selection = [
        instance
        for instance in track.instances
        if (instance.name in names if names else instance.tuning == tuning) and (not tasks or instance.task in tasks)
    ]
    runs = []
    for folder in folders:
        manifest = submission.read(folder)
        for name in points or []:
            manifest.point(name)
        every = [point.name for point in manifest.points]
        runs += [
            Run(folder, manifest, point, track, instance, seed, device, sandboxed=sandboxed)
            for instance in selection
            if fits(manifest, instance)
            for point in (points or (every if names or tuning else due(manifest, instance)))
            for seed in dict.fromkeys(seeds or track.seeds)
        ]
    return runs


def _check_names(folders: list[Path], seeds: list[int]) -> None:
    by_name: dict[str, Path] = {}
    for folder in folders:
        if not records.is_name(folder.name):
            raise ValueError(f"{folder}: a submission's name has lower-case letters, digits, _ . - (64 at most)")
        if folder.name in by_name:
            raise ValueError(f"{by_name[folder.name]} and {folder} have the same name: run one after the other")
        by_name[folder.name] = folder
    if wrong := [seed for seed in seeds if not 0 <= seed < 2**31]:
        raise ValueError(f"seed {wrong[0]}: seeds go from 0 to {2**31 - 1}")


def fits(manifest: Submission, instance: Instance) -> bool:
    """Whether a submission says that it can do an instance, and the instance has what it needs."""
    listed = instance.family in manifest.families and instance.task in manifest.tasks
    return listed and bool(instance.retrained or "retrained" not in manifest.access)


def due(manifest: Submission, instance: Instance) -> list[str]:
    """The points that an instance has records of: all where it ranks, else the default one, or the first."""
    every = [point.name for point in manifest.points]
    return every if instance.core or instance.tuning else ["default" if "default" in every else every[0]]


def _card(name: str) -> dict[str, Any]:
    """The card of a base; empty where it is not at hand, which is said elsewhere."""
    try:
        return weights.find(name).card
    except weights.WeightsError:
        return {}


def able(runs: list[Run]) -> tuple[list[Run], list[str]]:
    """The runs whose bases can do what their methods need, and a line for each method and base that cannot.

    A base from outside says in its card what it can do; the package's own can do what is asked of their family.
    """
    cards = {name: _card(name) for name in {run.instance.base for run in runs}}
    lines: dict[str, None] = {}
    fitting = []
    for run in runs:
        known = cards[run.instance.base].get("capabilities", run.submission.needs)
        if lacking := [word for word in run.submission.needs if word not in known]:
            lines[f"{run.name} needs {', '.join(lacking)}, which {run.instance.base} does not have"] = None
        else:
            fitting.append(run)
    return fitting, list(lines)


def families(runs: Iterable[Run]) -> set[str]:
    """The families of the generators that workers without a sandbox will load."""
    return {run.instance.family for run in runs if not run.sandboxed}


def check_data(runs: Iterable[Run]) -> None:
    """Nothing, if the data of all bases are at hand; a base that is missing or damaged is left to its run's record.

    Raises:
        FileNotFoundError: files that a data set lacks, with the remedy.
    """
    for name in sorted({run.instance.base for run in runs}):
        with contextlib.suppress(weights.WeightsError):
            data.check(weights.find(name).recipe["data"])


def longest_first(runs: list[Run]) -> list[Run]:
    """The runs by their estimated time; the last are those that will not start, since their base is damaged."""
    by_time = sorted(zip(minutes(runs), range(len(runs)), strict=True), key=lambda pair: (-pair[0], pair[1]))
    return [runs[i] for _, i in by_time]


def minutes(runs: list[Run]) -> list[float]:
    """The estimated minutes of each run; 0 for one that will not start."""
    by_cell = {cell: _minutes(run) for cell, run in _cells(runs).items()}
    return [by_cell[_cell(run)] for run in runs]


def estimates(runs: list[Run]) -> list[dict[str, float]]:
    """The estimate of each run; runs that differ only by their seed share one."""
    by_cell = {cell: estimate(run) for cell, run in _cells(runs).items()}
    return [by_cell[_cell(run)] for run in runs]


def _cell(run: Run) -> tuple[Path, str, str, str]:
    return run.folder, run.track.name, run.instance.name, run.point


def _cells(runs: list[Run]) -> dict[tuple[Path, str, str, str], Run]:
    """One run of each cell."""
    return {_cell(run): run for run in reversed(runs)}


def _minutes(run: Run) -> float:
    minutes = estimate(run)["minutes"]
    return 0.0 if math.isnan(minutes) else minutes


def estimate(run: Run) -> dict[str, float]:
    """Minutes, GPU minutes, MB of memory (at most) and MB on disk (samples kept in the cache).

    NaN where the base is not at hand.

    Minutes are the mean of the records of other seeds or versions, where there are any; else at most what the budget,
    of a method that can train, and the base's sampling took on the machine that trained the base.
    """
    try:
        base = weights.find(run.instance.base)
    except weights.WeightsError:
        return {"minutes": math.nan, "gpu_minutes": math.nan, "memory": run.track.max_memory_mb, "disk": math.nan}
    pixels = base.config["channels"] * base.config["size"] ** 2
    whole = base.card.get("seconds", 0.0) * (run.instance.share or 0)  # 0: nobody knows
    edit = min(whole or run.track.max_minutes * 60, run.track.max_minutes * 60) if _can_train(run.submission) else 0.0
    sampling = base.card.get("measured", {}).get("seconds_per_image", 0.0) * run.instance.samples
    before = [cost.work_seconds + cost.harness_seconds for cost in _costs(run)]
    minutes = (sum(before) / len(before) if before else edit + sampling) / 60
    return {
        "minutes": minutes,
        "gpu_minutes": minutes * gpu_share(run),
        "memory": run.track.max_memory_mb,
        "disk": run.instance.samples * pixels / 2**20,
    }


def _can_train(method: Submission) -> bool:
    """Whether a method may spend its budget; one that sees neither gradients nor training data leaves nearly all."""
    return not method.control and not {"gradients", "training_data"}.isdisjoint(method.access)


def gpu_share(run: Run) -> float:
    """The part of a GPU that a run takes: `gpu_share` in its base's card, else a whole one; 0 on a processor."""
    on_gpu = run.device.startswith("cuda")
    return float(weights.find(run.instance.base).card.get("gpu_share", 1.0)) if on_gpu else 0.0


def _costs(run: Run) -> list[Cost]:
    """Costs of the run's records with any seed or version."""
    costs = []
    for file in run.record_path.parent.glob(f"{run.point}.*.json"):
        with contextlib.suppress(OSError, ValueError):
            costs.append(records.read(file).cost)
    return [cost for cost in costs if cost]
