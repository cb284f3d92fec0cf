"""Post-stratified FD: by hand, its law for one group, its interval where fixed weights fail, bad input."""

import numpy as np
import pytest

from retouch import metrics
from retouch.metrics.frechet import degenerate_variance, distance
from retouch.metrics.stratified_frechet import Strata
from retouch.metrics.tools import interval_coverage

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(240, 5)), RNG.normal(size=(200, 5)) + 0.3
LABELS, REFERENCE_LABELS = np.arange(240) % 3, np.repeat([0, 1, 2, 3], 50)


def test_one_group_is_plain_fd():
    estimate = metrics.stratified_fd(X, np.zeros(240, int), Y, np.zeros(200, int), [1.0])
    plain = metrics.fd(X, Y)
    assert estimate.plain == pytest.approx(plain.plain, rel=1e-9)
    assert estimate.value == pytest.approx(plain.value, abs=0.3 * plain.se) and estimate.n == plain.n


def test_samples_that_agree_have_the_second_order_variance():
    whole = np.zeros(240, int)
    estimate = metrics.stratified_fd(X, whole, X, whole, [1.0])
    spectrum = np.linalg.eigvalsh(np.cov(X, rowvar=False))
    assert estimate.se**2 == pytest.approx(degenerate_variance(spectrum, 2 / 240), rel=1e-6)


def test_moments_by_hand():
    """Two groups, means 0 and 2, three quarters and a quarter: mean 0.5, covariance within + 0.75 x 0.25 x 4."""
    rows = np.array([[-1.0], [1], [-1], [1], [1], [3], [1], [3]])
    mean, covariance = Strata(rows, np.repeat([0, 1], 4), np.array([0.75, 0.25])).mean_and_covariance()
    assert mean[0] == pytest.approx(0.5)
    within = 4 / 3  # unbiased, of either group
    between = 0.75 * 0.25 * (4 - within / 4 - within / 4)  # the squared difference of the means, freed of their noise
    assert covariance[0, 0] == pytest.approx(within + between)


def test_covariance_is_unbiased():
    """Small groups with means far apart: numpy's weighted covariance takes their spread for sampling noise."""
    rng, labels = np.random.default_rng(0), np.repeat([0, 1], [4, 16])
    draws = [Strata(4 * labels[:, None] + rng.normal(size=(20, 1)), labels, np.array([0.5, 0.5])) for _ in range(3000)]
    assert np.mean([strata.mean_and_covariance()[1] for strata in draws]) == pytest.approx(1 + 4, abs=0.05)


def test_left_out_block_is_weighted_anew():
    target = np.array([0.2, 0.5, 0.3])
    strata = Strata(X, LABELS, target)
    for block in (0, 7):
        rest = strata.block != block
        alone = Strata(X[rest], LABELS[rest], target)
        for part, whole in zip(strata.mean_and_covariance(block), alone.mean_and_covariance(), strict=True):
            np.testing.assert_allclose(part, whole, atol=1e-12)


def test_blocks_share_every_group_evenly():
    strata = Strata(X, np.repeat([0, 1], [40, 200]), np.array([0.5, 0.5]))
    table = np.array([np.bincount(strata.labels[strata.block == b], minlength=2) for b in range(20)])
    assert (table == [2, 10]).all()


def test_value_is_that_of_the_weighted_mixes():
    target = np.array([0.6, 0.3, 0.1])
    moved = X + 2 * LABELS[:, None]
    estimate = metrics.stratified_fd(moved, LABELS, moved, LABELS, target)
    assert estimate.plain == pytest.approx(0, abs=1e-9)
    (m1, s1), (m2, s2) = (
        Strata(rows, labels, target).mean_and_covariance()
        for rows, labels in ((moved, LABELS), (Y[:150], REFERENCE_LABELS[:150]))
    )
    other = metrics.stratified_fd(moved, LABELS, Y[:150], REFERENCE_LABELS[:150], target)
    assert other.plain == pytest.approx(distance(m1, s1, m2, s2), rel=1e-12)


@pytest.mark.parametrize("shift", [0.0, 0.3])
def test_interval_covers_where_fixed_weights_do_not(shift):
    rows = {row.name.split(": ")[1]: row for row in interval_coverage.run(interval_coverage.stratified_case(shift), 60)}
    assert rows["stratified fd"].covered > 0.86 and abs(rows["stratified fd"].bias) < 0.1
    assert rows["fd at fixed weights"].covered < 0.6 and rows["fd at fixed weights"].bias < -0.3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": LABELS[:9]}, r"generated labels: found shape \(9,\) of int64"),
        ({"labels": LABELS + 5}, "generated labels: found 5 to 7, wanted 0 to 3"),
        ({"labels": LABELS / 2}, "of float64, wanted a whole number for each row"),
        ({"target": [0.3, 0.3, 0.2, 0.2]}, "generated: found 0 rows of group 3, wanted at least 4"),
        ({"target": [0.5, 0.5]}, "found 0 to 2, wanted 0 to 1"),
        ({"target": [0.5, 0.4, 0.2, 0]}, "target: .* sum to 1"),
        ({"generated": X[:, :3]}, "found widths 3 and 5"),
        ({"labels": np.repeat([0, 1, 2], [4, 4, 232]), "target": [0.5, 0.5, 0, 0], "generated": np.tile(X, 4)[:, :16],
          "reference": np.tile(Y, 4)[:, :16]}, "generated: found rows worth 8 .* of width 16"),
    ],
)  # fmt: skip
def test_bad_input(change, message):
    good = {"generated": X, "labels": LABELS, "reference": Y, "reference_labels": REFERENCE_LABELS,
            "target": [0.4, 0.4, 0.2, 0]}  # fmt: skip
    with pytest.raises(ValueError, match=message):
        metrics.stratified_fd(**(good | change))
