"""Tables as pandas frames: what the pages show and what their downloads hold."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from retouch import metrics
from retouch.leaderboard.rank import scores
from retouch.leaderboard.read import frame
from retouch.leaderboard.read.load import Records

RUN = ("submission", "point", "instance", "seed", "status", "reason")  # what a run is and what became of it


@dataclass(frozen=True)
class Filter:
    """What a view leaves in."""

    track: str
    allowed: tuple[str, ...] = ()  # what the method may need; empty means anything
    cost: float = float("inf")  # largest share of pre-training
    claim: str = "all"  # all | verified
    complete: bool = False
    find: str = ""


def keep(table: pd.DataFrame, records: Records, by: Filter) -> pd.DataFrame:
    """The scores that a filter leaves in; controls pass the filters on access and cost, for they are the scale."""
    mask = table["track"] == by.track
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


def add_ties(table: pd.DataFrame) -> pd.DataFrame:
    """The columns `ties` and `place_ties`: how many rows of the cohort share rank and place, before any filter."""
    for name, axis in (("ties", "rank"), ("place_ties", "place")):
        sizes = table.groupby([*scores.COHORT, axis], observed=True)[axis].transform("size")
        table = table.assign(**{name: sizes.fillna(1).astype(int)})
    return table


def cohort(table: pd.DataFrame, task: str, family: str) -> pd.DataFrame:
    """The rows of a task and family in reading order: submissions by place, then score; each one's best point first.

    What is ranked comes first, controls last. A submission whose best point a filter has hidden is led by the best that
    is left.
    """
    rows = table[(table["task"] == task) & (table["family"] == family)]
    rows = rows.assign(_place=rows["place"].fillna(np.inf), _loss=-rows["score"].fillna(-1), _first=~rows["lead"])
    rows = rows.sort_values(["_first", "standing", "_loss", "point"])
    leads = rows.drop_duplicates("submission").sort_values(["standing", "_place", "_loss", "submission"])
    order = {name: i for i, name in enumerate(leads["submission"])}
    rows = rows.assign(_order=[order[name] for name in rows["submission"]], lead=rows.index.isin(leads.index))
    rows = rows.sort_values(["_order", "_first", "standing", "_loss", "point"])
    return rows.drop(columns=["_place", "_loss", "_first", "_order"])


def beside_controls(table: pd.DataFrame, name: str, controls: Collection[str]) -> pd.DataFrame:
    """A submission's rows and, in the same cohorts, those of the controls."""
    cohorts = {name: str for name in scores.COHORT}
    own = pd.MultiIndex.from_frame(table.loc[table["submission"] == name, scores.COHORT].astype(cohorts))
    rows = table[table["submission"].isin({name, *controls})]
    return rows[pd.MultiIndex.from_frame(rows[scores.COHORT].astype(cohorts)).isin(own)]


def flat(rows: pd.DataFrame, runs: pd.DataFrame, raw: Sequence[str] = ()) -> pd.DataFrame:
    """Scores as a download: unrounded, in reading order, with the raw numbers that are shown."""
    rows = with_numbers(rows, runs, raw)
    parts = [cohort(rows, task, family) for task, family in rows[["task", "family"]].drop_duplicates().to_numpy()]
    asked = [name for name in frame.with_ends(*raw) if name in rows]
    columns = [
        *scores.COHORT,
        *scores.ROW,
        "standing",
        "lead",
        "place",
        "rank",
        *frame.with_ends(*frame.SCALED),
        "binds",
        *frame.with_ends(frame.AFTER),
        "score",
        *asked,
        "share",
        "sampling_cost",
        "sampling_relative",
        "runs",
        "expected",
        "problems",
        "samples_only",
        "time",
    ]
    table = pd.concat(parts)[list(dict.fromkeys(columns))].reset_index(drop=True)
    return table.astype({name: str for name in (*scores.COHORT, *scores.ROW, "standing", "binds")})


def counted(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs that count: ok or samples only, not withdrawn, made by today's versions, not for tuning."""
    there = runs["status"].isin(scores.COUNTED) & (runs["claim"] != "withdrawn")
    return runs[there & ~runs["stale"] & ~runs["tuning"]]


def compared(runs: pd.DataFrame) -> pd.DataFrame:
    """Of the runs that count those on core instances; ladders repeat these with other images or budgets."""
    runs = counted(runs)
    groups = runs.groupby(["track", "instance"], observed=True)
    core = np.array([frame.core(str(track), str(name)) for track, name in groups.size().index], bool)
    return runs[core[groups.ngroup()]]


def column(name: str) -> str:
    """A number's column in the table of runs."""
    return name if name in (*scores.AXES, frame.AFTER, *frame.COSTS) else f"m:{name}"


def with_numbers(rows: pd.DataFrame, runs: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """The rows of scores and, of these numbers, those that they lack, see `points`."""
    lacking = [name for name in names if name not in rows]
    keys = [*scores.COHORT, *scores.ROW]
    return rows.merge(points(runs, rows, lacking), on=keys, how="left") if lacking else rows


def points(runs: pd.DataFrame, keys: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Means and intervals of raw numbers for the rows in `keys` (track, task, family, submission, point).

    All that are expected: `metrics.aggregate`; a single one: its record's own interval; else there is none.
    """
    targets = keys[[*scores.COHORT, *scores.ROW, "expected"]].drop_duplicates()
    counts = compared(runs[runs["submission"].isin(targets["submission"])])
    parts = dict(list(counts.groupby([*scores.COHORT, *scores.ROW], observed=True)))
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
    ordered = both.assign(_across=sign_x * both[x], _up=sign_y * both[y]).sort_values(
        ["_across", "_up"], ascending=False
    )
    best = ordered["_up"].cummax().shift(fill_value=-np.inf)
    return ordered[ordered["_up"] > best].drop(columns=["_across", "_up"])


def csv(table: pd.DataFrame) -> bytes:
    """CSV; a text that a spreadsheet would take for a formula is led by an apostrophe."""
    safe = table.copy()
    for name in safe.columns:
        if not pd.api.types.is_numeric_dtype(safe[name]):
            text = safe[name].astype(object)
            safe[name] = [f"'{v}" if isinstance(v, str) and v[:1] in "=+-@\t\r" else v for v in text]
    return safe.to_csv(index=False).encode()
