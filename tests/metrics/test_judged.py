"""Shares corrected for the judge, and what is made of shares."""

import numpy as np
import pytest

from retouch import metrics
from retouch.metrics.judged.judged_shares import unmix

JUDGE = np.array([[450, 50], [50, 450]])  # right nine times in ten


def test_correction_by_hand():
    """q = 0.18, a0 = a1 = 0.9: p = (0.18 - 0.1) / 0.8 = 0.1, while the raw share is 8 points too high."""
    estimate = metrics.share([1640, 360], JUDGE)
    assert estimate.value == pytest.approx(0.1) and estimate.plain == pytest.approx(0.18) and estimate.n == 2000
    assert estimate.low < 0.1 < estimate.high


def test_perfect_judge_is_wilson():
    estimate = metrics.share([95, 5])
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx(
        (0.05, 0.02154, 0.11175), abs=1e-4
    )  # Wilson 1927
    sure = metrics.share([95, 5], np.diag([10**9, 10**9]))
    assert (sure.low, sure.high) == pytest.approx((estimate.low, estimate.high), abs=1e-4)


def test_labels_are_counts():
    labels = np.array([0, 1, 1, 0, 0, 0, 1, 0])
    assert metrics.share(labels, JUDGE) == metrics.share([5, 3], JUDGE)
    assert metrics.share(labels == 1) == metrics.invalidity(labels) == metrics.identity_share(labels)


@pytest.mark.parametrize(("counts", "edge"), [([2000, 0], 0.0), ([0, 2000], 1.0)])
@pytest.mark.parametrize("judge", [None, JUDGE])
def test_edges_keep_an_interval(counts, edge, judge):
    estimate = metrics.share(counts, judge)
    assert estimate.value == edge and 0 <= estimate.low <= estimate.high <= 1 and estimate.high > estimate.low


def test_a_less_tested_judge_widens_the_interval():
    width = [e.high - e.low for e in (metrics.share([1500, 500], JUDGE * f // 10) for f in (1, 10, 100))]
    assert width[0] > 2 * width[1] > 2 * width[2]


def test_swapping_the_classes_mirrors_the_interval():
    a, b = metrics.share([1300, 700], [[80, 20], [5, 95]]), metrics.share([700, 1300], [[95, 5], [20, 80]])
    assert (a.value, a.low, a.high) == pytest.approx((1 - b.value, 1 - b.high, 1 - b.low), abs=1e-12)


def test_em_inverts_the_confusion():
    rng = np.random.default_rng(0)
    rows = np.eye(5) * 0.7 + rng.dirichlet(np.ones(5), 5) * 0.3
    p = np.array([0.4, 0.3, 0.2, 0.1, 0.0])
    np.testing.assert_allclose(unmix(p @ rows, rows), p, atol=2e-4)


def test_em_is_the_closed_form_for_two_classes():
    rows = JUDGE / 500
    assert unmix(np.array([0.7, 0.3]), rows)[1] == pytest.approx(0.25, abs=1e-6)


def test_em_never_leaves_the_simplex():
    rows = np.full((3, 3), 0.1) + np.eye(3) * 0.7
    p = unmix(np.array([0.02, 0.03, 0.95]), rows)
    assert p.min() >= 0 and p.sum() == pytest.approx(1) and p[2] > 0.99


def test_shares_of_many_classes():
    estimates = metrics.shares([500, 300, 200, 0], np.eye(4) * 96 + 1)
    assert estimates.values.sum() == pytest.approx(1) and len(estimates) == 4
    assert estimates.draws.sum(1) == pytest.approx(np.ones(1000))
    assert estimates.covariance.shape == (4, 4) and estimates.covariance[0, 1] < 0
    assert all(e.low <= e.value <= e.high for e in estimates)
    assert estimates[3].value < 0.01


def test_two_classes_of_shares_are_share():
    second = metrics.share([1640, 360], JUDGE)
    assert metrics.shares([1640, 360], JUDGE)[1] == second
    assert metrics.shares([1640, 360], JUDGE)[0].value == pytest.approx(0.9)


def test_fairness_discrepancy_by_hand():
    estimate = metrics.fairness_discrepancy([300_000, 700_000], None, [0.5, 0.5])
    assert estimate.value == pytest.approx(0.2 * 2**0.5, abs=2e-3)
    assert estimate.plain == pytest.approx(0.2 * 2**0.5, abs=1e-9)


def test_noise_floor_is_what_chance_shows():
    rng = np.random.default_rng(0)
    estimates = [
        metrics.fairness_discrepancy(rng.multinomial(500, np.full(4, 0.25)), None, np.full(4, 0.25)) for _ in range(100)
    ]
    plain, floor, value = (np.mean([getattr(e, part) for e in estimates]) for part in ("plain", "floor", "value"))
    assert plain == pytest.approx(floor, rel=0.15)
    assert value < 0.5 * plain and all(e.low == 0 for e in estimates if e.value == 0)


def test_kl_and_entropy_by_hand():
    shares = np.array([0.8, 0.2])
    estimate = metrics.kl_to_target([800_000, 200_000], None, [0.5, 0.5])
    assert estimate.value == pytest.approx(float(np.sum(shares * np.log(shares / 0.5))), abs=1e-4)
    assert metrics.entropy([250_000] * 4).value == pytest.approx(np.log(4), abs=1e-4)
    assert metrics.entropy([10, 0, 0]).plain == 0


def test_entropy_bias_is_taken_out():
    rng = np.random.default_rng(0)
    estimates = [metrics.entropy(rng.multinomial(200, np.full(10, 0.1)), seed=i) for i in range(40)]
    plain, value = (np.mean([getattr(e, part) for e in estimates]) for part in ("plain", "value"))
    assert abs(value - np.log(10)) < 0.5 * abs(plain - np.log(10))


def test_total_variation_without_the_redacted_category():
    base, edited = np.array([100_000, 300_000, 600_000]), np.array([0, 500_000, 500_000])
    estimate = metrics.total_variation(edited, base, drop=(0,))
    assert estimate.value == pytest.approx(1 / 6, abs=2e-3)
    assert metrics.total_variation(edited, np.array([0.1, 0.3, 0.6]), drop=(0,)).value == pytest.approx(1 / 6, abs=2e-3)
    assert metrics.total_variation(base, base).value < 0.005


def test_a_known_mix_of_one_category_is_no_count():
    """Floats that sum to 1 are shares, also where all are whole; [1, 0] counts one image."""
    known = metrics.total_variation([1.0, 0.0], [1.0, 0.0])
    assert (known.value, known.low, known.high, known.floor) == (0, 0, 0, 0)
    assert metrics.total_variation([1.0, 0.0], [0.0, 1.0]).low == 1
    assert metrics.total_variation([1, 0], [0, 1]).low < 0.9


def test_functions_of_shares_take_shares():
    counts, judge = [500, 300, 200], np.eye(3) * 96 + 1
    estimates = metrics.shares(counts, judge)
    assert metrics.fairness_discrepancy(estimates, None, [1 / 3] * 3) == metrics.fairness_discrepancy(
        counts, judge, [1 / 3] * 3
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.share([5, -1]), "judged: found .* wanted counts"),
        (lambda: metrics.share([0, 0]), "judged: found .* not all 0"),
        (lambda: metrics.share([0.5, 0.5]), "whole numbers"),
        (lambda: metrics.share(np.array([0, 1, 2, 1]), JUDGE), "labels from 0 to 2, wanted 0 to 1"),
        (lambda: metrics.share([10, 5], [[50, 50], [60, 40]]), "better than chance"),
        (lambda: metrics.share([10, 5], [[0.9, 0.1], [0.1, 0.9]]), "counts, not rates"),
        (lambda: metrics.share([10, 5], np.ones((3, 3))), r"found shape \(3, 3\), wanted \(2, 2\)"),
        (lambda: metrics.share([10, 5], [[5, 1], [0, 0]]), "no held-out image of class 1"),
        (lambda: metrics.fairness_discrepancy([10, 5], None, [0.5, 0.6]), "target: .* sum to 1"),
        (lambda: metrics.fairness_discrepancy([10, 5], None, [0.2, 0.3, 0.5]), "found 3 values, wanted 2"),
        (lambda: metrics.kl_to_target([10, 5], None, [1.0, 0.0]), "wanted all positive"),
        (lambda: metrics.total_variation([1, 2, 3], [1, 2]), "3 and 2 categories"),
        (lambda: metrics.total_variation([1, 2, 3], [1, 2, 3], drop=(0, 1)), "at least two categories"),
        (lambda: metrics.total_variation([7, 0, 0], [1, 2, 3], drop=(0,)), "no image at all"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_an_empty_class_is_far_from_an_even_mix():
    even = np.full(3, 1 / 3)
    one, two = (metrics.kl_to_target(counts, None, even) for counts in ([1000, 0, 0], [500, 500, 0]))
    assert one.value == pytest.approx(np.log(3), abs=0.01) and one.high <= np.log(3) + 1e-12
    assert two.low < np.log(1.5) < two.high and np.isfinite(two.floor)
    assert metrics.entropy([500, 500, 0]).value == pytest.approx(np.log(2), abs=0.01)
