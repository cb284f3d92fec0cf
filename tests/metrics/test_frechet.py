"""Fréchet distance and kernel distance: bias, weights, wide features, a shared reference."""

import numpy as np
import pytest

from retouch import metrics
from retouch.metrics.frechet import distance
from retouch.metrics.tools.interval_coverage import population


def test_by_hand():
    """One dimension: (m1 - m2)^2 + (s1 - s2)^2."""
    assert distance(np.array([1.0]), np.array([[4.0]]), np.array([3.0]), np.array([[9.0]])) == pytest.approx(5)


def test_diagonal_gaussians_by_hand():
    a, b = np.array([1.0, 4, 9]), np.array([4.0, 4, 1])
    assert distance(np.zeros(3), np.diag(a), np.ones(3), np.diag(b)) == pytest.approx(3 + 1 + 0 + 4)


def test_singular_covariances_are_no_problem():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(200, 6)), rng.normal(size=(200, 6))
    x[:, 0] = y[:, 0] = 3  # a dead feature
    x[:, 1], y[:, 1] = x[:, 2], y[:, 2]  # a doubled one
    assert metrics.fd(x, y).plain == pytest.approx(
        metrics.fd(x[:, [1, 2, 3, 4, 5]], y[:, [1, 2, 3, 4, 5]]).plain, abs=1e-5
    )


@pytest.mark.parametrize(("n", "d"), [(128, 32), (400, 64)])
@pytest.mark.parametrize("wide", [False, True])
def test_bias_is_below_a_twentieth_of_the_plain_one(monkeypatch, n, d, wide):
    if wide:
        monkeypatch.setattr("retouch.metrics.frechet.WIDE", 8)
        monkeypatch.setattr("retouch.metrics.engine.moments.WIDE", 8)
    rng = np.random.default_rng(0)
    estimates = [metrics.fd(rng.normal(size=(n, d)), rng.normal(size=(n, d))) for _ in range(40)]
    plain, value = (np.mean([getattr(e, part) for e in estimates]) for part in ("plain", "value"))
    error = np.std([e.value for e in estimates]) / 40**0.5
    assert abs(value) < 0.05 * plain + 2 * error
    assert 3 * error < 0.05 * plain  # the simulation can tell


def test_two_routes_agree(monkeypatch):
    x, y = population(40, 900, 0.3), population(40, 700, seed=1)
    narrow = metrics.fd(x, y)
    monkeypatch.setattr("retouch.metrics.frechet.WIDE", 8)
    monkeypatch.setattr("retouch.metrics.engine.moments.WIDE", 8)
    wide = metrics.fd(x, y)
    assert wide.plain == pytest.approx(narrow.plain, rel=1e-9)
    assert wide.value == pytest.approx(narrow.value, abs=0.3 * narrow.se)
    assert wide.se == pytest.approx(narrow.se, rel=0.4)


def test_truly_wide_features():
    x, y = population(600, 1300).astype(np.float32), population(600, 1300, seed=0).astype(np.float32)[::-1].copy()
    estimate = metrics.fd(x + np.float32(0.01), y)
    assert estimate.plain == pytest.approx(
        600 * 0.01**2, rel=0.02
    )  # the same rows, moved: means apart, covariances equal


@pytest.mark.parametrize("wide", [False, True])
def test_weights_are_repetitions(monkeypatch, wide):
    if wide:
        monkeypatch.setattr("retouch.metrics.frechet.WIDE", 4)
        monkeypatch.setattr("retouch.metrics.engine.moments.WIDE", 4)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(3000, 6)), rng.normal(size=(3000, 6)) + 0.3
    counts = rng.integers(1, 4, 3000)
    repeated = metrics.fd(np.repeat(x, counts, axis=0), y).plain
    assert metrics.fd(x, y, counts).plain == pytest.approx(repeated, rel=2e-3)
    mean, cov = np.average(x, 0, counts), np.cov(x, rowvar=False, aweights=counts)
    exact = distance(mean, cov, y.mean(0), np.cov(y, rowvar=False))
    assert metrics.fd(x, y, counts).plain == pytest.approx(exact, rel=1e-9)
    assert metrics.weighted_fd(y, x, counts).plain == pytest.approx(exact, rel=1e-9)
    assert metrics.fd(x, y, np.ones(3000)).value == pytest.approx(metrics.fd(x, y).value, rel=1e-9)


def test_weights_move_a_group_to_its_target():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4000, 4)), rng.normal(size=(4000, 4))
    group = np.arange(4000) < 3200  # 80/20 in the sample, 50/50 in the reference
    x[group] += 1
    y[:2000] += 1
    weights = np.where(group, 0.5 / 3200, 0.5 / 800)
    even, skewed = metrics.fd(x, y, weights), metrics.fd(x, y)
    assert even.low < 0.0 < even.high and skewed.low > 0.05


def test_fewer_rows_than_features_offers_kd():
    x, y = np.random.default_rng(0).normal(size=(2, 60, 64))
    with pytest.raises(ValueError, match=r"generated: found 60 rows of width 64.*use kd"):
        metrics.fd(x, y)
    assert "fd" not in metrics.suite(x, y) and "kd" in metrics.suite(x, y)


@pytest.mark.parametrize("heavy", [1, 3, 9])
def test_weights_count_by_what_they_are_worth(heavy):
    """60 rows of which few have a weight: an error that says so; never an interval as of 60 rows."""
    x, y = np.random.default_rng(0).normal(size=(2, 60, 10))
    weights = np.r_[np.ones(heavy), np.zeros(60 - heavy)]
    with pytest.raises(ValueError, match=f"generated: found {heavy} rows of width 10, by their weights"):
        metrics.fd(x, y, weights)
    for call in (lambda: metrics.weighted_fd(x, y, weights), lambda: metrics.fd(x, metrics.Reference(y, weights))):
        with pytest.raises(ValueError, match="reference: found"):
            call()


def test_n_is_the_effective_number():
    x, y = np.random.default_rng(0).normal(size=(2, 60, 4))
    weights = np.r_[np.ones(6), np.zeros(54)]
    estimate, alone = metrics.fd(x, y, weights), metrics.fd(x[:6], y)
    assert estimate.n == alone.n == 6
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx((alone.value, alone.low, alone.high))
    assert metrics.weighted_fd(y, x, weights).n == 6 and metrics.fd(x, y).n == 60


def test_kd_is_unbiased_at_few_rows():
    a, b = population(10, 300), population(10, 300, 0.5, seed=3)
    k = metrics.kernel.kernel
    truth = k(a, a).mean() + k(b, b).mean() - 2 * k(a, b).mean()
    rng = np.random.default_rng(0)
    values = [metrics.kd(a[rng.integers(0, 300, 20)], b[rng.integers(0, 300, 25)]).value for _ in range(400)]
    assert np.mean(values) == pytest.approx(truth, abs=3 * np.std(values) / 20)


def test_reference_is_computed_once(monkeypatch):
    x, y = population(12, 300), population(12, 320, seed=1)
    reference = metrics.Reference(y)
    first = metrics.suite(x, reference)
    for name in ("moments", "own_pass"):
        monkeypatch.setattr(f"retouch.metrics.engine.reference.{name}", None)  # a second computation would fail
    assert metrics.suite(x, reference) == first


def test_weighted_precision_and_recall():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(400, 6)), rng.normal(size=(400, 6))
    even, plain = metrics.weighted_precision_recall(x, y, np.ones(400)), metrics.prdc(x, y)
    for name in ("precision", "recall"):
        assert even[name].value == pytest.approx(plain[name].value, abs=1e-12)
        assert even[name].low == pytest.approx(plain[name].low, abs=1e-9)
    y[200:] += 20  # half of the reference is far from anything generated
    near = metrics.weighted_precision_recall(x, y, np.r_[np.ones(200), np.zeros(200)])
    far = metrics.weighted_precision_recall(x, y, np.r_[np.zeros(200), np.ones(200)])
    assert near["recall"].value > 0.8 and far["recall"].value == 0 and far["precision"].value == 0
