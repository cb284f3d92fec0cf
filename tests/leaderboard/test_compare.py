"""`retouch.compare`: paired, and open about what it cannot compare."""

from pathlib import Path

import numpy as np
import pytest

import retouch
from retouch.leaderboard.rank import board, paired

CELL = "category_redaction/digits-gan"


def test_a_comparison_is_paired_and_antisymmetric(folder: Path) -> None:
    there = retouch.compare("rejection", "finetune_retain:steps-200", folder=folder)
    back = retouch.compare("finetune_retain:steps-200", "rejection", folder=folder)
    assert set(there["axis"]) == {"goal", "quality"} and len(there) > 4
    assert np.allclose(there["value"], -back["value"]) and np.allclose(there["low"], -back["high"])


@pytest.mark.filterwarnings("ignore:left out")  # the folder holds files that are no records
def test_a_difference_is_the_mean_over_seeds_that_both_ran(folder: Path) -> None:
    results = retouch.load_results(folder)
    cells = results[(results["instance"] == CELL) & ~results["stale"] & results["status"].eq("ok")]
    goals = cells.set_index(["submission", "point", "seed"])["goal"].unstack(["submission", "point"])
    gaps = (goals["rejection", "default"] - goals["gradient_ascent", "default"]).dropna()
    compared = retouch.compare("rejection", "gradient_ascent", folder=folder)
    [row] = compared[(compared["instance"] == CELL) & (compared["axis"] == "goal")].to_dict("records")
    assert row["value"] == pytest.approx(gaps.mean()) and row["seeds"] == len(gaps) > 1
    assert row["low"] <= row["value"] <= row["high"] and row["family"] == "gan"


@pytest.mark.parametrize(
    ("name", "message"),
    [("rejectoin", "did you mean rejection"), ("finetune_retain", "point 'default'; it has steps-1000, steps-200")],
)
def test_comparing_what_is_not_there_names_what_is(folder: Path, name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        retouch.compare(name, "unchanged", folder=folder)


def test_a_comparison_opens_on_methods_rather_than_baselines(view: board.View) -> None:
    published = ("taming_flows", "gradient_ascent", "diversity_weights")
    assert paired.first(view.scores, published) == [("taming_flows", "delta-4"), ("gradient_ascent", "default")]
    assert paired.first(view.scores, ()) == paired.first(view.scores, ("taming_flows",))  # too few: whoever leads
    assert paired.first(view.scores, ())[0] == ("rejection", "default")
