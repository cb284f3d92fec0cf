"""All records as one table, in Parquet and CSV."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from retouch.benchmark import records, versions
from retouch.benchmark.records import Record
from retouch.benchmark.support.files import write_atomically


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


def export(root: Path, folder: Path) -> list[Path]:
    """Write FOLDER/records.parquet and FOLDER/records.csv of all records below `root`; returns the two paths.

    Raises:
        ValueError: no record there, or pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise ValueError("export needs pandas and pyarrow: pip install 'retouch-bench[board]'") from None
    found, rejected = records.read_all(root)
    for file, why in rejected.items():
        print(f"left out {file}: {why.splitlines()[0]}")
    if not found:
        raise ValueError(f"no records below {root}; `retouch run NAME` makes them")
    table = pandas.DataFrame([row(record) for record in found])
    targets = [folder / "records.parquet", folder / "records.csv"]
    write_atomically(targets[0], table.to_parquet(index=False))
    write_atomically(targets[1], table.to_csv(index=False).encode())
    return targets
