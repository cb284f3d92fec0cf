"""Plan a grid: submissions x instances x operating points x seeds, and what of it is already done."""

from __future__ import annotations

import ast
import contextlib
import hashlib
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from benchmark import records, submission, versions, weights
from benchmark.files import read_bytes
from benchmark.records import UNSANDBOXED, Cost, Record
from benchmark.submission import Submission
from benchmark.tracks import Instance, Track

PACKAGE = Path(__file__).parent.parent
_parsing = Lock()  # Python 3.11 may lose count of its depth when two threads parse at once (python/cpython#106905)


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

    @property
    def name(self) -> str:
        """The submission's name: that of its folder."""
        return self.folder.name

    @property
    def params(self) -> dict[str, Any]:
        """What `edit` is called with."""
        return {**self.submission.params, **self.submission.point(self.point).params}

    @property
    def label(self) -> str:
        """For people: what runs where."""
        return f"{self.name} {self.point} on {self.instance.name} seed {self.seed}"

    @property
    def record_path(self) -> Path:
        """Where its record lies."""
        return self.folder / "records" / self.track.name / self.instance.name / f"{self.point}.{self.seed}.json"

    def identity(self) -> dict[str, str]:
        """Hashes and versions of all that decides the result; a record with others is stale."""
        own = {"method": method_sha256(self.folder, self.submission.entry)}
        return versions.hashes(self.track, self.instance) | own

    def key(self) -> str:
        """Name of the answers in the cache: a hash of what the worker was given, the scoring left out."""
        given = {name: value for name, value in self.identity().items() if name not in ("judge", "scale")}
        asked = [self.evaluation] * bool(self.evaluation) + ["sandboxed"] * self.sandboxed
        edit = [self.submission.entry, self.submission.access, self.params]
        return versions.digest([given, edit, self.seed, self.device, *asked])

    def record(self) -> Record | None:
        """The record at hand if it is valid and current; failed runs count as missing, so that they are tried again."""
        try:
            found = records.read(self.record_path)
        except (OSError, ValueError):
            return None
        current = found.provenance.sha256.items() >= self.identity().items() and found.params == self.params
        measured = found.provenance.versions.get("metrics") == versions.METRICS
        locked = not self.sandboxed or found.provenance.sandbox != UNSANDBOXED
        return found if current and measured and locked and found.status != "failed" else None


def method_sha256(folder: Path, entry: str) -> str:
    """Hash of a method's code: the submission's own .py files, or the module and what it imports from its package."""
    files = sorted(folder.glob("**/*.py"))
    module = entry.split(":")[0]
    if entry != "images" and not (folder / f"{module}.py").exists():
        files += sorted(_imports(PACKAGE / (module.replace(".", "/") + ".py")))
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode() + b"\0" + read_bytes(file))
    return digest.hexdigest()


def _imports(file: Path) -> set[Path]:
    """A module's file and, recursively, those that it imports from its own package."""
    if not file.exists():
        raise ValueError(f"{file} does not exist; `entry` in submission.toml names module:function")
    found = {file}
    with _parsing:
        tree = ast.parse(file.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == file.parent.name:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            for path in (PACKAGE / (name.replace(".", "/") + ".py") for name in names):
                if path.exists() and path not in found:
                    found |= _imports(path)
    return found


def plan(
    folders: list[Path], track: Track, *, tasks: list[str] | None = None, instances: list[str] | None = None,
    seeds: list[int] | None = None, points: list[str] | None = None, tuning: bool = False, device: str = "cpu",
    sandboxed: bool = False,
) -> list[Run]:  # fmt: skip
    """Every run of the submissions in `folders` that fits: their families and tasks, and what is asked for.

    Of the track's instances, those for tuning if `tuning`, else the others; those in `instances` either way.

    Raises:
        ValueError: a manifest that is wrong, or an unknown task, instance or operating point.
    """
    wanted = {track.instance(name).name for name in instances or []}
    chosen = [
        one
        for one in track.instances
        if (one.name in wanted if wanted else one.tuning == tuning) and (not tasks or one.task in tasks)
    ]
    runs = []
    for folder in folders:
        manifest = submission.read(folder)
        for name in points or []:
            manifest.point(name)
        runs += [
            Run(folder, manifest, point.name, track, instance, seed, device, sandboxed=sandboxed)
            for instance in chosen
            if fits(manifest, instance)
            for point in manifest.points
            if not points or point.name in points
            for seed in seeds or track.seeds
        ]
    return runs


def fits(manifest: Submission, instance: Instance) -> bool:
    """Whether a submission says that it can do an instance, and the instance has what it needs."""
    listed = instance.family in manifest.families and instance.task in manifest.tasks
    return listed and bool(instance.retrained or "retraining" not in manifest.access)


def estimate(run: Run) -> dict[str, float]:
    """Minutes, MB of memory (at most) and MB on disk (samples kept in the cache).

    Minutes are the mean of the records of other seeds or versions, where there are any; else at most what the budget
    and the base's sampling took on the machine that trained the base.
    """
    card = weights.card(weights.folder(run.instance.base))
    pixels = card["config"]["channels"] * card["config"]["size"] ** 2
    edit = min(card["seconds"] * run.instance.share, run.track.max_minutes * 60)
    sampling = card.get("measured", {}).get("seconds_per_image", 0.0) * run.instance.samples
    before = [cost.work_seconds + cost.harness_seconds for cost in _costs(run)]
    return {
        "minutes": (sum(before) / len(before) if before else edit + sampling) / 60,
        "memory": run.track.max_memory_mb,
        "disk": run.instance.samples * pixels / 2**20,
    }


def _costs(run: Run) -> list[Cost]:
    """What the run took with other seeds, or before something changed."""
    found = []
    for file in run.record_path.parent.glob(f"{run.point}.*.json"):
        with contextlib.suppress(OSError, ValueError):
            found.append(records.read(file).cost)
    return [cost for cost in found if cost]
