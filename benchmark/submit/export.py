"""All records as one table, in Parquet and CSV."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retouch.benchmark import records, submission, tracks, versions
from retouch.benchmark.records import Record
from retouch.benchmark.support.files import write_atomically

if TYPE_CHECKING:
    import pandas


def row(record: Record) -> dict[str, Any]:
    """A record as one flat row: `goal`, `goal_low`, `goal_high`, ..., `metric.NAME`, `cost.NAME`.

    stale: made with versions that are no longer current; `reason` then says which.
    """
    plain = ("submission", "point", "method", "track", "instance", "task", "seed", "status", "score")
    flat: dict[str, Any] = {name: getattr(record, name) for name in plain}
    moved = versions.moved(record)
    flat |= {"stale": bool(moved), "reason": record.reason or "; ".join(moved)}
    for name, one in (("goal", record.goal), ("quality", record.quality), *record.metrics.items()):
        if one is not None:
            key = name if name in ("goal", "quality") else f"metric.{name}"
            low, high = records.ends(one)
            flat |= {key: one.value, f"{key}_low": low, f"{key}_high": high}
    if record.cost:
        flat |= {f"cost.{name}": value for name, value in record.cost.model_dump().items()}
    return flat | {"claim": record.claim.status, "time": record.provenance.time}


def table(root: Path) -> tuple[pandas.DataFrame, dict[Path, str]]:
    """All records below `root` as a frame with one row a run, and the files that are no records, with the reason.

    The columns of `row`, and `family`, `tuning` (for choosing parameters, not scored), `access` (words, one space
    between them), `params` (JSON) and `paper`. What a track or manifest that is not here would say is empty.

    Raises:
        ValueError: no record there, or pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise ValueError("tables need pandas and pyarrow: pip install 'retouch-bench[board]'") from None
    found, rejected = records.read_all(root)
    if not found:
        raise ValueError(f"no records below {root}; `retouch run NAME` makes them")
    papers = {name: _paper(root, name) for name in {record.submission for record in found}}
    rows = [row(record) | _context(record) | {"paper": papers[record.submission]} for record in found]
    return pandas.DataFrame(rows), rejected


def _context(record: Record) -> dict[str, Any]:
    try:
        instance = tracks.load(record.track).instance(record.instance)
        known = {"family": str(instance.family), "tuning": instance.tuning}
    except ValueError:
        known = {"family": "", "tuning": False}
    return known | {"access": " ".join(record.access), "params": json.dumps(record.params)}


def _paper(root: Path, name: str) -> str:
    for folder in (root / name, root):  # a folder of submissions, or one of them
        with contextlib.suppress(ValueError, OSError):
            return submission.read(folder).paper
    return ""


def export(root: Path, folder: Path) -> list[Path]:
    """Write FOLDER/records.parquet and FOLDER/records.csv of all records below `root`; returns the two paths.

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
    return targets
