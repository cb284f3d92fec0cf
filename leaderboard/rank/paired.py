"""Two or more submissions side by side: paired differences, and a plain sentence for each pair."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from retouch import metrics
from retouch.leaderboard.look import words
from retouch.leaderboard.rank import tables

Row = tuple[str, str]  # submission, operating point
PROBLEM = ["task", "family", "instance"]
DOES = {"identity_removal": "removes more of the person", "category_redaction": "redacts more",
        "attribute_rebalancing": "comes closer to the target", "output_diversity": "adds more diversity"}  # fmt: skip


def pairs(runs: pd.DataFrame, track: str, a: Row, b: Row, axis: str, tasks: Sequence[str]) -> pd.DataFrame:
    """a - b on each instance, over the seeds with which the runs of both count; a single seed has no interval.

    Columns: task, family, instance, axis, value, low, high, seeds.
    """
    asked = (runs["track"] == track) & runs["task"].isin(list(tasks)) & (_is(runs, a) | _is(runs, b))
    here = tables.counted(runs[asked & runs[axis].notna()]).astype({name: str for name in PROBLEM})
    one, other = (here[_is(here, row)].set_index([*PROBLEM, "seed"])[axis].sort_index() for row in (a, b))
    both = pd.concat([one, other], axis=1, join="inner", keys=["a", "b"])
    found = []
    for key, part in sorted(both.groupby(PROBLEM), key=lambda group: (_place(group[0][0]), *group[0])):
        gap = metrics.paired_difference(part["a"].to_numpy()[None], part["b"].to_numpy()[None])
        low, high = (gap.low, gap.high) if np.isfinite(gap.low) else (np.nan, np.nan)
        found.append([*key, axis, gap.value, low, high, len(part)])
    return pd.DataFrame(found, columns=[*PROBLEM, "axis", "value", "low", "high", "seeds"])


def _place(task: str) -> int:
    return list(words.TASKS).index(task) if task in words.TASKS else len(words.TASKS)


def _is(runs: pd.DataFrame, row: Row) -> "pd.Series[bool]":
    return (runs["submission"] == row[0]) & (runs["point"] == row[1])


def overall(differences: pd.DataFrame) -> tuple[int, int, int]:
    """On how many instances a is ahead, b is ahead, and how many there are; ahead: the interval leaves out 0."""
    return int((differences["low"] > 0).sum()), int((differences["high"] < 0).sum()), len(differences)


def sentence(goal: pd.DataFrame, quality: pd.DataFrame, a: str, b: str) -> str:
    """What the paired differences say, in words; plain text, not markup."""
    if goal.empty:
        return f"{a} and {b} have no instance in common that both ran with the same seed, so nothing can be compared."
    wins: dict[str, list[str]] = {a: [], b: []}
    even, single = [], []
    for task, part in goal.groupby("task", sort=False):
        ahead, behind, total = overall(part)
        for name, count in ((a, ahead), (b, behind)):
            if count:
                wins[name].append(f"{DOES.get(str(task), 'reaches more of the goal')} on {_of(count, total)}")
        if ahead == behind == 0:
            known = part["low"].notna().any()
            (even if known else single).append(words.TASKS.get(str(task), str(task)).lower())
    parts = [f"{name} {_list(wins[name])} than {other}" for name, other in ((a, b), (b, a)) if wins[name]]
    if even:
        parts.append(f"in {_list(even)} they are not distinguishable")
    if single:
        parts.append(f"in {_list(single)} they have one seed in common, too few to tell")
    said = "; ".join(parts)
    return f"{said[0].upper()}{said[1:]}. {_quality(quality, a, b)}"


def _of(count: int, total: int) -> str:
    return "the one instance" if total == 1 else f"{count} of {total} instances"


def _list(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def _quality(quality: pd.DataFrame, a: str, b: str) -> str:
    ahead, behind, total = overall(quality)
    said = [f"{name}’s is higher on {_of(count, total)}" for name, count in ((a, ahead), (b, behind)) if count]
    if said:
        return f"Quality: {_list(said)}."
    return "Quality is not distinguishable." if quality["low"].notna().any() else "One seed cannot tell quality apart."
