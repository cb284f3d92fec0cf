"""Paired differences between two rows: the same instances, the same seeds."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from retouch import metrics
from retouch.benchmark import tasks
from retouch.leaderboard.rank import tables

Row = tuple[str, str]  # submission, operating point
PROBLEM = ["task", "family", "instance"]


def pairs(runs: pd.DataFrame, track: str, a: Row, b: Row, axis: str, tasks: Sequence[str]) -> pd.DataFrame:
    """a - b on each instance, over the seeds with which the runs of both count; a single seed has no interval.

    Columns: task, family, instance, axis, value, low, high, seeds.
    """
    mask = (runs["track"] == track) & runs["task"].isin(list(tasks)) & (_is(runs, a) | _is(runs, b))
    here = tables.counted(runs[mask & runs[axis].notna()]).astype({name: str for name in PROBLEM})
    ours, theirs = (here[_is(here, row)].set_index([*PROBLEM, "seed"])[axis].sort_index() for row in (a, b))
    both = pd.concat([ours, theirs], axis=1, join="inner", keys=["a", "b"])
    rows = []
    for key, part in sorted(both.groupby(PROBLEM), key=lambda group: (_place(group[0][0]), *group[0])):
        gap = metrics.paired_difference(part["a"].to_numpy()[None], part["b"].to_numpy()[None])
        low, high = (gap.low, gap.high) if np.isfinite(gap.low) else (np.nan, np.nan)
        rows.append([*key, axis, gap.value, low, high, len(part)])
    return pd.DataFrame(rows, columns=[*PROBLEM, "axis", "value", "low", "high", "seeds"])


def _place(task: str) -> int:
    names = tasks.names()
    return names.index(task) if task in names else len(names)


def _is(runs: pd.DataFrame, row: Row) -> "pd.Series[bool]":
    return (runs["submission"] == row[0]) & (runs["point"] == row[1])


def clear(differences: pd.DataFrame) -> tuple[int, int, int]:
    """On how many instances a is higher, b is higher, and how many there are; higher: the interval leaves out 0."""
    return int((differences["low"] > 0).sum()), int((differences["high"] < 0).sum()), len(differences)
