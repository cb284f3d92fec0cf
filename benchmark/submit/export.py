"""`retouch export`: all records as one table, in Parquet and CSV."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retouch.benchmark import records, submission, tracks, versions
from retouch.benchmark.records import Record
from retouch.benchmark.submit import croissant
from retouch.benchmark.support.cache import cache_folder, json_key
from retouch.benchmark.support.files import write_atomically
from retouch.benchmark.support.memo import package_key, settled, stamp

if TYPE_CHECKING:
    import pandas


def row(record: Record) -> dict[str, Any]:
    """A record as one flat row: `goal`, `goal_low`, `goal_high`, ..., `metric.NAME`, `cost.NAME`.

    `stale`: made with versions that are no longer current; `edition` then names them, `reason` lists what has moved.
    `binds`: the part that decides quality.
    """
    columns = ("submission", "point", "method", "track", "instance", "task", "seed", "status", "score")
    cells: dict[str, Any] = {name: getattr(record, name) for name in columns}
    moved = versions.moved(record)
    cells |= {"stale": bool(moved), "reason": record.reason or "; ".join(moved)}
    cells |= {"edition": versions.edition(record) if moved else "", "binds": getattr(record.quality, "binds", "")}
    for name, number in (("goal", record.goal), ("quality", record.quality), *record.metrics.items()):
        if number is not None:
            key = name if name in ("goal", "quality") else f"metric.{name}"
            low, high = records.ends(number)
            cells |= {key: number.value, f"{key}_low": low, f"{key}_high": high}
    if record.cost:
        cells |= {f"cost.{name}": value for name, value in record.cost.model_dump().items()}
    return cells | {"claim": record.claim.status, "time": record.provenance.time}


def table(root: Path) -> tuple[pandas.DataFrame, dict[Path, str]]:
    """All records below `root` as a frame with one row a run, and the files that are no valid records, with the reason.

    Records that have not changed since the last call are not read again.

    The columns of `row`, and `family`, `tuning` (for choosing parameters, not scored), `access` (words, one space
    between them), `params` (JSON) and `paper`; empty where the track or the manifest is not at hand.

    Raises:
        ValueError: there is no record, or pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise ValueError("tables need pandas and pyarrow: pip install 'retouch-bench[board]'") from None
    files = {str(file): json.dumps(stamp(file)) for file in records.files(root)}
    known = _known(root, files)
    left = [Path(file) for file in files if known is None or file not in known.index]
    sound, rejected = records.read_all(root, left)
    if not sound and known is None:
        raise ValueError(f"no records below {root}; `retouch run NAME` makes them")
    places = [str(file) for file in left if file not in rejected]
    fresh = pandas.DataFrame([row(record) | _context(record) for record in sound], index=places)
    frame = fresh if known is None else pandas.concat([known, fresh]) if len(fresh) else known
    frame = frame.loc[[file for file in files if file in frame.index]]
    _remember(root, frame, files)
    papers = {name: _paper(root, name) for name in frame["submission"].unique()}
    return frame.assign(paper=frame["submission"].map(papers)).reset_index(drop=True), rejected


def _place(root: Path) -> Path:
    """Where the rows are kept that were made of a folder's records; others once the package or a track changes."""
    return cache_folder() / "export" / f"{json_key([str(root.resolve()), package_key()])}.parquet"


def _known(root: Path, files: dict[str, str]) -> pandas.DataFrame | None:
    """The rows, by their files, of records that have not changed since the last export; None if there are none."""
    import pandas

    try:
        rows = pandas.read_parquet(_place(root)).set_index("file")
    except (OSError, ValueError):
        return None
    rows = rows[[files.get(file) == known for file, known in rows["stamp"].items()]].drop(columns="stamp")
    empty = [name for name in rows if str(name).startswith(("metric.", "cost.")) and rows[name].isna().all()]
    return rows.drop(columns=empty) if len(rows) else None


def _remember(root: Path, frame: pandas.DataFrame, files: dict[str, str]) -> None:
    """Keep the rows with what their files are known by."""
    stamps = [files[file] for file in frame.index]
    kept = frame.assign(stamp=stamps)[[settled(json.loads(one)) for one in stamps]]
    with contextlib.suppress(OSError):
        write_atomically(_place(root), kept.rename_axis("file").reset_index().to_parquet(index=False))


def _context(record: Record) -> dict[str, Any]:
    try:
        instance = tracks.load(record.track).instance(record.instance)
        fields = {"family": str(instance.family), "tuning": instance.tuning}
    except ValueError:
        fields = {"family": "", "tuning": False}
    return fields | {"access": " ".join(record.access), "params": json.dumps(record.params)}


def _paper(root: Path, name: str) -> str:
    for folder in (root / name, root):  # a folder of submissions, or one of them
        with contextlib.suppress(ValueError, OSError):
            return submission.read(folder).paper
    return ""


def export(root: Path, folder: Path) -> list[Path]:
    """Write all records below `root` to FOLDER/records.parquet and .csv, croissant.json beside them; returns the paths.

    Raises:
        ValueError: as `table`.
    """
    frame, rejected = table(root)
    for file, reason in rejected.items():
        brief = reason.splitlines()[0].removeprefix(f"{file}: ")
        print(f"left out {file}: {brief}")
    targets = [folder / "records.parquet", folder / "records.csv"]
    write_atomically(targets[0], frame.to_parquet(index=False))
    write_atomically(targets[1], frame.to_csv(index=False).encode())
    return [*targets, croissant.write(frame, targets)]
