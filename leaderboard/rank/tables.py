"""Tables as pandas frames: what the pages show and what their downloads hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from retouch import metrics
from retouch.leaderboard.rank import scores
from retouch.leaderboard.read import frame
from retouch.leaderboard.read.load import Records

RUN = ("submission", "point", "instance", "seed", "status", "stale", "reason")  # what a run is and what became of it


@dataclass(frozen=True)
class Filter:
    """What a view leaves in."""

    track: str
    tasks: Sequence[str] = ()
    families: Sequence[str] = ()
    allowed: Sequence[str] = ()  # what the method may need; empty means anything
    cost: float = float("inf")  # largest share of pre-training
    claim: str = "all"  # all | verified
    complete: bool = False
    find: str = ""


def keep(table: pd.DataFrame, records: Records, by: Filter) -> pd.DataFrame:
    """The scores that a filter leaves in; controls pass the filters on access and cost, for they are the scale."""
    mask = table["track"] == by.track
    if by.tasks:
        mask &= table["task"].isin(by.tasks)
    if by.families:
        mask &= table["family"].isin(by.families)
    if by.allowed:
        barred = {n for n in table["submission"].unique() if set(records.access(str(n))) - set(by.allowed)}
        mask &= ~table["submission"].isin(barred) | table["control"]
    if np.isfinite(by.cost):
        mask &= (table["share"] <= by.cost) | table["control"]
    if by.claim == "verified":
        mask &= table["verified"] | table["control"]
    if by.complete:
        mask &= (table["problems"] == "") & (table["runs"] == table["expected"])
    if by.find:
        hits = {n for n in table["submission"].unique() if by.find.lower() in f"{n} {records.title(n)}".lower()}
        mask &= table["submission"].isin(hits)
    return table[mask]


def add_ties(table: pd.DataFrame, axis: str = "rank") -> pd.DataFrame:
    """The column `ties`: how many rows of the cohort share this rank, before any filter."""
    sizes = table.groupby([*scores.COHORT, axis], observed=True)[axis].transform("size")
    return table.assign(ties=sizes.fillna(1).astype(int))


def overview(table: pd.DataFrame, order: str = "") -> pd.DataFrame:
    """One row for each family, submission and operating point; columns (task, number).

    Rows go by family, then by `order` (a task's rank; empty: the mean of the ranks that a row has), controls last.
    """
    numbers = ("rank", "ties", *frame.with_ends(*frame.SCALED), "score", "problems", "runs", "expected")
    index = ["family", *scores.ROW]
    plain = table.astype({name: str for name in (*scores.COHORT, *scores.ROW)})
    wide = plain.pivot(index=index, columns="task", values=[name for name in numbers if name in plain])
    wide = wide.swaplevel(axis=1).sort_index(axis=1)
    groups = plain.groupby(index)
    extra = groups.agg(control=("control", "first"), share=("share", "mean"), verified=("verified", "all"),
                       samples_only=("samples_only", "any"),
                       mean_rank=("rank", "mean"), mean_score=("score", "mean"))  # fmt: skip
    ranked = wide[(order, "rank")].astype(float) if (order, "rank") in wide else extra["mean_rank"]
    score = wide[(order, "score")].astype(float) if (order, "score") in wide else extra["mean_score"]
    places = {family: i for i, family in enumerate(frame.FAMILIES)}
    extra["place"] = [places.get(family, len(places)) for family in wide.index.get_level_values(0)]
    sort = extra.assign(r=ranked.fillna(np.inf), s=-score.fillna(-1)).reset_index()
    sort = sort.sort_values(["place", "control", "r", "s", "submission", "point"])
    for name in ("control", "share", "verified", "samples_only"):
        wide[("", name)] = extra[name]
    return wide.loc[pd.MultiIndex.from_frame(sort[index])]


def with_raw(
    shown: pd.DataFrame, runs: pd.DataFrame, table: pd.DataFrame, raw: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """The overview's rows with raw numbers (task, metric) and their intervals beside them."""
    wide = shown.copy()
    keys = table.astype({name: str for name in (*scores.COHORT, *scores.ROW)})
    keys = keys[pd.MultiIndex.from_frame(keys[["family", *scores.ROW]]).isin(shown.index)]
    for task, names in raw.items():
        values = points(runs, keys[keys["task"] == task], names).set_index(["family", *scores.ROW])
        for name in names:
            for column in frame.with_ends(name):
                wide[(task, column)] = values[column].reindex(shown.index)
    return wide


def flat(shown: pd.DataFrame, tasks: Sequence[str], raw: Mapping[str, Sequence[str]] | None = None) -> pd.DataFrame:
    """The overview as a download: the rows and cells that are shown, unrounded, one header line."""
    rows = shown.index.to_frame(index=False)
    for task in tasks:
        columns = frame.with_ends(*raw[task]) if raw else ["rank", "ties", *frame.with_ends(*frame.SCALED)]
        for name in [*columns, "problems"]:
            if (task, name) in shown:
                rows[f"{task}.{name}"] = shown[(task, name)].to_numpy()
    for name in ("share", "verified", "samples_only", "control"):
        rows[name] = shown[("", name)].to_numpy()
    return rows.infer_objects()


def counted(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs that count: ok or samples only, made by today's versions, not for tuning."""
    return runs[runs["status"].isin(scores.COUNTED) & ~runs["stale"] & ~runs["tuning"]]


def column(name: str) -> str:
    """A number's column in the table of runs."""
    return name if name in (*scores.AXES, *frame.COSTS) else f"m:{name}"


def points(runs: pd.DataFrame, keys: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Means and intervals of raw numbers for the rows in `keys` (track, task, family, submission, point).

    All that are expected: `metrics.aggregate`; a single one: its record's own interval; else there is none.
    """
    targets = keys[[*scores.COHORT, *scores.ROW, "expected"]].drop_duplicates()
    counts = counted(runs)
    parts = dict(list(counts[counts["submission"].isin(targets["submission"])].groupby(
        [*scores.COHORT, *scores.ROW], observed=True)))  # fmt: skip
    rows = []
    for *key, expected in targets.itertuples(index=False):
        part = parts.get(tuple(key))
        row = dict(zip(targets.columns, key, strict=False))
        for name in names:
            estimate = mean(part, column(name), expected) if part is not None else [np.nan] * 3
            row |= dict(zip(frame.with_ends(name), estimate, strict=True))
        rows.append(row)
    return pd.DataFrame(rows, columns=[*scores.COHORT, *scores.ROW, *frame.with_ends(*names)])


def mean(part: pd.DataFrame, name: str, expected: int) -> tuple[float, float, float]:
    """Mean over runs with its interval; no interval where some of the `expected` runs lack the number."""
    present = part[part[name].notna()] if name in part else part.iloc[:0]
    if len(present) == 0:
        return np.nan, np.nan, np.nan
    if len(present) == 1:
        value, low, high = (float(present.iloc[0].get(column, np.nan)) for column in frame.with_ends(name))
        return value, low, high
    if len(present) != expected:
        return float(present[name].mean()), np.nan, np.nan
    shape = (present["instance"].nunique(), -1)
    values = present.sort_values(["instance", "seed"])[name].to_numpy(float).reshape(shape)
    estimate = metrics.aggregate(values).mean
    return (
        (estimate.value, estimate.low, estimate.high) if np.isfinite(estimate.low) else (estimate.value, np.nan, np.nan)
    )


def instances(runs: pd.DataFrame, track: str, task: str) -> pd.DataFrame:
    """Every run of a task, one row each, in reading order."""
    here = runs[(runs["track"] == track) & (runs["task"] == task)]
    columns = [*RUN, "family", *frame.with_ends(*frame.SCALED), "score", *frame.COSTS, "claim"]
    names = frame.with_ends(*(f"m:{name}" for name in frame.metrics_of(here)))
    rows = here[[*columns, *names]].rename(columns=lambda name: name.removeprefix("m:"))
    return rows.sort_values(["instance", "submission", "point", "seed"], kind="stable").reset_index(drop=True)


def pareto(rows: pd.DataFrame, x: str, y: str, x_up: bool = True, y_up: bool = True) -> pd.DataFrame:
    """The rows that no other row beats on both axes, from the best in x on."""
    both = rows[rows[x].notna() & rows[y].notna()]
    sign_x, sign_y = (1 if x_up else -1), (1 if y_up else -1)
    ordered = both.assign(_x=sign_x * both[x], _y=sign_y * both[y]).sort_values(["_x", "_y"], ascending=False)
    best = ordered["_y"].cummax().shift(fill_value=-np.inf)
    return ordered[ordered["_y"] > best].drop(columns=["_x", "_y"])


def csv(table: pd.DataFrame) -> bytes:
    """CSV; a text that a spreadsheet would take for a formula is led by an apostrophe."""
    safe = table.copy()
    for name in safe.columns:
        if not pd.api.types.is_numeric_dtype(safe[name]):
            text = safe[name].astype(object)
            safe[name] = [f"'{v}" if isinstance(v, str) and v[:1] in "=+-@\t\r" else v for v in text]
    return safe.to_csv(index=False).encode()
