"""Shares by several judges: agreement is corrected, disagreement is counted and widens the interval."""

import numpy as np
import pytest

from retouch import metrics

SURE = np.array([[950, 30, 20], [10, 970, 20]])  # truth by 0, 1, unclear


def votes(clear0, clear1, unclear, pattern=(1, 1, 0)):
    """Three judges' votes: images that are clearly 0, clearly 1, and unclear by the pattern."""
    return np.repeat(np.array([[0, 0, 0], [1, 1, 1], pattern]), [clear0, clear1, unclear], axis=0).T


def test_judges_that_agree_are_one_judge():
    table = np.array([[90, 10, 0], [5, 95, 0]])
    several = metrics.voted_share(votes(700, 300, 0), table)
    single = metrics.share(np.array([700, 300]), table[:, :2])
    assert (several.value, several.low, several.high) == (single.value, single.low, single.high)
    three = np.column_stack([np.eye(3, dtype=int) * 90 + 5, np.zeros(3, int)])
    labels = np.repeat(np.arange(3), [500, 300, 200])
    assert metrics.voted_shares(np.stack([labels] * 2), three).values == pytest.approx(
        metrics.shares(labels, three[:, :3]).values
    )


def test_images_unclear_as_real_ones_are_explained():
    n1 = 400
    seen = (np.array([1000 - n1, n1]) @ (SURE / SURE.sum(1, keepdims=True))).round().astype(int)
    share = metrics.voted_share(votes(*seen), SURE)
    assert share.value == pytest.approx(0.4, abs=0.003)
    assert share.high - share.low < 0.08


def test_an_unclear_image_counts_by_its_votes():
    share = metrics.voted_share(votes(800, 0, 200), np.array([[1000, 0, 0], [0, 1000, 0]]))
    assert share.value == pytest.approx(0.2 * 2 / 3) and share.plain == 0
    assert share.low < 0.002 and share.high > 0.2  # from none of them to all of them
    third = metrics.voted_share(votes(800, 0, 200, (1, 0, 0)), np.array([[1000, 0, 0], [0, 1000, 0]]))
    assert third.value == pytest.approx(0.2 / 3)


def test_hiding_in_disagreement_gains_a_third_at_most():
    """Ten in a hundred show the class; a method turns one judge of three on each of them."""
    exact = np.array([[10_000, 0, 0], [0, 10_000, 0]])
    before, after = metrics.voted_share(votes(900, 100, 0), exact), metrics.voted_share(votes(900, 0, 100), exact)
    assert before.value == pytest.approx(0.1) and after.value == pytest.approx(0.2 / 3)
    assert after.high > before.value


def test_unclear_images_go_to_classes_that_were_named():
    table = np.column_stack([np.eye(3, dtype=int) * 1000, np.zeros(3, int)])
    named = np.repeat(np.array([[0, 0], [1, 1], [2, 2], [1, 2]]), [400, 200, 200, 200], axis=0).T
    shares = metrics.voted_shares(named, table)
    assert shares.values == pytest.approx([0.4, 0.3, 0.3], abs=1e-6)
    assert shares.draws.sum(1) == pytest.approx(1) and np.ptp(shares.draws[:, 0]) < 0.12
    assert shares[1].low < 0.22 and shares[1].high > 0.38  # all of the 200 may be of class 1, or none


def test_a_class_that_is_often_unclear_is_not_lost():
    table = np.array([[100, 0, 0, 0], [0, 100, 0, 0], [0, 0, 50, 50]])
    named = np.repeat(np.array([[0, 0], [1, 1], [2, 2], [0, 2]]), [400, 400, 100, 100], axis=0).T
    assert metrics.voted_shares(named, table).values == pytest.approx([0.4, 0.4, 0.2], abs=0.01)
    clear = metrics.clear_shares(np.array([400, 400, 100, 100]), table)
    assert clear.values == pytest.approx([0.4, 0.4, 0.2], abs=0.01)


def test_where_nothing_is_clear_all_named_shares_are_possible():
    table = np.column_stack([np.eye(3, dtype=int) * 98, np.full(3, 2)])
    shares = metrics.voted_shares(np.repeat([[1], [2]], 50, axis=1), table)
    assert shares.values == pytest.approx([0, 0.5, 0.5]) and shares[0].high == 0
    assert shares[1].low < 0.1 and shares[1].high > 0.9


@pytest.mark.parametrize("truth", [0.02, 0.4])
def test_intervals_cover_as_on_real_images(truth):
    rng, rates, hit = np.random.default_rng(0), SURE / SURE.sum(1, keepdims=True), 0
    for _ in range(300):
        counts = rng.multinomial(1500, np.array([1 - truth, truth]) @ rates)
        table = np.stack([rng.multinomial(1000, row) for row in rates])
        share = metrics.voted_share(votes(*counts), table)
        hit += share.low <= truth <= share.high
    assert hit / 300 >= 0.92


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.voted_share(np.zeros(5, int), SURE), r"votes: found shape \(5,\)"),
        (lambda: metrics.voted_share(np.full((2, 5), 2), SURE), "labels from 2 to 2, wanted 0 to 1"),
        (lambda: metrics.voted_share(np.zeros((2, 5), int), np.eye(3)), r"confusion: found shape \(3, 3\)"),
    ],
)
def test_bad_votes(call, message):
    with pytest.raises(ValueError, match=message):
        call()
