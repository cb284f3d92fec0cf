"""Quantile drop, identity curve, aggregation over runs, texts, and what importing costs."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from retouch import metrics
from retouch.metrics.meaning import MEANING, page
from retouch.metrics.tools import interval_coverage


def test_quantile_drop_by_hand():
    """NLL at the mean before (q = 0.5), one sigma above after (q = 0.1587)."""
    estimate = metrics.quantile_drop(np.full(6, 3.0), np.full(6, 5.0), (3, 1), (4, 1))
    assert estimate.value == pytest.approx(0.5 - 0.158655, abs=1e-6) and estimate.n == 6
    assert metrics.quantiles(np.array([3.0]), (3, 2))[0] == 0.5
    left = metrics.mean_quantile(np.full(6, 5.0), (4, 1))
    assert left.value == pytest.approx(0.158655, abs=1e-6) and left.low < left.value < left.high


def test_equal_images_leave_doubt():
    """None of 200 images has moved: one in a hundred of all may."""
    drop = metrics.quantile_drop(np.linspace(2, 4, 200), np.linspace(2, 4, 200), (3, 1), (3, 1))
    assert drop.value == 0 and drop.high == -drop.low == pytest.approx(0.0188, abs=1e-3)


def test_noise_draws_are_averaged_first():
    rng = np.random.default_rng(0)
    base, edited = rng.normal(3, 1, (5, 8)), rng.normal(4, 1, (5, 8))
    assert metrics.quantile_drop(base, edited, (3, 1), (3, 1)) == metrics.quantile_drop(
        base.mean(0), edited.mean(0), (3, 1), (3, 1)
    )


def test_one_image_has_no_interval():
    estimate = metrics.quantile_drop([3.0], [5.0], (3, 1), (3, 1))
    assert (estimate.low, estimate.high, estimate.n) == (-1, 1, 1) and "no interval" in estimate.note


@pytest.mark.parametrize(
    "case", [interval_coverage.drop_case(2), interval_coverage.identity_case(2)], ids=["drop", "identity"]
)
def test_two_images_have_an_honest_interval(case):
    assert interval_coverage.run(case, 60)[0].covered > 0.85


def test_identity_curve():
    change = np.array([0.0, 0.1, 0.2, 0.9, 1.0, 3.0])
    curve = metrics.identity_curve(np.array([1.0, 0.9, 0.8, 0.3, 0.1, 0.0]), change, np.array([0, 0.5, 0.6, 1.0]))
    assert curve.counts == (3, 0, 2) and curve.means[1] is None  # 1.0 belongs to the last bin, 3.0 to none
    assert curve.means[0].value == pytest.approx(0.9) and curve.means[2].value == pytest.approx(0.2)
    assert sum(metrics.identity_curve(change, change, 4).counts) == 6


def test_interquartile_mean_leaves_out_an_outlier():
    scores = np.array([[0.1, 0.2, 0.3, 0.4], [0.2, 0.3, 0.4, 50.0]])
    estimate = metrics.aggregate(scores)
    assert estimate.mean.value == pytest.approx(scores.mean())
    assert estimate.iqm.value == pytest.approx(np.mean([0.2, 0.3, 0.3, 0.4]))
    assert estimate.iqm.n == 8


def test_pairing_takes_the_difficulty_out():
    rng = np.random.default_rng(0)
    hard = rng.normal(0, 1, (5, 1))
    a, b = hard + rng.normal(0, 0.01, (5, 4)) + 0.1, hard + rng.normal(0, 0.01, (5, 4))
    estimate = metrics.paired_difference(a, b)
    assert estimate.low > 0.05 and estimate.value == pytest.approx(0.1, abs=0.02)
    reverse = metrics.paired_difference(b, a)
    assert reverse.value == -estimate.value and reverse.high < 0


def test_ties_share_a_rank():
    noise = np.random.default_rng(1).normal(0, 0.05, (2, 6, 3))
    table = {"best": noise[0] + 0.9, "tied": noise[1] + 0.9, "last": noise[0] + 0.2}
    assert metrics.ranks(table) == {"best": 1, "tied": 1, "last": 3}


def test_varying_scores_never_rank_above_higher_ones():
    steady, varying = np.array([[0.580, 0.578, 0.653]]), np.array([[0.373, 0.565, 0.573]])
    table = {"best": np.array([[0.810, 0.807, 0.830]]), "second": np.array([[0.766, 0.706, 0.736]])}
    assert metrics.ranks(table | {"steady": steady}) == {"best": 1, "second": 1, "steady": 3}
    assert metrics.ranks(table | {"varying": varying})["varying"] == 2  # not surely below the second
    assert metrics.ranks(table | {"steady": steady, "varying": varying})["varying"] == 3


def test_a_table_resolves_what_it_says():
    """A true difference of the stated size is found in about 80% of the tables."""
    rng = np.random.default_rng(0)
    size = np.mean(
        [
            metrics.smallest_difference({"a": rng.normal(0, 0.1, (6, 4)), "b": rng.normal(0, 0.1, (6, 4))})
            for _ in range(40)
        ]
    )
    power = np.mean(
        [
            metrics.paired_difference(rng.normal(size, 0.1, (6, 4)), rng.normal(0, 0.1, (6, 4))).low > 0
            for _ in range(150)
        ]
    )
    assert 0.68 < power < 0.92


def test_resolution_is_the_pooled_error_of_all_pairs():
    rng = np.random.default_rng(0)
    table = {name: rng.random((3, 4)) for name in "abcde"}
    pairs = [metrics.paired_difference(table[a], table[b]).se for a in table for b in table if a < b]
    pooled = np.sqrt(np.mean(np.square(pairs)))
    assert metrics.smallest_difference(table) == pytest.approx(pooled * (2.262157 + 0.841621), rel=1e-6)  # 9 dof


def test_one_seed_and_one_run():
    assert "over instances" in metrics.aggregate(np.array([0.1, 0.2, 0.4])).mean.note
    single = metrics.aggregate(np.array([[0.3]])).mean
    assert single.value == 0.3 and single.low == -np.inf and single.high == np.inf


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.quantile_drop([1.0], [1.0, 2.0], (0, 1), (0, 1)), "1 and 2 images"),
        (lambda: metrics.quantile_drop([1.0], [np.nan], (0, 1), (0, 1)), "nll_edited: found 1 NaN"),
        (lambda: metrics.quantile_drop([1.0], [1.0], (0, 0), (0, 1)), "positive standard deviation"),
        (lambda: metrics.identity_curve([1.0, 2], [1.0], 3), "found 2 and 1 values"),
        (lambda: metrics.identity_curve([1.0, 2], [1.0, 2], np.array([1.0, 1.0])), "increasing edges"),
        (lambda: metrics.aggregate(np.array([[0.1, np.nan]])), "scores: found 1 missing"),
        (lambda: metrics.aggregate(np.zeros((2, 2, 2))), r"wanted \(instances, seeds\)"),
        (lambda: metrics.paired_difference(np.zeros((2, 3)), np.zeros((2, 2))), "the same instances and seeds"),
        (lambda: metrics.smallest_difference({"a": np.zeros((2, 2))}), "at least two"),
        (lambda: metrics.share([5, 5], level=1.5), "level: found 1.5"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_every_scored_name_has_its_text():
    x, y = np.random.default_rng(0).normal(size=(2, 80, 4))
    assert {name.partition("_")[0] for name in metrics.suite(x, y)} <= set(MEANING)
    public = {
        "weighted_fd",
        "weighted_precision_recall",
        "share",
        "invalidity",
        "identity_share",
        "fairness_discrepancy",
        "kl_to_target",
        "total_variation",
        "entropy",
        "quantile_drop",
        "identity_curve",
    }
    assert public <= set(MEANING) and all(all(m[:6]) for m in MEANING.values())


def test_every_name_of_the_shipped_records_is_on_the_page():
    files = (Path(__file__).parents[2] / "submissions").glob("*/records/**/*.0.json")
    names = {name for file in files for name in json.loads(file.read_text())["metrics"]}
    names |= {"goal", "quality", "score", "cost.share", "cost.sampling_relative"}
    assert len(names) > 30 and [name for name in sorted(names) if f"`{name}`" not in page()] == []


def test_the_page_is_the_source():
    assert (Path(__file__).parents[2] / "docs" / "metrics.md").read_text() == page()


def test_import_loads_nothing_heavy():
    code = "import sys, retouch.metrics.meaning; print({'torch', 'scipy', 'sklearn'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_public_names_are_there():
    assert all(getattr(metrics, name) is not None for name in metrics.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = metrics.nonsense
