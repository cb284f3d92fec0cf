"""Plan a grid: submissions x instances x operating points x seeds, and what of it is already done."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from retouch.benchmark import records, submission, versions, weights
from retouch.benchmark.records import UNSANDBOXED, Cost, Record
from retouch.benchmark.submission import Submission
from retouch.benchmark.support.files import read_bytes
from retouch.benchmark.support.places import method_file
from retouch.benchmark.tracks import Instance, Track

OWN_FILE = 1_000_000_000  # bytes of a submission's own file, weights for one, at most
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
        return versions.hashes(self.track, self.instance, self.submission.access) | own

    def key(self) -> str:
        """Name of the answers in the cache: a hash of what the worker was given, the scoring left out."""
        given = {name: value for name, value in self.identity().items() if name not in ("judge", "scale")}
        asked = [self.evaluation] * bool(self.evaluation) + ["sandboxed"] * self.sandboxed
        edit = [self.submission.entry, self.submission.access, self.params]
        return versions.digest([given, edit, self.seed, self.device, *asked])

    def record(self) -> Record | None:
        """The record at hand if it is valid and current; failed runs count as missing, so that they are tried again."""
        try:
            found, identity = records.read(self.record_path), self.identity()
        except (OSError, ValueError):
            return None
        asked = (self.submission.entry, self.submission.access, self.params)
        same = (found.method, found.access, found.params) == asked
        current = found.provenance.sha256.items() >= identity.items() and not versions.moved(found)
        locked = not self.sandboxed or found.provenance.sandbox != UNSANDBOXED
        return found if same and current and locked and found.status != "failed" else None


def method_sha256(folder: Path, entry: str) -> str:
    """Hash of a method: its code, what that imports from the package's own methods, and the submission's own files.

    Records, texts (.md) and the manifest are no part of it.
    """
    files, module = _own_files(folder), entry.split(":")[0]
    code = [file for file in files if file.suffix == ".py"]
    if entry != "images" and not (folder / f"{module}.py").exists():
        ours = method_file(module) or folder / f"{module}.py"
        if not ours.exists():
            raise ValueError(f"{ours} does not exist; `entry` in submission.toml names module:function")
        code.append(ours)
    imported = set().union(*map(_imports, code)) - set(files)
    digest = hashlib.sha256()
    for file in [*files, *sorted(imported)]:
        digest.update(file.name.encode() + b"\0" + read_bytes(file, OWN_FILE))
    return digest.hexdigest()


def _own_files(folder: Path) -> list[Path]:
    """The plain files of a submission that its method may read."""
    found: list[Path] = []
    for inner, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in ("records", "__pycache__", ".git")]
        found += [Path(inner, name) for name in names if name != "submission.toml" and not name.endswith(".md")]
    return sorted(file for file in found if file.is_file() and not file.is_symlink())


def _imports(file: Path) -> set[Path]:
    """A module's file and, recursively, those that it imports from the package's own methods."""
    found = {file}
    try:
        with _parsing:
            tree = ast.parse(read_bytes(file))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return found  # it imports nothing: it does not even run
    for node in ast.walk(tree):
        for path in map(method_file, _imported(node)):
            if path and path.exists() and path not in found:
                found |= _imports(path)
    return found


def _imported(node: ast.AST) -> list[str]:
    """The modules that a statement may import."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return []


def plan(
    folders: list[Path], track: Track, *, tasks: list[str] | None = None, instances: list[str] | None = None,
    seeds: list[int] | None = None, points: list[str] | None = None, tuning: bool = False, device: str = "cpu",
    sandboxed: bool = False,
) -> list[Run]:  # fmt: skip
    """Every run of the submissions in `folders` that fits, each once: their families and tasks, and what is asked for.

    Of the track's instances, those for tuning if `tuning`, else the others; those in `instances` either way.

    Raises:
        ValueError: a manifest that is wrong, a folder or seed that no record could carry, two folders of one name, an
            unknown instance or operating point.
    """
    folders = list(dict.fromkeys(folders))
    _check_names(folders, seeds or [])
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
            for seed in dict.fromkeys(seeds or track.seeds)
        ]
    return runs


def _check_names(folders: list[Path], seeds: list[int]) -> None:
    named: dict[str, Path] = {}
    for folder in folders:
        if not records.is_name(folder.name):
            raise ValueError(f"{folder}: a submission's name has lower-case letters, digits, _ . - (64 at most)")
        if folder.name in named:
            raise ValueError(f"{named[folder.name]} and {folder} have the same name: run one after the other")
        named[folder.name] = folder
    if wrong := [seed for seed in seeds if not 0 <= seed < 2**31]:
        raise ValueError(f"seed {wrong[0]}: seeds go from 0 to {2**31 - 1}")


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
