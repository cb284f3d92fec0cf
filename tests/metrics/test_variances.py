"""Standard errors against the spread of values drawn anew, and each term of a variance where it matters most."""

from collections.abc import Callable

import numpy as np
import pytest

from retouch import metrics
from retouch.metrics.engine.moments import blocks, jackknife, moments
from retouch.metrics.frechet import degenerate_variance, distance
from retouch.metrics.vendi_score import _on_log_scale

Normal = Callable[..., np.ndarray]


def variance_ratio(draw: Callable[[Normal], metrics.Estimate], draws: int) -> float:
    """Mean squared standard error over the variance of the values."""
    rng = np.random.default_rng(0)
    estimates = [draw(rng.normal) for _ in range(draws)]
    return float(np.mean([e.se**2 for e in estimates]) / np.var([e.value for e in estimates]))


@pytest.mark.parametrize(("n", "m"), [(25, 160), (160, 25)])
def test_kd_of_one_distribution(n, m):
    """First-order terms vanish: what the rows' means vary by is noise of second order."""
    assert 0.7 < variance_ratio(lambda normal: metrics.kd(normal(size=(n, 4)), normal(size=(m, 4))), 120) < 2


@pytest.mark.parametrize(("n", "m"), [(40, 400), (400, 40)])
def test_kd_of_two_distributions(n, m):
    assert 0.7 < variance_ratio(lambda normal: metrics.kd(1 + normal(size=(n, 3)), normal(size=(m, 3))), 100) < 1.4


def test_neighbours_of_few_generated_images():
    rng = np.random.default_rng(0)
    draws = [metrics.prdc(0.8 * rng.normal(size=(60, 4)), rng.normal(size=(400, 4))) for _ in range(80)]
    for name in ("precision", "recall", "density", "coverage"):
        values, errors = (np.array([getattr(draw[name], part) for draw in draws]) for part in ("value", "se"))
        assert 0.7 < np.mean(errors**2) / np.var(values) < 2.7, name  # Efron and Stein: on the wide side


def test_jackknife_by_hand():
    """Of a mean: the mean itself and its variance; of a squared mean: the bias goes, exactly."""
    x = np.random.default_rng(0).normal(3, 1, 40)
    rest = np.array([np.delete(x, i).mean() for i in range(40)])
    value, variance = jackknife(x.mean(), rest, np.ones(40))
    assert value == pytest.approx(x.mean()) and variance == pytest.approx(x.var(ddof=1) / 40)
    value, _ = jackknife(x.mean() ** 2, rest**2, np.ones(40))
    assert value == pytest.approx(x.mean() ** 2 - x.var(ddof=1) / 40)


def test_jackknife_of_uneven_blocks():
    x, sizes = np.random.default_rng(0).normal(size=12), np.array([1, 2, 3, 6])
    ends = np.cumsum(sizes)
    rest = np.array([np.delete(x, np.arange(end - size, end)).mean() for size, end in zip(sizes, ends, strict=True)])
    assert jackknife(x.mean(), rest, sizes)[0] == pytest.approx(x.mean())


def test_fd_leaves_out_every_block_of_both_samples():
    x, y = np.random.default_rng(0).normal(size=(2, 83, 3)) * [[[1.0]], [[1.2]]]
    full, values, variances = metrics.fd(x, y).plain, [], []
    for points, other in ((x, y), (y, x)):
        without = []
        for rows in blocks(83):
            rest = np.delete(points, rows, axis=0)
            sides = [(p.mean(0), np.cov(p, rowvar=False)) for p in (rest, other)]
            without.append(distance(*sides[0], *sides[1]))
        value, variance = jackknife(full, np.array(without), np.array([len(rows) for rows in blocks(83)]))
        values.append(value)
        variances.append(variance)
    s = np.sqrt(np.linalg.eigvals(np.cov(x, rowvar=False) @ np.cov(y, rowvar=False)).real)
    second = degenerate_variance(s, 2 / 83)
    estimate = metrics.fd(x, y)
    assert estimate.value == pytest.approx(sum(values) - full, rel=1e-9)
    assert estimate.se == pytest.approx(max(sum(variances) - second, second) ** 0.5, rel=1e-9)


def test_second_order_variance_of_fd_by_hand():
    """One feature of variance s: (difference of means)^2 + F^2 / 4s, normal with variances 2s^2 / n and 2s / n."""
    assert degenerate_variance(np.array([3.0]), 0.1) == pytest.approx(0.1**2 * 2.5 * 9)
    s, b = np.array([1.0, 4.0]), np.array([0.5, 4.0])
    pairs = 2 * ((4 - 2) / 5) ** 2 + (0.75 / 2) ** 2 + 0  # i, j = 1, 2 and 2, 1; 1, 1; 2, 2
    assert degenerate_variance(s, 1.0, b) == pytest.approx(pairs + (0.75 / 2) ** 2 + 2 * 0.25)


def test_second_order_variance_is_that_of_equal_gaussians():
    rng, spread = np.random.default_rng(0), np.array([2.0, 1, 1, 0.5])
    values = [metrics.fd(*(rng.normal(size=(2, 300, 4)) * spread)).value for _ in range(150)]
    assert degenerate_variance(spread**2, 2 / 300) == pytest.approx(np.var(values), rel=0.25)


def test_interval_of_fd_grows_upwards_with_the_distance():
    x = np.random.default_rng(0).normal(size=(400, 4))
    y = np.r_[x[:390], x[390:] + 9]  # a mode of ten images that the generator has lost
    estimate = metrics.fd(x, y)
    assert estimate.high - estimate.value > 1.2 * (estimate.value - estimate.low) > 0
    near = metrics.fd(x, np.random.default_rng(1).normal(size=(400, 4)))
    assert near.high - near.value < 1.2 * (near.value - near.low)


@pytest.mark.parametrize("order", [1, 2, 0.5, np.inf])
def test_vendi_bias_on_the_log_scale(order):
    """The mean of outer ln(g + noise), by quadrature, where noise has the bias and the variance of g."""
    values = np.array([0.1, 0.2, 0.7])
    g, outer = {1: (0, 1), 2: (0.54, -1), 0.5: (np.sum(values**0.5), 2), np.inf: (0.7, -1)}[order]
    bias, variance = 0.003, 0.0004
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    noisy = g + bias + variance**0.5 * nodes
    logs = noisy if order == 1 else outer * np.log(noisy / g)
    mean = weights @ logs / weights.sum()
    log_bias, log_variance = _on_log_scale(values, order, bias, variance)
    assert log_bias == pytest.approx(mean, rel=0.05, abs=1e-6)
    assert log_variance == pytest.approx(weights @ (logs - mean) ** 2 / weights.sum(), rel=0.05)


def test_total_variation_has_the_noise_of_both_mixes():
    counts = np.array([300, 500, 200])
    both, single = metrics.total_variation(counts, counts), metrics.total_variation(counts, counts / 1000)
    assert both.floor == pytest.approx(2**0.5 * single.floor, rel=0.1)


def test_unequal_weights_widen_weighted_recall():
    x, y = np.random.default_rng(0).normal(size=(2, 200, 3))
    y = np.repeat(y[::2], 2, axis=0) + 1e-9 * y  # pairs of twins: half of them weigh as much as all
    even = metrics.weighted_precision_recall(x, y, np.ones(200))["recall"]
    half = metrics.weighted_precision_recall(x, y, np.arange(200) % 2)["recall"]
    assert half.value == pytest.approx(even.value, abs=0.011)
    assert half.se == pytest.approx(2**0.5 * even.se, rel=1e-9)


def test_moments_are_those_of_numpy():
    x, w = np.random.default_rng(0).normal(size=(90, 4)) + 7, np.random.default_rng(1).random(90)
    mean, covariance = moments(x, w).mean_and_covariance()
    np.testing.assert_allclose(mean, np.average(x, 0, w))
    np.testing.assert_allclose(covariance, np.cov(x, rowvar=False, aweights=w))
    rest = np.delete(np.arange(90), blocks(90)[3])
    np.testing.assert_allclose(moments(x, w).mean_and_covariance(3)[1], np.cov(x[rest], rowvar=False, aweights=w[rest]))


def test_weights_decide_about_precision_alone():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(200, 3)) * np.r_[np.ones(100), np.full(100, 3)][:, None], rng.normal(size=(300, 3))
    half = np.r_[np.full(100, 0.01), np.zeros(100)]
    weighted, plain, alone = metrics.suite(x, y, weights=half), metrics.suite(x, y), metrics.suite(x[:100], y)
    assert weighted["precision"].value == pytest.approx(alone["precision"].value) != plain["precision"].value
    assert weighted["precision"].se == pytest.approx(2**0.5 * plain["precision"].se)  # worth half of the images
    for name in ("fd", "recall", "coverage", "density", "kd"):
        assert weighted[name] == plain[name], name
