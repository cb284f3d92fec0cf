"""Claims of the papers: paired differences decide, and a single seed decides nothing."""

import numpy as np
import pandas as pd
import pytest

from retouch.leaderboard.rank.claims import Case, Instance, Measured, above, below, claims, over_seeds


def test_a_claim_is_tested_by_paired_intervals():
    def rows(name, shares, cost=0.06):
        keys = {"instance": "identity_removal/faces-gan", "submission": name, "point": "default"}
        return [keys | {"seed": seed, "m:identity_share": share, "quality": 0.9, "share": cost + seed / 1000}
                for seed, share in enumerate(shares)]  # fmt: skip

    runs = [
        *rows("retrained", [0.02, 0.03, 0.04], 1.0),
        *rows("data_redaction_data", [0.01, 0.0201, 0.0299]),
        *rows("data_redaction_validity", [0.04, 0.02, 0.03]),
        *rows("data_redaction_classifier", [0.06, 0.07, 0.08]),
    ]
    lines = [line for line in claims(pd.DataFrame(runs)) if line.startswith("| identity")]
    assert [line.rsplit("|", 3)[1].strip() for line in lines] == ["**holds**", "**undecided**", "**fails**"]
    assert lines[2].endswith("| not it goes further than retraining |") and "cannot be told" in lines[1]
    dear = pd.DataFrame([*rows("retrained", [0.02] * 3), *rows("data_redaction_data", [0.01, 0.011, 0.012], 0.5)])
    assert any(line.startswith("| identity") and "**fails**" in line for line in claims(dear))


def test_identity_is_compared_at_equal_change():
    curves = {
        "a": ([0.9, 0.7, None], [50, 50, 0]),
        "b": ([0.8, 0.5, 0.9], [50, 30, 500]),
        "few": ([1, 1, 1], [5, 5, 5]),
    }

    def details(run):
        identity, count = curves[run["submission"]]
        shifted = [None if value is None else value + run["seed"] / 100 for value in identity]
        return {"identity_curve": {"identity": shifted if run["submission"] == "a" else identity, "count": count}}

    runs = pd.DataFrame([{"submission": name, "point": "p", "seed": seed} for name in curves for seed in range(3)])
    here = Instance(runs, details)
    gap = here.identity_at_equal_change(("a", "p"), ("b", "p"))
    assert gap.value == pytest.approx(0.15 + 0.01) and gap.half == pytest.approx(4.303 * 0.01 / 3**0.5, abs=1e-4)
    assert np.isnan(here.identity_at_equal_change(("a", "p"), ("few", "p")).value)


def test_one_seed_decides_nothing():
    sure, half = Measured(0.5, 0.1), Measured(0.5, np.nan)
    holds, one_seed = Case("", "", {"it": sure}), Case("", "", {"it": sure, "that": half})
    assert (holds.verdict, holds.reason) == ("holds", "")
    assert (one_seed.verdict, one_seed.reason) == ("undecided", "that has one seed")
    fails = Case("", "", {"that": half, "it is less": below(sure, 0.3)})
    assert (fails.verdict, fails.reason) == ("fails", "not it is less")
    near = Case("", "", {"it": above(sure, 0.45), "that": Measured(np.nan, np.nan)})
    assert (near.verdict, near.reason) == ("undecided", "it cannot be told from the bar; that is not measured")


def test_an_interval_is_as_wide_as_records_and_seeds_claim():
    """Equal seeds cut off at 1, each with 0.2 below: neither the cut side nor the number of seeds narrows that."""
    runs = pd.DataFrame({"goal": [1.0, 1.0, 1.0], "goal.low": 0.8, "goal.high": 1.0})
    assert str(over_seeds(runs, "goal")) == "1.00 ± 0.20"
    assert str(over_seeds(runs.assign(**{"goal.low": np.nan, "goal.high": np.nan}), "goal")) == "1.00"
