"""From runs to scores: one row for each submission, operating point, task and family of a track, with ranks.

A rank is made within a family, among verified rows that ran every instance with every seed: other instances are other
problems, and what nobody made again is a claim. `standing` says which rows these are, and why the others are none of
them. `rank` is among all operating points, `place` among submissions, each by its best point, the one that has `lead`.
Records of older versions have scores of their own, edition by edition. Means, intervals, ranks and the smallest
difference come from `metrics`; nothing is averaged over what is missing.
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
STANDINGS = ("ranked", "claimed", "disputed", "incomplete", "control")  # in the order of a table
STANDING = pd.CategoricalDtype(STANDINGS, ordered=True)
FEW = 30  # rows from which the smallest difference is pooled; more add time and no information
Cells = list[tuple[str, int]]  # (instance, seed)


def table(runs: pd.DataFrame, controls: set[str], old: pd.DataFrame | None = None,
          progress: Callable[[int, int], None] | None = None) -> pd.DataFrame:  # fmt: skip
    """The scores of all runs. Cohorts whose runs are the same as in `old` are taken over from there."""
    runs = runs[~runs["tuning"]]
    groups = list(runs.groupby([*COHORT, "edition"], observed=True, sort=True))
    known = dict(list(old.groupby("digest", observed=True))) if old is not None and len(old) else {}
    parts = []
    for i, (keys, group) in enumerate(groups):
        digest = _digest(group, controls)
        parts.append(
            known[digest]
            if digest in known
            else _cohort(dict(zip([*COHORT, "edition"], keys, strict=True)), group, controls, digest)
        )
        if progress:
            progress(i + 1, len(groups))
    if not parts:
        return pd.DataFrame(
            columns=[*COHORT, *ROW, *AXES, "edition", "standing", "rank", "lead", "place", "runs", "expected",
                     "problems", "control", "digest"]
        )  # fmt: skip
    rows = pd.concat(parts, ignore_index=True)
    return rows.astype({name: "category" for name in (*COHORT, *ROW, "edition", "binds")} | {"standing": STANDING})


def _digest(group: pd.DataFrame, controls: set[str]) -> str:
    """Of all that a cohort's scores are made of, the code included; the order of the runs does not matter."""
    words = dict.fromkeys((*frame.KEYS, "status", "edition", "claim", "time", "binds"), str)
    columns = [*words, *frame.with_ends(*frame.SCALED, frame.AFTER), "score", *frame.COSTS]
    content = pd.util.hash_pandas_object(group[columns].astype(words), index=False).sort_values()
    anchors = sorted(controls & set(group["submission"]))
    return hashlib.sha256(content.to_numpy().tobytes() + repr((anchors, _code())).encode()).hexdigest()[:24]


@cache
def _code() -> str:
    """What turns runs into scores."""
    files = (Path(__file__), Path(summary.__file__), Path(estimate.__file__))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def cells(track: str, task: str, family: str, edition: str, group: pd.DataFrame) -> Cells:
    """What a complete row has: the track's core × its seeds, or what anyone ran where the track is unknown.

    Of an older edition: what anyone ran of today's core.
    """
    known, names = frame.track(track), list(group["instance"].astype(str).unique())
    if known is None:
        return [(name, seed) for name in sorted(names) for seed in sorted(group["seed"].unique().tolist())]
    core = [i.name for i in known.instances if i.task == task and i.family == family and i.rank == "core"]
    names, seeds = [name for name in core if not edition or name in names], known.seeds
    return [(name, seed) for name in sorted(names) for seed in sorted(seeds)]


def _cohort(keys: dict[str, str], group: pd.DataFrame, controls: set[str], digest: str) -> pd.DataFrame:
    """The rows of one track, task, family and edition."""
    expected = cells(keys["track"], keys["task"], keys["family"], keys["edition"], group)
    words = dict.fromkeys((*ROW, "instance", "status", "claim", "time", "binds"), str)
    group = group[[*words, "seed", *frame.COSTS, "score", *frame.with_ends(*frame.SCALED, frame.AFTER)]].astype(words)
    names = group[ROW].drop_duplicates().sort_values(ROW).reset_index(drop=True)
    row = pd.MultiIndex.from_frame(names).get_indexer(pd.MultiIndex.from_frame(group[ROW]))
    cell = _cell(group, expected)
    group, row, cell = group[cell >= 0], row[cell >= 0], cell[cell >= 0]  # ladders and divisions inform, elsewhere
    valid = group["status"].isin(COUNTED) & (group["claim"] != "withdrawn") & group["score"].notna()
    counts = valid.to_numpy()
    table = names.assign(**keys, digest=digest, control=names["submission"].isin(controls), expected=len(expected))
    table["runs"] = np.bincount(row[counts], minlength=len(names))
    table["problems"] = _problems(group, row, cell, len(names), len(expected))
    table = _extras(table, group.assign(_row=row), counts)
    table["standing"] = _standing(table)
    values = {axis: _grid(group, axis, row, cell, counts, (len(names), len(expected))) for axis in AXES}
    table["score"] = _nanmean(values["score"])
    whole = (table["runs"] == len(expected)).to_numpy() & (len(expected) > 0)
    shape = (len({name for name, _ in expected}), -1)
    for axis in frame.SCALED:
        own = [_nanmean(_grid(group, f"{axis}{end}", row, cell, counts, values[axis].shape)) for end in frame.ENDS[1:]]
        columns = _intervals(values[axis], whole, shape, table["runs"], own)
        table[frame.with_ends(axis)] = np.column_stack(columns)
        methods = np.flatnonzero(whole & ~table["control"])[:FEW]
        table[f"resolves.{axis}"] = _resolves({str(i): values[axis][i].reshape(shape) for i in methods})
    table["lead"] = _leads(table)
    return _ranked(table, values["score"], shape)


def _standing(table: pd.DataFrame) -> pd.Categorical:
    """What each row is, as one of STANDINGS."""
    lacks = (table["runs"] < table["expected"]) | (table["expected"] == 0)
    names = np.select([table["control"], lacks, table["disputed"], table["verified"]],
                      ["control", "incomplete", "disputed", "ranked"], "claimed")  # fmt: skip
    return pd.Categorical(names, dtype=STANDING)


def _ranked(table: pd.DataFrame, values: np.ndarray, shape: tuple[int, int]) -> pd.DataFrame:
    """The table with ranks among its verified rows; values: scores (rows, cells)."""
    ranked = {str(i): values[i].reshape(shape) for i in table.index[table["standing"] == "ranked"]}
    leads = {name: scores for name, scores in ranked.items() if table["lead"][int(name)]}
    for column, rows in (("rank", ranked), ("place", leads)):
        ranks = metrics.ranks(rows)
        table[column] = [float(ranks.get(str(i), np.nan)) for i in table.index]
    return table


def _resolves(rows: dict[str, np.ndarray]) -> float:
    """The smallest true difference that these rows, (instances, seeds) each, can show; NaN where they are too few."""
    try:
        return metrics.smallest_difference(rows)
    except ValueError:
        return np.nan


def _leads(table: pd.DataFrame) -> "pd.Series[bool]":
    """Whether a row is its submission's best: by standing, then by score."""
    order = table.assign(_loss=-table["score"].fillna(-1)).sort_values(["standing", "_loss"], kind="stable")
    best = order.drop_duplicates("submission").index
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
            mean[int(i)], low[int(i)], high[int(i)] = estimate.value, estimate.low, estimate.high
    return mean, low, high


def _problems(group: pd.DataFrame, row: np.ndarray, cell: np.ndarray, rows: int, expected: int) -> list[str]:
    """Why each row is not complete, in words: "1 failed, 2 missing"; empty where it is."""
    state = group["status"].where(group["claim"] != "withdrawn", "withdrawn")
    bad = ~state.isin(COUNTED)
    counts = pd.Series(row)[bad.to_numpy()].groupby(state[bad].to_numpy()).value_counts()
    words: list[list[str]] = [[] for _ in range(rows)]
    for (name, i), n in sorted(counts.items()):
        words[i].append(f"{n} {name.replace('_', ' ')}")
    have = np.zeros((rows, expected), bool)
    have[row, cell] = True
    for i in np.flatnonzero(~have.all(1)):
        words[i].append(f"{int((~have[i]).sum())} missing")
    return [", ".join(parts) for parts in words]


def _extras(table: pd.DataFrame, group: pd.DataFrame, counts: np.ndarray) -> pd.DataFrame:
    """Mean costs; the goal after attack; the part that binds quality most often; when made; what maintainers say."""
    means = group.groupby("_row")[[*frame.COSTS, *frame.with_ends(frame.AFTER)]].mean()
    table[list(means)] = means.reindex(table.index)
    attacked = group.groupby("_row")[frame.AFTER].count().reindex(table.index, fill_value=0)
    table.loc[attacked != 1, frame.with_ends(frame.AFTER)[1:]] = np.nan  # the mean of several has no interval here
    table["time"] = group.groupby("_row")["time"].max().reindex(table.index)
    valid = group[counts]
    table["binds"] = _most_common(valid[valid["binds"] != ""]).reindex(table.index, fill_value="")
    flags = {
        "verified": (valid["claim"] == "verified", "all"),
        "disputed": (valid["claim"] == "disputed", "any"),
        "samples_only": (valid["status"] == "samples_only", "any"),
    }
    for name, (flag, how) in flags.items():
        table[name] = flag.groupby(valid["_row"]).agg(how).reindex(table.index, fill_value=False).astype(bool)
    return table


def _most_common(group: pd.DataFrame) -> "pd.Series[str]":
    """The part that binds most often, by row."""
    counts = group.groupby(["_row", "binds"]).size().rename("n").reset_index().sort_values(["n", "binds"])
    return counts.drop_duplicates("_row", keep="last").set_index("_row")["binds"]
