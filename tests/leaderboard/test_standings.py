"""Who is ranked and who is not, the order across tasks, scores over time, and what a table can tell apart."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from invented import core, pick

from retouch import metrics
from retouch.leaderboard.draw import overview
from retouch.leaderboard.rank import across, board, history, scores
from retouch.leaderboard.read import frame
from retouch.leaderboard.read.load import Records


def matrix(view: board.View, task: str, family: str, axis: str) -> dict[tuple[str, str], np.ndarray]:
    """The complete, verified rows of a cohort as (instances, seeds)."""
    runs = view.runs[(view.runs["task"] == task) & (view.runs["family"] == family) & ~view.runs["tuning"]]
    runs = runs[(runs["status"] == "ok") & (runs["claim"] == "verified")]
    names = core(task, family)
    wide = runs[runs["instance"].isin(names)].astype({"submission": str, "point": str}).pivot_table(
        axis, ["submission", "point"], ["instance", "seed"], observed=True).dropna()  # fmt: skip
    return {key: row.to_numpy().reshape(len(names), -1) for key, row in wide.iterrows()}


def test_ranks_are_those_of_metrics(view: board.View) -> None:
    found = matrix(view, "category_redaction", "gan", "score")
    rows = pick(view, task="category_redaction", family="gan").set_index(["submission", "point"])["rank"].dropna()
    assert rows.to_dict() == metrics.ranks(found)


def test_places_are_ranks_among_best_points(view: board.View) -> None:
    best = pick(view, task="category_redaction", family="gan")
    best = best[best["lead"] & best["place"].notna()].set_index(["submission", "point"])["place"]
    runs = matrix(view, "category_redaction", "gan", "score")
    assert best.to_dict() == metrics.ranks({key: runs[key] for key in best.index})
    ranked = view.scores[view.scores["place"].notna()]
    assert not ranked["control"].any() and (ranked["problems"] == "").all() and ranked["lead"].all()


def invented_view(rows: list[dict[str, object]]) -> board.View:
    """A view with these rows of the scores, and a run for each."""
    table = pd.DataFrame(rows).assign(track="t")
    runs = frame.table([{"submission": r["submission"], "point": "default", "track": "t", "seed": 0, "status": "ok",
                         "instance": f"{r['task']}/x-{r['family']}"} for r in rows])  # fmt: skip
    return board.View(Records(Path(), runs), table)


def test_the_order_across_tasks_is_bordas_over_complete_rows() -> None:
    places = {"a": (1, 1), "b": (1, 2), "c": (3, 3), "d": (4, None)}  # on the tasks x and y; d has no rank on y
    rows = [{"submission": name, "task": task, "family": "gan", "lead": True, "place": place}
            for name, both in places.items() for task, place in zip("xy", both, strict=True)]  # fmt: skip
    found = across.across(invented_view(rows), "t", "gan").set_index("submission")
    assert found["points"].to_dict() == {"a": 0.875, "b": 0.625, "c": 0.0}  # a: (1.5 + 2) / 2 of 2
    assert found["order"].to_dict() == {"a": 1, "b": 2, "c": 3} and found.loc["c", "x"] == 3
    assert across.across(invented_view(rows[:2]), "t", "gan").empty


def test_history_begins_anew_with_every_version() -> None:
    days = [
        ("old", "ranked", 0.9, "2026-01-01"),
        ("old", "claimed", 0.95, "2026-01-02"),
        ("", "ranked", 0.5, "2026-02-01"),
        ("", "ranked", 0.4, "2026-02-02"),
        ("", "ranked", 0.7, "2026-02-03"),
    ]
    rows = [
        {
            "submission": f"m{i}",
            "point": "default",
            "task": "x",
            "family": "gan",
            "lead": True,
            "edition": edition,
            "standing": standing,
            "score": score,
            "time": time,
        }
        for i, (edition, standing, score, time) in enumerate(days)
    ]
    found = history.history(invented_view(rows), "t", "x", "gan")
    assert list(found["best"]) == [0.9, 0.9, 0.5, 0.5, 0.7]
    assert history.history(invented_view(rows[:1]), "t", "x", "gan").empty


def test_only_verified_rows_have_ranks(view: board.View) -> None:
    runs = view.runs[(view.runs["task"] == "category_redaction") & (view.runs["family"] == "gan")]
    claims = {"rejection": "disputed", "data_redaction": "withdrawn"}
    changed = runs["submission"].astype(str).map(claims).fillna(runs["claim"].astype(str))
    found = scores.table(runs.assign(claim=changed), view.records.controls)
    standing = found.groupby("submission", observed=True)["standing"].first()
    assert standing["rejection"] == "disputed" and standing["data_redaction"] == "incomplete"
    assert standing["finetune_retain"] == "claimed" and standing["retrained"] == "control"
    assert (found["place"].notna() == ((found["standing"] == "ranked") & found["lead"])).all()
    strong = (runs["submission"] == "data_redaction") & (runs["point"] == "strong") & (runs["seed"] == 0)
    found = scores.table(runs.assign(claim=runs["claim"].astype(str).mask(strong, "claimed")), view.records.controls)
    mine = found[found["submission"] == "data_redaction"].set_index("point")
    assert mine["standing"].to_dict() == {"weak": "ranked", "strong": "claimed"}  # one run that is a claim is enough
    assert mine["lead"].to_dict() == {"weak": True, "strong": False}


def test_the_smallest_difference_is_that_of_the_complete_rows(view: board.View) -> None:
    rows = pick(view, task="category_redaction", family="flow")
    known = {"/".join(key): value for key, value in matrix(view, "category_redaction", "flow", "goal").items()}
    ranked = view.runs["instance"].isin(core("category_redaction", "flow"))
    runs = view.runs[ranked & (view.runs["claim"] == "claimed")].astype({"instance": str})  # sorted, as the board's are
    for key, part in runs[runs["status"] == "ok"].groupby(["submission", "point"], observed=True):
        known["/".join(key)] = part.pivot(index="instance", columns="seed", values="goal").to_numpy()
    methods = {key: value for key, value in known.items() if key.split("/")[0] not in view.records.controls}
    assert rows["resolves.goal"].unique() == pytest.approx([metrics.smallest_difference(methods)])
    assert f"{rows['resolves.goal'].iloc[0]:.2f} in goal" in overview.resolution(rows)
