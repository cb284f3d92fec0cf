"""Vendi score: gradient, concave optimum with its certificate, and answers worked out by hand."""

import numpy as np
import pytest

from retouch import metrics
from retouch.metrics.tools.interval_coverage import population
from retouch.metrics.vendi_score import vendis


def test_by_hand():
    """Two equal and two orthogonal images: spectrum (1/2, 1/2) over four rows."""
    x = np.array([[1.0, 0], [3, 0], [0, 1], [0, 2]])
    for order in (0.5, 1, 2, np.inf):
        assert metrics.weighted_vendi(x, np.ones(4), order) == pytest.approx(2, rel=1e-12)
    assert metrics.weighted_vendi(x, np.array([1, 0, 0, 0])) == pytest.approx(1, rel=1e-12)
    p = np.array([0.5, 0.25, 0.25, 0])  # spectrum (3/4, 1/4)
    assert metrics.weighted_vendi(x, p) == pytest.approx(np.exp(-0.75 * np.log(0.75) - 0.25 * np.log(0.25)), rel=1e-12)
    assert metrics.weighted_vendi(x, p, np.inf) == pytest.approx(4 / 3, rel=1e-12)


def test_gradient_is_the_finite_difference():
    rng = np.random.default_rng(0)
    x, p = rng.normal(size=(60, 8)), rng.dirichlet(np.ones(60))
    value, gradient = metrics.vendi_gradient(x, p)
    assert value == pytest.approx(np.log(metrics.weighted_vendi(x, p)), rel=1e-12)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)

    def entropy(q: np.ndarray) -> float:  # not normalised: the gradient is that of -tr S ln S
        values = np.linalg.eigvalsh(unit.T @ (q[:, None] * unit))
        return float(-np.sum(values * np.log(values)))

    for i in range(0, 60, 7):
        step = np.zeros(60)
        step[i] = 1e-4
        five = (8 * (entropy(p + step) - entropy(p - step)) - entropy(p + 2 * step) + entropy(p - 2 * step)) / 12e-4
        assert gradient[i] == pytest.approx(five, rel=1e-10, abs=1e-10)


def test_gradient_is_that_of_the_full_kernel():
    rng = np.random.default_rng(1)
    x, p = rng.normal(size=(50, 8)), rng.dirichlet(np.ones(50))
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    values, vectors = np.linalg.eigh(np.sqrt(np.outer(p, p)) * (unit @ unit.T))
    use = values > 1e-10
    full = -((vectors[:, use] ** 2 * values[use]) @ (np.log(values[use]) + 1)) / p
    np.testing.assert_allclose(metrics.vendi_gradient(x, p)[1], full, rtol=1e-10)


@pytest.mark.parametrize("balance", [0.0, 0.5, 1.0])
def test_objective_gradient(balance):
    rng = np.random.default_rng(2)
    x, p = rng.normal(size=(30, 5)), rng.dirichlet(np.ones(30) * 5)
    _, gradient = metrics.diversity_objective(x, p, balance)
    along = rng.normal(size=30) * p
    along -= along.sum() * p  # stays on the simplex
    up, down = (metrics.diversity_objective(x, p + s * 1e-5 * along, balance)[0] for s in (1, -1))
    assert gradient @ along == pytest.approx((up - down) / 2e-5, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("d", [5, 40])
def test_optimum_keeps_its_certificate(d):
    x = population(d, 800)
    optimum = metrics.optimal_vendi_weights(x, 0.01)
    assert optimum.gap <= 0.01 and optimum.steps <= 40  # 73 and 57 where every step has the same power
    assert optimum.weights.sum() == pytest.approx(1) and optimum.weights.min() >= 0
    assert metrics.weighted_vendi(x, optimum.weights) == pytest.approx(optimum.value, rel=1e-10)
    assert metrics.weighted_vendi(x, np.ones(800)) < optimum.value
    better = metrics.optimal_vendi_weights(x, 0.0005)
    assert optimum.value <= better.value * (1 + 1e-12) <= optimum.bound * (1 + 1e-9)


def test_certificate_holds_against_any_weights():
    x = population(6, 100)
    bound = metrics.optimal_vendi_weights(x, 0.001).bound
    rng = np.random.default_rng(0)
    assert all(
        metrics.weighted_vendi(x, rng.dirichlet(np.full(100, a))) <= bound for a in (0.05, 0.3, 1, 5) for _ in range(50)
    )


def test_steps_run_out_and_the_gap_says_so():
    optimum = metrics.optimal_vendi_weights(population(40, 500), 1e-9, steps=3)
    assert optimum.steps == 3 and optimum.gap > 1e-9


def test_effective_sample_size():
    assert metrics.effective_sample_size(np.ones(7)) == pytest.approx(7)
    assert metrics.effective_sample_size(np.array([1, 0, 0])) == pytest.approx(1)


def test_bias_is_smaller_than_the_plain_one():
    whole = population(64) - 1
    truth = metrics.vendi(whole).plain
    rng = np.random.default_rng(0)
    estimates = [metrics.vendi(whole[rng.integers(0, len(whole), 300)]) for _ in range(30)]
    plain, value = (np.mean([getattr(e, part) for e in estimates]) for part in ("plain", "value"))
    assert truth - plain > 0.5 and abs(value - truth) < 0.2 * (truth - plain)


def test_closed_form_agrees_with_the_jackknife(monkeypatch):
    x = population(32)[::4]
    orders = (0.5, 1, 2, 3, np.inf)
    blocks = vendis(x, orders)
    monkeypatch.setattr("retouch.metrics.vendi_score.WIDE", 8)
    closed = vendis(x, orders)
    for order in orders:
        assert closed[order].plain == pytest.approx(blocks[order].plain, rel=1e-9)
        assert closed[order].value == pytest.approx(blocks[order].value, abs=0.15 * blocks[order].se)
        assert closed[order].se == pytest.approx(blocks[order].se, rel=0.5)


def test_too_few_images_keep_an_interval():
    """Where the whole correction lies beyond the width, the interval reaches down to the plain score."""
    estimate = metrics.vendi(np.random.default_rng(0).normal(size=(40, 40)), 0.5)
    assert estimate.value == estimate.high == 40 and estimate.low == estimate.plain < 30


def test_scale_does_not_matter_and_never_beyond_the_width():
    x = np.random.default_rng(0).normal(size=(400, 6))
    assert metrics.vendi(x * 1000).value == pytest.approx(metrics.vendi(x).value, rel=1e-9)
    assert metrics.vendi(x).high <= 6
