"""Records in: a folder of submissions, or one Parquet, becomes one table of runs and a list of rejected files.

Only files that are new or changed (by size and modification time) since the index was written are read. Details and
pictures are read when somebody looks at them.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

import pandas as pd

from retouch.benchmark import records, submission
from retouch.leaderboard.read import frame, index
from retouch.leaderboard.read.index import Stamps

RELEASES, RELEASE = "_releases", "release "  # a folder beside the submissions; how an edition of it is called
CHUNK = 2000  # files that are read before they become a table
TAIL = re.compile(r" \[type=\w+(?:, input_value=(.*?), input_type=\w+)?\]")  # what pydantic puts after each message
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Records:
    """What a folder or a Parquet holds."""

    root: Path
    runs: pd.DataFrame
    rejected: dict[str, str] = field(default_factory=dict)
    manifests: dict[str, submission.Submission] = field(default_factory=dict)
    stamps: Stamps = field(default_factory=dict, repr=False)

    @property
    def controls(self) -> set[str]:
        """The submissions that anchor the scale."""
        declared = {name for name, manifest in self.manifests.items() if manifest.control}
        return declared | ({"unchanged", "retrained"} & set(self.runs["submission"].cat.categories))

    def access(self, name: str) -> Sequence[str]:
        """What a submission needs; without a manifest that says so, it may need anything."""
        return self.manifests[name].access if name in self.manifests else get_args(submission.Need)

    def published(self) -> set[str]:
        """The submissions that name a paper; the others are baselines."""
        return {name for name, manifest in self.manifests.items() if manifest.paper}

    def title(self, name: str) -> str:
        """A submission's title; its name where it has no manifest."""
        return self.manifests[name].title if name in self.manifests else name

    def record(self, keys: Mapping[str, Any]) -> records.Record | None:
        """The whole record of a run, read now; None where there is no file (a Parquet) or it has changed into none."""
        try:
            return records.read(self.root / frame.relative(keys))
        except (OSError, ValueError, RecursionError):
            return None

    def sheet(self, keys: Mapping[str, Any]) -> Path:
        """Where the contact sheet of a run lies, whether it exists or not."""
        return (self.root / frame.relative(keys)).with_suffix(".png")


def submissions_root(folder: Path) -> Path:
    """The folder whose children are submissions: FOLDER itself, FOLDER/submissions, or a single submission's parent."""
    folder = folder.resolve()
    if (folder / "records").is_dir() or (folder / "submission.toml").is_file():
        return folder.parent
    return folder / "submissions" if (folder / "submissions").is_dir() else folder


def names_in(folder: Path) -> list[str]:
    """The submissions that FOLDER asks for; those that start with a dot or underscore are none."""
    root = submissions_root(folder)
    if root == folder.resolve().parent:
        return [folder.resolve().name]
    return sorted(p.name for p in root.iterdir() if p.is_dir() and p.name[0] not in "._") if root.is_dir() else []


def scan(root: Path, names: list[str]) -> Stamps:
    """Every JSON below the submissions' records, with modification time and size; links are not followed."""
    return {path[len(str(root)) + 1 :]: stamp for name in names for path, stamp in _walk(str(root / name / "records"))}


def _walk(folder: str) -> Iterator[tuple[str, tuple[int, int]]]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path)
        elif entry.name.endswith(".json") and not entry.name.startswith("."):
            stat = entry.stat(follow_symlinks=False)
            yield entry.path, (stat.st_mtime_ns, stat.st_size)


def read_one(root: Path, name: str) -> dict[str, Any]:
    """The row of one record file; a ValueError says in a line what is wrong with it."""
    file = root / name
    if file.is_symlink():
        raise ValueError("a link, not a file")
    record = records.read(file)
    row = frame.row(record)
    if Path(name) != frame.relative(row):
        raise ValueError(f"lies where another run's record belongs; this one belongs at {frame.relative(row)}")
    return row


def reason(error: Exception) -> str:
    """The error as at most a few short lines."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    text = str(error).split(": ", 1)[-1] if ".json: " in str(error)[:500] else str(error)
    lines = [line for line in text.splitlines() if "errors.pydantic.dev" not in line and "validation error" not in line]
    joined = " ".join(" ".join(lines).split())
    return TAIL.sub(lambda m: f" (found {m.group(1)[:60]})" if m.group(1) else "", joined)[:400]


def read_folder(folder: Path, progress: Progress | None = None) -> Records:
    """All records below a folder; files that have not changed come from the index, which is then brought up to date."""
    root, names = submissions_root(folder), names_in(folder)
    stamps, old = scan(root, names), index.read(folder)
    if old is None or old.stamps != stamps:
        old = _update(root, old, stamps, progress)
        index.write(folder, old)
    rejected = dict(old.rejected)
    released = _released(root, names if root == folder.resolve().parent else None, rejected)
    runs = frame.table(pd.concat([old.runs, *released], ignore_index=True)) if released else old.runs
    return Records(root, runs, rejected, manifests(root, names), stamps)


def releases(root: Path) -> list[Path]:
    """What `retouch export` wrote at each release: FOLDER/_releases/VERSION.parquet."""
    return sorted((root / RELEASES).glob("*.parquet"))


def _released(root: Path, names: Sequence[str] | None, rejected: dict[str, str]) -> list[pd.DataFrame]:
    """The runs of every release, an edition each; what cannot be read is added to `rejected`."""
    parts = []
    for file in releases(root):
        try:
            release = read_parquet(file, names)
        except (OSError, ValueError, TypeError) as error:
            rejected[f"{RELEASES}/{file.name}"] = reason(error)
            continue
        parts.append(release.runs.assign(edition=RELEASE + file.stem[:40], stale=True))
        rejected |= release.rejected
    return parts


def of_edition(of: Records, edition: str) -> Records:
    """The records of one edition; of a release there are no files, whatever lies there today."""
    root = of.root / RELEASES if edition.startswith(RELEASE) else of.root
    return replace(of, root=root, runs=frame.of_edition(of.runs, edition))


def _update(root: Path, old: index.Index | None, stamps: Stamps, progress: Progress | None) -> index.Index:
    """The index as of these stamps."""
    unchanged, rejected = _unchanged(old, stamps)
    todo = [name for name in stamps if old is None or old.stamps.get(name) != stamps[name]]
    parts = [unchanged] if unchanged is not None and len(unchanged) else []
    for start in range(0, len(todo), CHUNK):  # a row is small as part of a table, and a hundred times that as a dict
        part = _read_many(root, todo[start : start + CHUNK], rejected)
        parts += [part] if len(part) else []
        if progress:
            progress(min(start + CHUNK, len(todo)), len(todo))
    runs = frame.table(pd.concat(parts, ignore_index=True) if parts else [])
    return index.Index(runs, dict(sorted(rejected.items())), stamps)


def _read_many(root: Path, names: list[str], rejected: dict[str, str]) -> pd.DataFrame:
    """The rows of these record files; what is none is added to `rejected`."""
    rows = []
    for name in names:
        try:
            rows.append(read_one(root, name))
        except (ValueError, OSError, RecursionError) as error:
            rejected[name] = reason(error)
    return frame.table(rows)


def _unchanged(old: index.Index | None, stamps: Stamps) -> tuple[pd.DataFrame | None, dict[str, str]]:
    """The rows and the rejections of files that have not changed."""
    if old is None:
        return None, {}
    same = {name for name, stamp in stamps.items() if old.stamps.get(name) == stamp}
    rejected = {name: why for name, why in old.rejected.items() if name in same}
    if len(old.runs) == 0:
        return None, rejected
    return old.runs[paths(old.runs).isin(same)], rejected


def paths(runs: pd.DataFrame) -> "pd.Series[str]":
    """Each run's record file, relative to the folder of submissions."""
    text = {name: runs[name].astype(str) for name in frame.KEYS}
    start = text["submission"] + "/records/" + text["track"] + "/" + text["instance"] + "/"
    return start + text["point"] + "." + text["seed"] + ".json"


def manifests(root: Path, names: list[str]) -> dict[str, submission.Submission]:
    """The manifests that can be read; a submission without one is shown by its name."""
    readable = {}
    for name in names:
        try:
            readable[name] = submission.read(root / name)
        except (ValueError, OSError):
            continue
    return readable


def _own_name(name: str) -> str:
    """A column of `retouch export` as this table calls it: metric.fd_low -> m:fd.low, cost.share -> share."""
    name = re.sub(r"^metric\.", "m:", name).removeprefix("cost.")
    return re.sub(r"^(goal|quality|m:.+)_(low|high)$", r"\1.\2", name)


def read_parquet(file: Path, names: Sequence[str] | None = None) -> Records:
    """Runs from one Parquet with this table's columns; rows that break the rules are rejected like records.

    names: the submissions that are wanted; None: all.
    """
    runs = pd.read_parquet(file).rename(columns=_own_name)
    lacking = [name for name in (*frame.KEYS, "status") if name not in runs]
    if lacking:
        raise ValueError(f"{file} has no column {', '.join(lacking)}: not the runs that `retouch export` writes")
    runs = runs if names is None else runs[runs["submission"].isin(names)]
    bad = frame.broken(runs)
    rejected = {f"{file.name}: row {i}": why for i, why in bad.items()}
    return Records(file.parent, frame.table(runs.drop(index=list(bad)).reset_index(drop=True)), rejected)
