"""From runs to scores: one row for each submission, operating point, task and family of a track, with ranks.

A rank is made within a family, among rows that ran every instance with every seed: other instances are other problems.
`rank` is among all operating points, `place` among submissions, each by its best point, the one that has `lead`.
Means, intervals, ranks and the smallest difference come from `metrics`; nothing is averaged over what is missing.
"""

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from retouch import metrics
from retouch.leaderboard.read import frame
from retouch.metrics import estimate, summary

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
        parts.append(
            known[digest] if digest in known else _cohort(dict(zip(COHORT, keys, strict=True)), group, controls, digest)
        )
        if progress:
            progress(i + 1, len(groups))
    if not parts:
        return pd.DataFrame(
            columns=[*COHORT, *ROW, *AXES, "rank", "lead", "place", "runs", "expected", "problems", "control", "digest"]
        )
    rows = pd.concat(parts, ignore_index=True)
    return rows.astype({name: "category" for name in (*COHORT, *ROW)})


def _digest(group: pd.DataFrame, controls: set[str]) -> str:
    """Of all that a cohort's scores are made of, the code included; the order of the runs does not matter."""
    columns = [*frame.KEYS, "status", "stale", "claim", *frame.with_ends(*frame.SCALED), "score", *frame.COSTS]
    words = {name: str for name in (*frame.KEYS, "status", "claim")}
    content = pd.util.hash_pandas_object(group[columns].astype(words), index=False).sort_values()
    anchors = sorted(controls & set(group["submission"]))
    return hashlib.sha256(content.to_numpy().tobytes() + repr((anchors, _code())).encode()).hexdigest()[:24]


@cache
def _code() -> str:
    """What turns runs into scores."""
    files = (Path(__file__), Path(summary.__file__), Path(estimate.__file__))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def cells(track: str, task: str, family: str, group: pd.DataFrame) -> Cells:
    """What a complete row has: the track's core × its seeds, or what anyone ran where the track is unknown."""
    known = frame.track(track)
    if known is None:
        names, seeds = group["instance"].astype(str).unique(), group["seed"].unique().tolist()
    else:
        names = [i.name for i in known.instances if i.task == task and i.family == family and i.rank == "core"]
        seeds = known.seeds
    return [(name, seed) for name in sorted(names) for seed in sorted(seeds)]


def _cohort(keys: dict[str, str], group: pd.DataFrame, controls: set[str], digest: str) -> pd.DataFrame:
    """The rows of one track, task and family."""
    expected = cells(keys["track"], keys["task"], keys["family"], group)
    needed = [*ROW, "instance", "seed", "status", "stale", "claim", *frame.COSTS, "score"]
    group = group[[*needed, *frame.with_ends(*frame.SCALED)]]
    group = group.astype({name: str for name in (*ROW, "instance", "status", "claim")})
    names = group[ROW].drop_duplicates().sort_values(ROW).reset_index(drop=True)
    row = pd.MultiIndex.from_frame(names).get_indexer(pd.MultiIndex.from_frame(group[ROW]))
    cell = _cell(group, expected)
    counts = (
        (group["status"].isin(COUNTED) & ~group["stale"] & (group["claim"] != "withdrawn")).to_numpy()
        & (cell >= 0)
        & group["score"].notna().to_numpy()
    )
    table = names.assign(**keys, digest=digest, control=names["submission"].isin(controls), expected=len(expected))
    table["runs"] = np.bincount(row[counts], minlength=len(names))
    table["problems"] = _problems(group, row, cell, len(names), len(expected))
    values = {axis: _grid(group, axis, row, cell, counts, (len(names), len(expected))) for axis in AXES}
    table["score"] = _nanmean(values["score"])
    whole = (table["runs"] == len(expected)).to_numpy() & (len(expected) > 0)
    shape = (len({name for name, _ in expected}), -1)
    for axis in ("goal", "quality"):
        own = [_nanmean(_grid(group, f"{axis}{end}", row, cell, counts, values[axis].shape)) for end in frame.ENDS[1:]]
        columns = _intervals(values[axis], whole, shape, table["runs"], own)
        table[frame.with_ends(axis)] = np.column_stack(columns)
    ranked = {str(i): values["score"][i].reshape(shape) for i in np.flatnonzero(whole & ~table["control"])}
    ranks = metrics.ranks(ranked)
    table["rank"] = [float(ranks.get(str(i), np.nan)) for i in table.index]
    table["lead"] = _leads(table)
    places = metrics.ranks({name: ranked[name] for name in ranked if table["lead"][int(name)]})
    table["place"] = [float(places.get(str(i), np.nan)) for i in table.index]
    return _extras(table, group.assign(_row=row), counts)


def _leads(table: pd.DataFrame) -> "pd.Series[bool]":
    """Whether a row is its submission's best: complete before incomplete, then by score."""
    order = table.assign(lacks=table["problems"] != "", loss=-table["score"].fillna(-1))
    best = order.sort_values(["lacks", "loss"], kind="stable").drop_duplicates("submission").index
    return pd.Series(table.index.isin(best), table.index)


def _cell(group: pd.DataFrame, expected: Cells) -> np.ndarray:
    """Each run's place among the wanted cells, -1 where it is none of them."""
    if not expected:
        return np.full(len(group), -1)
    return pd.MultiIndex.from_tuples(expected).get_indexer(pd.MultiIndex.from_frame(group[["instance", "seed"]]))


def _grid(group: pd.DataFrame, name: str, row: np.ndarray, cell: np.ndarray, counts: np.ndarray,
          shape: tuple[int, ...]) -> np.ndarray:  # fmt: skip
    """A column of the runs that count as (rows, cells); NaN where there is none."""
    grid = np.full(shape, np.nan)
    grid[row[counts], cell[counts]] = group[name].to_numpy(float)[counts]
    return grid


def _nanmean(values: np.ndarray) -> np.ndarray:
    """Mean over what is there; NaN where nothing is."""
    there = np.isfinite(values)
    return np.where(there.any(1), np.where(there, values, 0).sum(1) / np.maximum(1, there.sum(1)), np.nan)


def _intervals(values: np.ndarray, whole: np.ndarray, shape: tuple[int, int], runs: "pd.Series[int]",
               own: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Means and intervals: of complete rows by `metrics`; a single run keeps its record's own; else there is none."""
    mean = _nanmean(values)
    low, high = (np.where(runs == 1, bound, np.nan) for bound in own)
    if values.shape[1] > 1:
        for i, estimate in metrics.means({str(i): values[i].reshape(shape) for i in np.flatnonzero(whole)}).items():
            mean[int(i)], low[int(i)], high[int(i)] = estimate.value, max(0.0, estimate.low), min(1.0, estimate.high)
    return mean, low, high


def _problems(group: pd.DataFrame, row: np.ndarray, cell: np.ndarray, rows: int, expected: int) -> list[str]:
    """Why each row is not complete, in words: "1 failed, 2 missing"; empty where it is."""
    state = group["status"].where(~group["stale"], "stale").where(group["claim"] != "withdrawn", "withdrawn")
    bad = ~state.isin(COUNTED)
    counts = pd.Series(row)[bad.to_numpy()].groupby(state[bad].to_numpy()).value_counts()
    words: list[list[str]] = [[] for _ in range(rows)]
    for (name, i), n in sorted(counts.items()):
        words[i].append(f"{n} {name.replace('_', ' ')}")
    have = np.zeros((rows, expected), bool)
    have[row[cell >= 0], cell[cell >= 0]] = True
    for i in np.flatnonzero(~have.all(1)):
        words[i].append(f"{int((~have[i]).sum())} missing")
    return [", ".join(parts) for parts in words]


def _extras(table: pd.DataFrame, group: pd.DataFrame, counts: np.ndarray) -> pd.DataFrame:
    """Mean costs over all runs; whether all that count are verified, any is disputed, any is samples only."""
    costs = group.groupby("_row")[list(frame.COSTS)].mean()
    table[list(frame.COSTS)] = costs.reindex(table.index)
    valid = group[counts]
    flags = {
        "verified": (valid["claim"] == "verified", "all"),
        "disputed": (valid["claim"] == "disputed", "any"),
        "samples_only": (valid["status"] == "samples_only", "any"),
    }
    for name, (flag, how) in flags.items():
        table[name] = flag.groupby(valid["_row"]).agg(how).reindex(table.index, fill_value=False).astype(bool)
    return table


def matrix(runs: pd.DataFrame, track: str, task: str, family: str, axis: str) -> dict[tuple[str, str], np.ndarray]:
    """Complete rows of a cohort as (instances, seeds), controls included, for any column of the table of runs."""
    group = runs[(runs["track"] == track) & (runs["task"] == task) & (runs["family"] == family) & ~runs["tuning"]]
    group = group[group["status"].isin(COUNTED) & ~group["stale"] & (group["claim"] != "withdrawn")]
    expected = cells(track, task, family, group)
    if not expected or axis not in group:
        return {}
    complete = {}
    for key, part in group.groupby(ROW, observed=True, sort=True):
        values = part.set_index(["instance", "seed"])[axis].reindex(pd.MultiIndex.from_tuples(expected)).to_numpy(float)
        if np.isfinite(values).all():
            complete[key] = values.reshape(len({name for name, _ in expected}), -1)
    return complete


def resolves(rows: dict[tuple[str, str], np.ndarray]) -> float | None:
    """The smallest true difference that these rows can show; None where they are too few."""
    sample = {"/".join(key): rows[key] for key in list(rows)[:FEW]}
    try:
        return metrics.smallest_difference(sample)
    except ValueError:
        return None
