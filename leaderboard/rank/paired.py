"""Paired differences between two rows: the same instances, the same seeds."""

from collections.abc import Collection, Sequence
from difflib import get_close_matches

import numpy as np
import pandas as pd

from retouch import metrics
from retouch.benchmark import tasks
from retouch.leaderboard.rank import tables

Row = tuple[str, str]  # submission, operating point
PROBLEM = ["task", "family", "instance"]


def pairs(runs: pd.DataFrame, track: str, a: Row, b: Row, axis: str, tasks: Sequence[str], *,
          level: float = 0.95) -> pd.DataFrame:  # fmt: skip
    """a - b on each core instance, over the seeds with which the runs of both count; a single seed has no interval.

    Columns: task, family, instance, axis, value, low, high, seeds.
    """
    runs = runs[["track", *PROBLEM, "seed", "submission", "point", "status", "claim", "stale", "tuning", axis]]
    mask = (runs["track"] == track) & runs["task"].isin(list(tasks)) & (_is(runs, a) | _is(runs, b))
    here = tables.compared(runs[mask & runs[axis].notna()]).astype({name: str for name in PROBLEM})
    cells = [here.loc[_is(here, row), [*PROBLEM, "seed", axis]] for row in (a, b)]
    both = cells[0].merge(cells[1], on=[*PROBLEM, "seed"], suffixes=(".a", ".b")).sort_values([*PROBLEM, "seed"])
    rows = []
    for key, part in sorted(both.groupby(PROBLEM), key=lambda group: (_place(group[0][0]), *group[0])):
        gap = metrics.paired_difference(
            part[f"{axis}.a"].to_numpy()[None], part[f"{axis}.b"].to_numpy()[None], level=level
        )
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


def first(scores: pd.DataFrame, published: Collection[str]) -> list[Row]:
    """The rows to compare first: who leads most often, and who shares most tasks and families with that one.

    published: methods that name a paper; where two of them ran, no baseline is among the rows.
    """
    leads = scores[scores["lead"] & scores["standing"].isin(("ranked", "claimed"))].astype({"submission": str})
    own = leads[leads["submission"].isin(published)]
    leads = own if own["submission"].nunique() > 1 else leads
    leads = leads.sort_values(["standing", "score"], ascending=[True, False])
    best = leads.drop_duplicates(["task", "family"])["submission"].value_counts().index[:1]
    mine = leads["submission"].isin(best)
    shared = leads[~mine].merge(leads.loc[mine, ["task", "family"]], on=["task", "family"])
    points = leads.drop_duplicates("submission").set_index("submission")["point"]
    return [(name, str(points[name])) for name in [*best, *shared["submission"].value_counts().index[:1]]]


def row(runs: pd.DataFrame, name: str) -> Row:
    """Submission and operating point of "NAME" or "NAME:POINT".

    Raises:
        ValueError: no records of it, with those there are.
    """
    submission, _, point = name.partition(":")
    known = runs[["submission", "point"]].astype(str).drop_duplicates()
    names = sorted(known["submission"].unique())
    if submission not in names:
        near = get_close_matches(submission, names, n=3) or names
        raise ValueError(f"no records of {submission!r}; did you mean {', '.join(near)}?")
    points = sorted(known.loc[known["submission"] == submission, "point"])
    if (point or "default") not in points:
        raise ValueError(f"{submission} has no records of point {point or 'default'!r}; it has {', '.join(points)}")
    return submission, point or "default"
