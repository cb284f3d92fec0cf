"""Two or more submissions side by side: paired differences, and a plain sentence for each pair."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

import metrics
from leaderboard import scores, words

Row = tuple[str, str]  # submission, operating point
DOES = {"identity_removal": "removes more of the person", "category_redaction": "redacts more", "attribute_rebalancing":
        "comes closer to the target", "output_diversity": "is more diverse"}  # fmt: skip


def pairs(runs: pd.DataFrame, track: str, a: Row, b: Row, axis: str, tasks: Sequence[str]) -> pd.DataFrame:
    """a - b for each task and family that both completed, each over the same instances and seeds.

    Columns: task, family, row (a title), axis, value, low, high, instances, ahead (instances where a's mean is higher).
    """
    found = []
    both = runs[(runs["track"] == track) & runs["task"].isin(list(tasks))]
    both = both[_is(both, a) | _is(both, b)]
    for task, family in sorted({(str(t), str(f)) for t, f in both[["task", "family"]].itertuples(index=False)}):
        table = scores.matrix(both, track, task, family, axis)
        if a not in table or b not in table:
            continue
        gap = metrics.paired_difference(table[a], table[b])
        means = (table[a] - table[b]).mean(1)
        found.append({"task": task, "family": family, "row": f"{words.TASKS.get(task, task)} · {words.FAMILIES.get(family, family)}",
                      "axis": axis, "value": gap.value, "low": gap.low, "high": gap.high, "instances": len(means),
                      "ahead": int((means > 0).sum())})  # fmt: skip
    columns = ["task", "family", "row", "axis", "value", "low", "high", "instances", "ahead"]
    return pd.DataFrame(found, columns=columns)


def _is(runs: pd.DataFrame, row: Row) -> "pd.Series[bool]":
    return (runs["submission"] == row[0]) & (runs["point"] == row[1])


def overall(runs: pd.DataFrame, track: str, a: Row, b: Row, axis: str, tasks: Sequence[str]) -> tuple[float, float, float] | None:
    """a - b over every instance and seed that both completed, with its interval; None where there is none."""
    here = runs[(runs["track"] == track) & runs["task"].isin(list(tasks))]
    stacks: dict[int, list[np.ndarray]] = {}
    for task, family in {(str(t), str(f)) for t, f in here[_is(here, a)][["task", "family"]].itertuples(index=False)}:
        part = here[(here["task"] == task) & (here["family"] == family)]
        table = scores.matrix(part[_is(part, a) | _is(part, b)], track, task, family, axis)
        if a in table and b in table:
            stacks.setdefault(table[a].shape[1], []).append(np.stack([table[a], table[b]]))
    if len(stacks) != 1:
        return None  # nothing in common, or unequal numbers of seeds
    joined = np.concatenate(next(iter(stacks.values())), axis=1)
    found = metrics.paired_difference(joined[0], joined[1])
    return (found.value, found.low, found.high) if np.isfinite(found.low) else (found.value, np.nan, np.nan)


def sentence(goal: pd.DataFrame, quality: pd.DataFrame, a: str, b: str) -> str:
    """What the paired differences say, in words; plain text, not markup."""
    if goal.empty:
        return f"{a} and {b} have no complete task and family in common, so there is nothing to compare."
    parts = []
    for task, part in goal.groupby("task", sort=False):
        parts.append(_verdict(part, DOES.get(task, "reaches more of the goal"), a, b))
    said = "; ".join(dict.fromkeys(parts))
    return f"{said[0].upper()}{said[1:]}. {_quality(quality, a, b)}"


def _verdict(part: pd.DataFrame, does: str, a: str, b: str) -> str:
    total, wins, losses = len(part), int((part["low"] > 0).sum()), int((part["high"] < 0).sum())
    if wins == losses == 0:
        return f"whether {a} or {b} {does} is not distinguishable"
    first, second, count = (a, b, wins) if wins >= losses else (b, a, losses)
    where = "" if total == 1 else f" on {count} of {total} families"
    other = min(wins, losses)
    return f"{first} {does} than {second}{where}" + (f" and less on {other}" if other else "")


def _quality(quality: pd.DataFrame, a: str, b: str) -> str:
    wins, losses, total = int((quality["low"] > 0).sum()), int((quality["high"] < 0).sum()), len(quality)
    if wins == losses == 0:
        return "Quality is not distinguishable."
    better, worse, count = (a, b, wins) if wins >= losses else (b, a, losses)
    other = min(wins, losses)
    rest = f", {worse}’s on {other}" if other else ""
    return f"Quality: {better}’s is higher on {count} of {total}{rest}."
