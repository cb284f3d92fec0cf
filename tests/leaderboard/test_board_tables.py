"""Scores, ranks, filters, fronts, comparisons and the chooser, against answers worked out by hand or another way."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from invented import core, pick

from retouch import metrics
from retouch.benchmark.submission import Submission
from retouch.leaderboard.draw import overview
from retouch.leaderboard.look import numbers, sentences, theme
from retouch.leaderboard.rank import board, choose, paired, profiles, scores, tables
from retouch.leaderboard.read import frame
from retouch.leaderboard.read.sweeps import sweep


def test_controls_fix_the_scale_and_have_no_rank(view: board.View) -> None:
    unchanged, retrained = (pick(view, submission=name) for name in ("unchanged", "retrained"))
    assert (unchanged["goal"] == 0).all() and np.allclose(retrained["goal"], 1)
    assert unchanged["rank"].isna().all() and retrained["rank"].isna().all()


def test_missing_is_missing_never_zero(view: board.View) -> None:
    (row,) = pick(view, submission="diversity_weights", family="flow").to_dict("records")
    assert row["runs"] == 2 and row["problems"] == "1 missing" and np.isnan(row["rank"]) and np.isnan(row["goal.low"])
    (row,) = pick(view, submission="gradient_ascent", family="gan", task="identity_removal").to_dict("records")
    n = len(core("identity_removal", "gan"))  # ladders and divisions apart; of three seeds one has failed on each
    assert np.isnan(row["goal"]) and row["problems"] == f"{2 * n} below floor, {n} failed"


def test_ladders_and_divisions_are_no_problems_of_their_own(view: board.View) -> None:
    runs = view.runs[~view.runs["tuning"] & (view.runs["task"] == "identity_removal") & (view.runs["family"] == "gan")]
    alone = runs[runs["instance"].map(lambda name: frame.core("tiny", name)).astype(bool)]
    assert len(alone) < len(runs)
    pd.testing.assert_frame_equal(*(
        scores.table(part, view.records.controls).drop(columns="digest") for part in (runs, alone)
    ))  # fmt: skip
    keys = pick(view, submission="rejection", task="identity_removal", family="gan")
    pd.testing.assert_frame_equal(tables.points(runs, keys, ["fd"]), tables.points(alone, keys, ["fd"]))
    made = [profiles.profiles(part, "tiny", "gan", view.records.controls) for part in (runs, alone)]
    pd.testing.assert_frame_equal(*made)


def test_ranks_equal_paired_differences_one_by_one() -> None:
    rng = np.random.default_rng(0)
    for shape in ((1, 3), (3, 1), (2, 4), (1, 1)):
        table = {f"m{i}": rng.random(shape).round(1) + 0.06 * i for i in range(14)}
        better = {
            n: 1 + sum(metrics.paired_difference(table[o], table[n]).low > 0 for o in table if o != n) for n in table
        }
        slow = {n: max([better[n], *(better[o] for o in table if table[o].mean() > table[n].mean())]) for n in table}
        assert metrics.ranks(table) == slow


def test_means_are_aggregates_one_by_one() -> None:
    rng = np.random.default_rng(1)
    for shape in ((1, 3), (3, 1), (2, 4), (1, 1)):
        table = {f"m{i}": rng.random(shape) for i in range(5)}
        for name, found in metrics.means(table).items():
            wanted = metrics.aggregate(table[name]).mean
            assert np.allclose(
                [found.value, found.low, found.high], [wanted.value, wanted.low, wanted.high], atol=1e-12
            )
            assert (found.n, found.note, found.se is None) == (wanted.n, wanted.note, wanted.se is None)
            assert found.se is None or np.isclose(found.se, wanted.se)


def test_mean_and_interval_are_those_of_metrics(view: board.View) -> None:
    (row,) = pick(view, submission="rejection", task="category_redaction", family="gan").to_dict("records")
    runs = view.runs[
        (view.runs["submission"] == "rejection") & view.runs["instance"].isin(core("category_redaction", "gan"))
    ]
    runs = runs.astype({"instance": str})
    found = metrics.aggregate(runs.pivot(index="instance", columns="seed", values="goal").to_numpy()).mean
    assert np.allclose(
        [row["goal"], row["goal.low"], row["goal.high"]],
        [found.value, found.low, found.high],  # unclipped
    )


def test_unchanged_cohorts_are_taken_over(view: board.View) -> None:
    marked = view.scores.assign(problems="from the old table")
    again = scores.table(view.runs, view.records.controls, marked)
    assert (again["problems"] == "from the old table").all()
    changed = view.runs.copy()
    changed.loc[changed["instance"] == "category_redaction/digits-gan", "quality"] *= 0.9
    again = scores.table(changed, view.records.controls, marked)
    new = again[again["problems"] != "from the old table"]
    assert set(zip(new["task"], new["family"], strict=True)) == {("category_redaction", "gan")}


def test_filters_hide_rows_and_keep_ranks(view: board.View) -> None:
    kept = tables.keep(view.scores, view.records, tables.Filter("tiny", allowed=("classifier",)))
    assert set(kept["submission"]) == {"rejection", "unchanged", "retrained"}
    assert (kept["rank"].dropna() == view.scores.loc[kept.index, "rank"].dropna()).all()
    assert set(tables.keep(view.scores, view.records, tables.Filter("tiny", find="rejec"))["submission"]) == {
        "rejection"
    }
    verified = set(tables.keep(view.scores, view.records, tables.Filter("tiny", claim="verified"))["submission"])
    assert verified == set(view.submissions()) - {"finetune_retain", "gradient_ascent"}
    assert (
        "gradient_ascent" not in set(pick_complete(view)["submission"]) or (pick_complete(view)["problems"] == "").all()
    )
    cheap = tables.keep(view.scores, view.records, tables.Filter("tiny", cost=0.01))
    assert (cheap.loc[~cheap["control"], "share"] <= 0.01).all()


def pick_complete(view: board.View) -> pd.DataFrame:
    """Complete rows."""
    return tables.keep(view.scores, view.records, tables.Filter("tiny", complete=True))


def test_a_cohort_has_every_row_once_best_points_first(view: board.View) -> None:
    for (task, family), rows in view.scores.groupby(["task", "family"], observed=True):
        cohort = tables.cohort(view.scores, task, family)
        assert sorted(cohort.index) == sorted(rows.index)
        leads = cohort[cohort["lead"]]
        assert list(leads["submission"]) == list(dict.fromkeys(cohort["submission"]))  # each leads its own points
        assert leads["control"].is_monotonic_increasing and leads["place"].dropna().is_monotonic_increasing
        for _, part in cohort.groupby("submission", observed=True):
            complete = part[part["problems"] == ""]
            assert part.iloc[0]["score"] == complete["score"].max() or complete.empty or part["score"].isna().all()
    flat = tables.flat(view.scores, view.runs, ["fd"])
    assert len(flat) == len(view.scores) and {"goal.low", "place", "fd.high"} <= set(flat)


def test_a_hidden_best_point_hands_the_lead_on(view: board.View) -> None:
    rows = view.scores[~((view.scores["submission"] == "data_redaction") & view.scores["lead"])]
    cohort = tables.cohort(rows, "category_redaction", "gan")
    (mine,) = cohort[cohort["submission"] == "data_redaction"].to_dict("records")
    assert mine["lead"] and np.isnan(mine["place"])  # the rank was the other point's


def test_the_sentence_says_what_the_table_holds(view: board.View) -> None:
    for task, family in view.scores[["task", "family"]].drop_duplicates().to_numpy():
        rows = tables.cohort(tables.add_ties(view.scores), task, family)
        says = sentences.leader(rows, view.titles())
        best = rows[rows["place"] == 1].sort_values("score", ascending=False)
        named = set(best["submission"])
        if len(best):
            first = best.iloc[0]
            assert says.startswith(f"{view.records.title(first['submission'])} leads: goal {first['goal']:.2f}, ")
        else:
            first = rows[rows["standing"] == "claimed"].sort_values("score").iloc[-1]
            assert says.startswith("Nothing is verified") and f"goal {first['goal']:.2f}, quality " in says
            named = {first["submission"]}
        for name in rows["submission"].unique():
            assert (view.records.title(name) in says) == (name in named)
        goal = rows.loc[rows["submission"] == "retrained", "goal"].iloc[0]
        assert says.endswith(f"Training from scratch reaches goal {goal:.2f}.")
    none = rows.assign(standing="incomplete")
    assert "none is ranked" in sentences.leader(none, view.titles())


@pytest.mark.parametrize(
    ("params", "joined"),
    [([{"lam": 0.9}, {"lam": 0.8}, {"lam": 0.6}], "abc"),  # the manifest's order, not the alphabet's or the number's
     ([{"gamma": 0.0}, {}, {"gamma": 100.0}], "abc"),  # the method's own default lies where the manifest puts it
     ([{"delta": 1.0}, {"delta": 2.0}, {"delta": 2.0, "lr": 0.1}], "ab"),  # another step is a variant
     ([{}, {"aim": False}], ""), ([{}, {"name": "b"}], ""), ([{}], "")],
)  # fmt: skip
def test_a_line_joins_the_points_along_the_strength(params: list[dict[str, object]], joined: str) -> None:
    points = [{"name": name, "params": values} for name, values in zip("abc", params, strict=False)]
    manifest = Submission(title="t", authors=["a"], summary="s", licence="MIT", families=["gan"],
                          tasks=["category_redaction"], entry="methods.x:edit", access=[], tuning="none",
                          points=points)  # fmt: skip
    assert "".join(sweep(manifest)) == joined


points = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=12)


@settings(deadline=None, max_examples=60)
@given(points, st.booleans(), st.booleans())
def test_pareto_front_is_what_nobody_beats(values: list[tuple[int, int]], x_up: bool, y_up: bool) -> None:
    table = pd.DataFrame(values, columns=["x", "y"], dtype=float)
    sx, sy = (1 if x_up else -1), (1 if y_up else -1)

    def beaten(i: int) -> bool:
        a = (sx * table.x[i], sy * table.y[i])
        others = [(sx * table.x[j], sy * table.y[j]) for j in table.index]
        return any(b[0] >= a[0] and b[1] >= a[1] and b != a for b in others)

    best = {(table.x[i], table.y[i]) for i in table.index if not beaten(i)}
    front = tables.pareto(table, "x", "y", x_up, y_up)
    assert set(front[["x", "y"]].itertuples(index=False, name=None)) == best


def test_a_profile_counts_instances_near_the_best() -> None:
    scores_ = {("a", "x"): 0.8, ("a", "y"): 0.3, ("b", "x"): 0.4, ("b", "y"): 0.6, ("c", "x"): 0.8}
    runs = frame.table([{"submission": n, "point": "default", "track": "t", "instance": f"task/{i}-gan", "seed": 0,
                         "status": "ok", "score": s} for (n, i), s in scores_.items()])  # fmt: skip
    found = profiles.profiles(runs, "t", "gan", set()).set_index(["submission", "factor"])["share"]
    assert [found[name, 1.0] for name in "abc"] == [0.5, 0.5, 0.5]
    assert [found[name].iloc[-1] for name in "abc"] == [1, 1, 0.5]
    assert all(found[name].is_monotonic_increasing for name in "abc")
    assert found["a"][found["a"].index < 2].max() == 0.5


def test_csv_has_no_formulas() -> None:
    text = tables.csv(pd.DataFrame({"a": ["=1+1", "+x", "plain"], "b": [-1.5, 2.0, np.nan]})).decode()
    assert text.splitlines() == ["a,b", "'=1+1,-1.5", "'+x,2.0", "plain,"]


def test_raw_numbers_of_one_run_keep_its_interval(view: board.View) -> None:
    keys = pick(view, submission="rejection", task="category_redaction", family="gan")
    one = view.runs[view.runs["seed"] == 0]
    one = one[(one["instance"] == "category_redaction/digits-gan")]
    (row,) = tables.points(one, keys, ["fd"]).to_dict("records")
    run = one[one["submission"] == "rejection"].iloc[0]
    assert (row["fd"], row["fd.low"], row["fd.high"]) == (run["m:fd"], run["m:fd.low"], run["m:fd.high"])


def test_comparison_says_who_is_ahead(view: board.View) -> None:
    a, b = ("rejection", "default"), ("finetune_retain", "steps-200")
    goal = paired.pairs(view.runs, "tiny", a, b, "goal", ["category_redaction"])
    n = sum(len(core("category_redaction", family)) for family in ("flow", "gan", "diffusion"))
    assert len(goal) == n and (goal["low"] > 0).all()
    back = paired.pairs(view.runs, "tiny", b, a, "goal", ["category_redaction"])
    assert np.allclose(back["value"], -goal["value"])
    same = paired.pairs(view.runs, "tiny", a, a, "quality", ["category_redaction"])
    assert (same["value"] == 0).all()
    assert (
        sentences.comparison(goal, same, "A", "B")
        == f"A redacts more on {n} of {n} instances than B. Quality is not distinguishable."
    )
    assert sentences.comparison(back, same, "B", "A").startswith(f"A redacts more on {n} of {n} instances than B.")
    assert "nothing can be compared" in sentences.comparison(goal.head(0), same.head(0), "A", "B")


@pytest.mark.parametrize("track", ["tiny", "not-known-here"])
def test_missing_seeds_leave_those_that_both_have(view: board.View, track: str) -> None:
    a, b = ("rejection", "default"), ("finetune_retain", "steps-200")
    runs = view.runs.assign(track=track)
    runs = runs[(runs["submission"] != "rejection") | (runs["seed"] < 2)]
    goal = paired.pairs(runs, track, a, b, "goal", ["category_redaction"])
    assert (goal["seeds"] == 2).all() and goal["low"].notna().all()
    ragged = runs[(runs["family"] == "gan") | (runs["seed"] == 0)]  # another number of seeds on each instance
    assert set(paired.pairs(ragged, track, a, b, "goal", ["category_redaction"])["seeds"]) == {1, 2}
    assert len(scores.table(ragged, set()))
    alone = [paired.pairs(runs[runs["seed"] == 0], track, a, b, name, ["category_redaction"])
             for name in ("goal", "quality")]  # fmt: skip
    assert len(alone[0]) >= 3 and alone[0]["low"].isna().all()
    assert sentences.comparison(*alone, "A", "B") == (
        "In category redaction they have one seed in common, too few to tell. One seed cannot tell quality apart."
    )


def test_scores_are_made_anew_where_their_sources_change(view: board.View, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = view.runs[(view.runs["family"] == "gan") & (view.runs["task"] == "category_redaction")]
    digest = scores._digest(runs, {"unchanged"})
    assert digest == scores._digest(runs.iloc[::-1], {"unchanged"}) != scores._digest(runs, {"retrained"})
    for name in ("goal.high", "quality.low", "sampling_relative"):
        assert scores._digest(runs.assign(**{name: runs[name] * 0.9}), {"unchanged"}) != digest
    monkeypatch.setattr(scores, "_code", lambda: "of another version")
    assert scores._digest(runs, {"unchanged"}) != digest


def test_raw_numbers_of_incomplete_rows_are_marked(view: board.View) -> None:
    runs = view.runs[(view.runs["submission"] != "rejection") | (view.runs["seed"] < 2)]
    made = scores.table(runs, view.records.controls)
    made = made[(made["task"] == "category_redaction") & (made["submission"] == "rejection")]
    flat = tables.flat(made, runs, ["fd"])
    assert flat["fd"].notna().all() and flat[["fd.low", "fd.high"]].isna().all(axis=None)
    marks = theme.marks(["rejection"], set(), theme.look())
    page = overview.sections(board.View(view.records, made), made, "category_redaction", ["flow", "gan"], marks, ["fd"])
    n = len(core("category_redaction", "gan"))
    assert page.count(f"{2 * n} of {3 * n} runs; {n} missing") == 2


def reasons(out: pd.DataFrame) -> dict[str, str]:
    """Why each submission is ruled out, in words."""
    return {row["submission"]: sentences.ruled_out(row["obstacles"]) for row in out.to_dict("records")}


def test_what_is_not_recorded_meets_no_limit(view: board.View) -> None:
    unknown = view.scores.assign(share=np.nan, sampling_cost=np.nan)
    everything = list(choose.HAVE)
    asked = choose.Wish("tiny", "category_redaction", "gan", everything, cost=0.5, sampling=2.0)
    left, out = choose.choose(unknown, view.records, asked)
    assert left.empty and all("cost not recorded; cost of sampling not counted" in why for why in reasons(out).values())
    left, _ = choose.choose(unknown, view.records, choose.Wish("tiny", "category_redaction", "gan", everything))
    assert len(left)


def test_without_a_manifest_a_method_may_need_anything(view: board.View) -> None:
    bare = replace(view.records, manifests={})
    wish = choose.Wish("tiny", "category_redaction", "gan", ["weights"])
    _, out = choose.choose(view.scores, bare, wish)
    assert all("what it needs is not known" in why for why in reasons(out).values())
    left, _ = choose.choose(view.scores, bare, replace(wish, have=list(choose.HAVE)))
    assert "rejection" in set(left["submission"])
    kept = tables.keep(view.scores, bare, tables.Filter("tiny", allowed=("classifier",)))
    assert kept["control"].all()


def test_chooser_rules_out_with_reasons(view: board.View) -> None:
    wish = choose.Wish("tiny", "category_redaction", "gan", have=["weights", "classifier"], quality=0.5)
    left, out = choose.choose(view.scores, view.records, wish)
    assert set(left["submission"]) == {"rejection"}
    why = reasons(out)
    assert "needs the training data" in why["finetune_retain"] and "quality" in why["gradient_ascent"]
    assert "unchanged" not in {*left["submission"], *out["submission"]}
    slow = choose.Wish("tiny", "category_redaction", "gan", have=list(choose.HAVE), sampling=1.5, cost=0.04)
    left, out = choose.choose(view.scores, view.records, slow)
    assert "an image costs as much as 2.86 of the base’s" in reasons(out)["rejection"] and (left["share"] <= 0.04).all()


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.00"), (0.123, "0.12"), (float("nan"), "–"), (None, "–"), (0.0001, "0.0001"), (0.00002, "2e-5"),
     (12345.0, "12,345"), (2.5e7, "2.5e7"), (123.4, "123"),
     (-0.5, "-0.50")],
)  # fmt: skip
def test_numbers(value: float | None, text: str) -> None:
    assert numbers.number(value) == text


def test_ranks_and_percentages_read_well() -> None:
    assert [numbers.rank(1.0), numbers.rank(2.0, 3), numbers.rank(float("nan"))] == ["1", "=2", "–"]
    assert [numbers.percent(v) for v in (0, 0.0034, 0.1, 1.0, 2.0, float("nan"))] == [
        "0%",
        "0.34%",
        "10%",
        "100%",
        "200%",
        "–",
    ]


def test_beyond_or_short_of_retraining_is_a_paired_difference():
    import pandas as pd

    def says(*ends):
        return sentences.beside_retraining(pd.DataFrame(ends, columns=["low", "high"], dtype=float), "It")

    assert says((0.1, 0.2), (-0.1, 0.2), (-0.2, -0.1)) == (
        " It goes beyond retraining on 1 of 3 instances and falls short of it on 1 of 3 instances."
    )
    assert says((-0.1, 0.1)) == " It cannot be told apart from retraining." and says((np.nan, np.nan)) == ""
    assert says() == "" and says((-0.2, -0.1)) == " It falls short of retraining on the one instance."


def test_one_image_has_no_interval() -> None:
    from retouch.benchmark import records
    from retouch.benchmark.records import Measured

    assert np.isnan(records.ends(Measured(value=0.8, low=-1, high=1, n=1))).all()
    assert records.ends(Measured(value=0.8, low=0.7, high=1, n=2)) == (0.7, 1)


def test_goals_near_zero_keep_two_decimals():
    from retouch.leaderboard.look.markup import pair
    from retouch.leaderboard.look.numbers import scaled

    assert scaled(0.00184) == "0.00" and scaled(float("nan")) == "–"
    assert "goal 0.00, quality 0.98" in pair((0.00184, 0.0, 0.01), (0.98, 0.9, 1.0))
