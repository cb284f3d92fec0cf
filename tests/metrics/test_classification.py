"""Balanced accuracy and AUC: answers worked out by hand, scikit-learn beside them, intervals that cover."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from retouch import metrics


def test_balanced_accuracy_is_the_mean_of_recalls():
    assert metrics.balanced_accuracy(np.array([[90, 10], [1, 9]])).value == pytest.approx(0.9)
    assert metrics.balanced_accuracy(np.array([[80, 10, 10], [1, 8, 1]])).value == pytest.approx(0.8)  # last: unclear


def test_a_majority_vote_is_chance():
    assert metrics.balanced_accuracy(np.array([[936, 0], [64, 0]])).value == 0.5


def test_both_equal_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 500)
    assigned = np.where(rng.random(500) < 0.7, truth, rng.integers(0, 3, 500))
    table = np.histogram2d(truth, assigned, [np.arange(4)] * 2)[0]
    assert metrics.balanced_accuracy(table).value == pytest.approx(balanced_accuracy_score(truth, assigned))
    scores = np.round(rng.normal(truth == 1, 1.0), 1)  # with ties
    assert metrics.auc(scores, truth == 1).value == pytest.approx(roc_auc_score(truth == 1, scores))


@pytest.mark.parametrize("rate", [0.7, 0.97])
def test_the_interval_of_balanced_accuracy_covers(rate):
    rng = np.random.default_rng(1)
    sizes, covered = np.array([300, 40]), 0
    for _ in range(400):
        right = rng.binomial(sizes, rate)
        one = metrics.balanced_accuracy(np.diag(right) + np.diag((sizes - right)[::-1])[::-1])
        covered += one.low <= rate <= one.high
    assert 0.92 <= covered / 400 <= 0.99


def test_the_interval_of_the_area_covers():
    rng = np.random.default_rng(2)
    truth, inside = 0.7602499, 0  # Phi(1 / sqrt 2), of two normals a deviation apart
    for _ in range(400):
        positive = np.arange(200) < 60
        one = metrics.auc(rng.normal(positive, 1.0), positive)
        inside += one.low <= truth <= one.high
    assert 0.92 <= inside / 400 <= 0.98


def test_perfect_judges_have_intervals_too():
    accuracy = metrics.balanced_accuracy(np.diag([20, 20]))
    area = metrics.auc(np.arange(40.0), np.arange(40) >= 20)
    assert accuracy.value == area.value == 1 == accuracy.high == area.high
    assert 0.8 < accuracy.low < 0.95 and 0.8 < area.low < 0.95


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.balanced_accuracy(np.ones((2, 1))), "wanted .K, K or more"),
        (lambda: metrics.balanced_accuracy(np.array([[1, 0], [0, 0]])), "no images of class 1"),
        (lambda: metrics.auc(np.ones(3), np.ones(3)), "one class only"),
        (lambda: metrics.auc(np.ones(3), np.ones(2)), "wanted .3,."),
        (lambda: metrics.auc(np.array([1.0, np.nan]), np.array([0, 1])), "NaN"),
    ],
)
def test_what_cannot_be_measured_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
