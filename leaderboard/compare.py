"""Two or more submissions side by side: paired differences, and a plain sentence for each pair."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

import metrics
from leaderboard import scores, words

Row = tuple[str, str]  # submission, operating point
DOES = {"identity_removal": "removes more of the person", "category_redaction": "redacts more",
        "attribute_rebalancing": "comes closer to the target", "output_diversity": "adds more diversity"}  # fmt: skip


def pairs(runs: pd.DataFrame, track: str, a: Row, b: Row, axis: str, tasks: Sequence[str]) -> pd.DataFrame:
    """a - b on each instance that both completed, over the same seeds.

    Columns: task, family, instance, axis, value, low, high, seeds.
    """
    found = []
    both = runs[(runs["track"] == track) & runs["task"].isin(list(tasks))]
    both = both[_is(both, a) | _is(both, b)]
    cohorts = {(str(t), str(f)) for t, f in both[["task", "family"]].itertuples(index=False)}
    for task, family in sorted(
        cohorts, key=lambda c: (list(words.TASKS).index(c[0]) if c[0] in words.TASKS else 9, c[1])
    ):
        table = scores.matrix(both, track, task, family, axis)
        if a not in table or b not in table:
            continue
        names = sorted({name for name, _ in scores.cells(track, task, family, both[both["family"] == family])})
        for name, one, other in zip(names, table[a], table[b], strict=True):
            gap = metrics.paired_difference(one[None], other[None])
            low, high = (gap.low, gap.high) if np.isfinite(gap.low) else (np.nan, np.nan)
            found.append({"task": task, "family": family, "instance": name, "axis": axis, "value": gap.value,
                          "low": low, "high": high, "seeds": len(one)})  # fmt: skip
    return pd.DataFrame(found, columns=["task", "family", "instance", "axis", "value", "low", "high", "seeds"])


def _is(runs: pd.DataFrame, row: Row) -> "pd.Series[bool]":
    return (runs["submission"] == row[0]) & (runs["point"] == row[1])


def overall(differences: pd.DataFrame) -> tuple[int, int, int]:
    """On how many instances a is ahead, b is ahead, and how many there are; ahead: the interval leaves out 0."""
    return int((differences["low"] > 0).sum()), int((differences["high"] < 0).sum()), len(differences)


def sentence(goal: pd.DataFrame, quality: pd.DataFrame, a: str, b: str) -> str:
    """What the paired differences say, in words; plain text, not markup."""
    if goal.empty:
        return f"{a} and {b} have completed no instance in common, so there is nothing to compare."
    wins: dict[str, list[str]] = {a: [], b: []}
    even = []
    for task, part in goal.groupby("task", sort=False):
        ahead, behind, total = overall(part)
        for name, count in ((a, ahead), (b, behind)):
            if count:
                wins[name].append(f"{DOES.get(str(task), 'reaches more of the goal')} on {_of(count, total)}")
        if ahead == behind == 0:
            even.append(words.TASKS.get(str(task), str(task)).lower())
    parts = [f"{name} {_list(wins[name])} than {other}" for name, other in ((a, b), (b, a)) if wins[name]]
    if even:
        parts.append(f"in {_list(even)} they are not distinguishable")
    said = "; ".join(parts)
    return f"{said[0].upper()}{said[1:]}. {_quality(quality, a, b)}"


def _of(count: int, total: int) -> str:
    return "the one instance" if total == 1 else f"{count} of {total} instances"


def _list(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def _quality(quality: pd.DataFrame, a: str, b: str) -> str:
    ahead, behind, total = overall(quality)
    said = [f"{name}’s is higher on {_of(count, total)}" for name, count in ((a, ahead), (b, behind)) if count]
    return f"Quality: {_list(said)}." if said else "Quality is not distinguishable."
