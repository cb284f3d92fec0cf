"""A record as a row: one flat table of runs, and the checks that a single record cannot make."""

import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from retouch.benchmark import generators, records, tasks, tracks, versions
from retouch.benchmark.records import Measured, Record, Scaled
from retouch.benchmark.run import scale

LIMIT = 1e9  # no metric of an 8-bit image comes near; larger numbers are broken or hostile, and flatten every plot
KEYS = ("submission", "point", "track", "instance", "seed")
WORDS = ("submission", "point", "track", "task", "instance", "family", "status", "reason", "device", "method", "claim",
         "by", "when", "note", "edition", "binds")  # fmt: skip
SCALED = ("goal", "quality")
AFTER = "goal_after"  # the goal that is left after the forgotten images were trained on again
ENDS = ("", ".low", ".high")  # a number and the columns of its 95% interval
PATTERNS = {
    **dict.fromkeys(("submission", "point", "track"), r"[a-z0-9][a-z0-9_.-]{0,63}"),
    "instance": r"[a-z_]{1,40}/[a-z0-9][a-z0-9_.-]{0,63}", "seed": r"\d{1,10}",
}  # fmt: skip
FAMILIES = (*generators.names(), "other")  # in the board's order; "other" is a family not known here
COSTS = ("seconds", "share", "gradient_steps", "peak_memory_mb", "sampling_relative", "sampling_cost")


def row(record: Record) -> dict[str, Any]:
    """The flat row of a record: keys, status, goal, quality, score, cost, claim, and every metric with its interval.

    Intervals stand in `NAME.low` and `NAME.high`; raw metrics are called `m:NAME`.
    """
    cells: dict[str, Any] = {name: getattr(record, name) for name in KEYS}
    moved, claim = versions.moved(record), record.claim
    cells |= {"task": record.task, "family": family(record.track, record.instance), "status": record.status,
              "reason": (record.reason or "; ".join(moved))[:300], "method": record.method, "score": record.score,
              "stale": bool(moved), "edition": versions.edition(record)[:80] if moved else "",
              "tuning": tuning(record.track, record.instance), "time": record.provenance.time[:40],
              "claim": claim.status, "by": claim.by, "when": claim.when or "", "note": claim.note[:300],
              "binds": getattr(record.quality, "binds", ""), "device": "", "cut": False}  # fmt: skip
    for name in SCALED:
        _put(cells, name, getattr(record, name))
        _put(cells, f"again:{name}", getattr(claim, name))
    if record.cost is not None:
        cells |= {name: _known(getattr(record.cost, name)) for name in COSTS}
        cells |= {"device": record.cost.device, "cut": record.cost.cut}
    for name, value in record.metrics.items():
        _put(cells, f"m:{name}", value)
    if record.goal is not None and not moved:
        cells |= after_attack(record)
    _refuse_huge(cells)
    return cells


def after_attack(record: Record) -> dict[str, float]:
    """The goal after relearning and its interval, by the track's scale; empty where it was not attacked."""
    share, anchors = record.metrics.get("relearned_early"), _anchors(record.track, record.instance)
    if share is None or not anchors or record.task not in tasks.names() or scale.OTHERS in anchors["unchanged"]:
        return {}  # also where the goal is a likelihood, and not the share that comes back
    base = anchors["unchanged"][tasks.module(record.task).GOAL]
    goal = scale.on_scale(share, base, anchors["ideal"])
    return dict(zip(with_ends(AFTER), (goal.value, goal.low, goal.high), strict=True))


def _known(value: float | None) -> float:
    return math.nan if value is None else float(value)


def with_ends(*names: str) -> list[str]:
    """The columns of these numbers and of their intervals."""
    return [name + end for name in names for end in ENDS]


def _put(cells: dict[str, Any], name: str, value: Scaled | Measured | None) -> None:
    if value is not None:
        cells |= dict(zip(with_ends(name), (value.value, *records.ends(value)), strict=True))


def _refuse_huge(cells: dict[str, Any]) -> None:
    for name, value in cells.items():
        if isinstance(value, float) and abs(value) > LIMIT:
            raise ValueError(f"{name.removeprefix('m:')} is {value:.3g}, beyond {LIMIT:.0g}: no measurement")


def broken(runs: pd.DataFrame) -> dict[Any, str]:
    """The rows of a foreign table that break a rule which records obey: index -> reason."""
    bad: dict[Any, str] = {}
    for name, pattern in PATTERNS.items():
        for i in runs.index[~runs[name].astype(str).str.fullmatch(pattern)]:
            bad.setdefault(i, f"{name} is not a valid name")
    for i in runs.index[runs.duplicated(list(KEYS))]:
        bad.setdefault(i, "an earlier row is of the same run")
    numbers = runs.select_dtypes("number")
    for i in numbers.index[(numbers.abs() > LIMIT).any(axis=1)]:
        bad.setdefault(i, f"a number beyond {LIMIT:.0g}: no measurement")
    if "score" in runs:  # goal and quality are not bounded
        for i in runs.index[runs["score"].notna() & ~runs["score"].between(0, 1)]:
            bad.setdefault(i, "score lies outside 0 to 1")
    return bad


def table(rows: list[dict[str, Any]] | pd.DataFrame) -> pd.DataFrame:
    """The table of runs; words as categories, which keeps 100,000 runs small."""
    runs = pd.DataFrame(rows)
    if "instance" in runs and "task" not in runs:
        runs["task"] = runs["instance"].str.split("/").str[0]
    for name, of in (("family", family), ("tuning", tuning)):
        if "instance" in runs and name not in runs:
            runs[name] = [of(t, i) for t, i in zip(runs["track"], runs["instance"], strict=True)]
    for name in (*with_ends(*SCALED, AFTER), "score", *COSTS):
        runs[name] = pd.to_numeric(runs[name]) if name in runs else float("nan")
    runs["sampling_cost"] = runs["sampling_cost"].replace(0, float("nan"))  # of records made before it was counted
    for name in (*WORDS, "time"):
        text = runs[name] if name in runs else pd.Series([""] * len(runs), runs.index)
        runs[name] = text.astype("category").cat.remove_unused_categories()  # what has gone leaves no name behind
    for name in ("stale", "tuning", "cut"):
        runs[name] = runs[name].eq(True) if name in runs else False  # a run that has no such field is not it
    runs["seed"] = runs["seed"].astype("int64") if "seed" in runs else pd.Series(dtype="int64")
    return runs


def editions(runs: pd.DataFrame, track_name: str) -> list[str]:
    """The editions that a track's records are of: today's, which is called "", then older ones, the newest first."""
    here = runs.loc[runs["track"] == track_name, ["edition", "time"]].drop_duplicates().astype(str)
    newest = here.groupby("edition")["time"].max().sort_values()
    return sorted(newest.index[::-1], key=lambda edition: edition != "")


def of_edition(runs: pd.DataFrame, edition: str) -> pd.DataFrame:
    """The runs of one edition, as if there were no others: none of them is stale."""
    return runs[runs["edition"] == edition].assign(stale=False)


def metrics_of(runs: pd.DataFrame) -> list[str]:
    """The raw metrics that any of these runs has, in the table's order."""
    names = [name[2:] for name in runs.columns if name.startswith("m:") and not name.endswith(ENDS[1:])]
    return [name for name in names if runs[f"m:{name}"].notna().any()]


@cache
def track(name: str) -> tracks.Track | None:
    """The track as it is described now; None where it is not known here."""
    try:
        return tracks.load(name)
    except ValueError:
        return None


@cache
def instance(track_name: str, name: str) -> tracks.Instance | None:
    """The instance as the track describes it now; None where the track or the instance is not known here."""
    known = track(track_name)
    return next((i for i in known.instances if i.name == name), None) if known else None


@cache
def _anchors(track_name: str, name: str) -> dict[str, Any]:
    """An instance's part of the scale; empty where the track is not known here or has none."""
    try:
        return tracks.scale(track_name).get(name, {})
    except (KeyError, ValueError):
        return {}


def place(track_name: str, name: str) -> dict[str, Any]:
    """Quality of an instance's base, a mixture of Gaussians and noise against real images; empty where unmeasured."""
    return _anchors(track_name, name).get("place", {})


def family(track_name: str, name: str) -> str:
    """The family of an instance's base: from the track, else from the end of the instance's name."""
    known = instance(track_name, name)
    last = name.rsplit("-", 1)[-1]
    return known.family if known else last if last in FAMILIES else FAMILIES[-1]


def tuning(track_name: str, name: str) -> bool:
    """Whether an instance is there for choosing parameters, and so is not scored."""
    known = instance(track_name, name)
    return bool(known and known.tuning)


def pictured(track_name: str) -> bool:
    """Whether a track's pictures may be shown here: those of data that do not ship only where its scale was made."""
    known = track(track_name)
    return known is None or known.ships or tracks.scale_file(track_name).exists()


def core(track_name: str, name: str) -> bool:
    """Whether an instance counts in comparisons: those of ladders repeat others with more or fewer images."""
    known = instance(track_name, name)
    return known is None or known.rank == "core"


def relative(keys: Mapping[str, Any]) -> Path:
    """Where the record of a run lies below the folder of submissions."""
    return Path(keys["submission"], "records", keys["track"], keys["instance"], f"{keys['point']}.{keys['seed']}.json")
