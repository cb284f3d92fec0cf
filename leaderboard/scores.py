"""From runs to scores: one row for each submission, operating point, task and family of a track, with ranks.

A rank is made within a family, among rows that ran every instance with every seed: other instances are other problems.
Means, intervals, ranks and the smallest difference come from `metrics`; nothing is averaged over what is missing.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

import metrics
from leaderboard import frame

COHORT = ["track", "task", "family"]
ROW = ["submission", "point"]
AXES = ("goal", "quality", "score")
COUNTED = ("ok", "samples_only")
FEW = 30  # rows from which the smallest difference is pooled; more add time and no information
Cells = list[tuple[str, int]]  # (instance, seed)


def table(runs: pd.DataFrame, controls: set[str], old: pd.DataFrame | None = None,
          progress: Callable[[int, int], None] | None = None) -> pd.DataFrame:  # fmt: skip
    """The scores of all runs. Cohorts whose runs are the same as in `old` are taken over from there."""
    runs = runs[~runs["tuning"]]
    groups = list(runs.groupby(COHORT, observed=True, sort=True))
    known = dict(list(old.groupby("digest", observed=True))) if old is not None and len(old) else {}
    parts = []
    for i, (keys, group) in enumerate(groups):
        digest = _digest(group, controls)
        parts.append(known[digest] if digest in known else _cohort(dict(zip(COHORT, keys, strict=True)), group, controls, digest))
        if progress:
            progress(i + 1, len(groups))
    if not parts:
        return pd.DataFrame(columns=[*COHORT, *ROW, *AXES, "rank", "runs", "expected", "problems", "control", "digest"])
    made = pd.concat(parts, ignore_index=True)
    return made.astype({name: "category" for name in (*COHORT, *ROW)})


def _digest(group: pd.DataFrame, controls: set[str]) -> str:
    columns = [*frame.KEYS, "status", "stale", "claim", *AXES, *frame.COSTS]
    part = group[columns].sort_values(list(frame.KEYS))
    content = pd.util.hash_pandas_object(part.astype({n: str for n in (*frame.KEYS, "status", "claim")}), index=False)
    return f"{int(content.sum()) & (2**63 - 1):x}-{len(group)}-{len(controls & set(group['submission']))}"


def cells(track: str, task: str, family: str, group: pd.DataFrame) -> Cells:
    """The instances and seeds that a complete row has: the track's, or all that anyone ran where the track is unknown."""
    known = frame.track(track)
    if known is None:
        found = group[["instance", "seed"]].drop_duplicates()
        return sorted((str(i), int(s)) for i, s in found.itertuples(index=False))
    asked = [i.name for i in known.instances if i.task == task and i.family == family and not i.tuning]
    return [(name, seed) for name in sorted(asked) for seed in sorted(known.seeds)]


def _cohort(keys: dict[str, str], group: pd.DataFrame, controls: set[str], digest: str) -> pd.DataFrame:
    wanted = cells(keys["track"], keys["task"], keys["family"], group)
    rows, complete = [], {}
    for (name, point), part in group.groupby(ROW, observed=True, sort=True):
        row, values = _row(part, wanted)
        row |= {**keys, "submission": name, "point": point, "control": name in controls, "digest": digest}
        rows.append(row)
        if values is not None and name not in controls:
            complete[(name, point)] = values["score"]
    ranks = metrics.ranks(complete)
    return pd.DataFrame([row | {"rank": float(ranks.get((row["submission"], row["point"]), np.nan))} for row in rows])


def _row(part: pd.DataFrame, wanted: Cells) -> tuple[dict[str, Any], dict[str, np.ndarray] | None]:
    """A row's numbers, and its scores (instances, seeds) where it is complete."""
    counted = part[part["status"].isin(COUNTED) & ~part["stale"]]
    here = counted.set_index(["instance", "seed"]).reindex(pd.MultiIndex.from_tuples(wanted)) if wanted else counted
    valid = here[here["score"].notna()]
    shape = (len({name for name, _ in wanted}), -1)
    whole = len(wanted) > 0 and len(valid) == len(wanted)
    values = {axis: here[axis].to_numpy(float).reshape(shape) for axis in AXES} if whole else None
    row: dict[str, Any] = {"runs": len(valid), "expected": len(wanted), "problems": problems(part, wanted)}
    row["score"] = float(valid["score"].mean()) if len(valid) else np.nan
    for axis in ("goal", "quality"):
        row[axis], row[f"{axis}.low"], row[f"{axis}.high"] = _mean(valid, axis, values)
    row |= {name: float(part[name].mean()) if name in part else np.nan for name in frame.COSTS}
    row["verified"] = bool(len(valid) and (valid["claim"] == "verified").all())
    row["samples_only"] = bool((valid["status"] == "samples_only").any())
    row["cut"] = bool(valid["cut"].fillna(False).any())
    return row, values


def _mean(valid: pd.DataFrame, axis: str, values: dict[str, np.ndarray] | None) -> tuple[float, float, float]:
    """Mean and interval; one run keeps its record's own interval, an incomplete row has none."""
    if len(valid) == 0:
        return np.nan, np.nan, np.nan
    if values is None or values[axis].size == 1:
        own = len(valid) == 1 and f"{axis}.low" in valid
        low, high = (valid[f"{axis}.low"].iloc[0], valid[f"{axis}.high"].iloc[0]) if own else (np.nan, np.nan)
        return float(valid[axis].mean()), float(low), float(high)
    found = metrics.aggregate(values[axis]).mean
    return found.value, max(0.0, found.low), min(1.0, found.high)


def problems(part: pd.DataFrame, wanted: Cells) -> str:
    """Why a row is not complete, in words: "1 failed, 2 missing"; empty where it is."""
    state = part["status"].astype(str).where(~part["stale"], "stale")
    state = state[~state.isin(COUNTED)]
    counts = state.value_counts().to_dict()
    have = {(str(i), int(s)) for i, s in part[["instance", "seed"]].itertuples(index=False)}
    missing = sum(cell not in have for cell in wanted)
    return ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in [*sorted(counts.items()), ("missing", missing)] if n)


def matrix(runs: pd.DataFrame, track: str, task: str, family: str, axis: str) -> dict[tuple[str, str], np.ndarray]:
    """Complete rows of a cohort as (instances, seeds), controls included, for any column of the table of runs."""
    group = runs[(runs["track"] == track) & (runs["task"] == task) & (runs["family"] == family) & ~runs["tuning"]]
    group = group[group["status"].isin(COUNTED) & ~group["stale"]]
    wanted = cells(track, task, family, group)
    if not wanted or axis not in group:
        return {}
    found = {}
    for key, part in group.groupby(ROW, observed=True, sort=True):
        values = part.set_index(["instance", "seed"])[axis].reindex(pd.MultiIndex.from_tuples(wanted)).to_numpy(float)
        if np.isfinite(values).all():
            found[key] = values.reshape(len({name for name, _ in wanted}), -1)
    return found


def resolves(found: dict[tuple[str, str], np.ndarray]) -> float | None:
    """The smallest true difference that these rows can show; None where they are too few."""
    few = {"/".join(key): found[key] for key in list(found)[:FEW]}
    try:
        return metrics.smallest_difference(few)
    except ValueError:
        return None
