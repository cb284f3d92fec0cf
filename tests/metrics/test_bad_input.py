"""Bad features: always an error that names the array, what was found and what is wanted; never a number."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from retouch import metrics
from retouch.metrics.checks import as_images

GOOD = np.random.default_rng(0).normal(size=(60, 4))
CALLS = {
    "fd": metrics.fd,
    "kd": metrics.kd,
    "prdc": metrics.prdc,
    "suite": metrics.suite,
    "weighted_precision_recall": lambda x, y: metrics.weighted_precision_recall(x, y, np.ones(len(y))),
}
BAD = {
    "empty": (np.zeros((0, 4)), "found 0 rows"),
    "one row": (np.ones((1, 4)), "found 1 rows"),
    "no width": (np.ones((60, 0)), "width 0"),
    "flat": (np.ones(60), r"found shape \(60,\), wanted \(n, d\)"),
    "images": (np.ones((60, 3, 2, 2)), "wanted .n, d.: one row of features"),
    "text": (np.array([["a", "b"]] * 60), "found dtype <U1, wanted numbers"),
    "objects": (np.array([[None] * 4] * 60), "found dtype object"),
    "complex": (GOOD + 1j, "found complex"),
    "nan": (
        np.where(np.arange(240).reshape(60, 4) == 9, np.nan, GOOD),
        r"found 1 NaN or infinite values, the first "
        r"at \(2, 1\)",
    ),
    "huge": (GOOD * 1e30, "wanted float64 features below 1e.24"),
    "infinite": (np.where(GOOD[3, 3] == GOOD, -np.inf, GOOD), r"the first at \(3, 3\)"),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("side", ["generated", "reference"])
@pytest.mark.parametrize(("array", "message"), BAD.values(), ids=BAD)
def test_bad_features(call, side, array, message):
    pair = (array, GOOD) if side == "generated" else (GOOD, array)
    with pytest.raises(ValueError, match=f"{side}: .*{message}"):
        call(*pair)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_different_widths(call):
    with pytest.raises(ValueError, match="found widths 3 and 4"):
        call(GOOD[:, :3], GOOD)


@pytest.mark.parametrize("call", [metrics.prdc, metrics.suite])
def test_too_few_rows_for_k(call):
    with pytest.raises(ValueError, match="generated: found 20 rows, wanted at least 28 for 5 neighbours"):
        call(GOOD[:20], GOOD)
    with pytest.raises(ValueError, match="k: found 0"):
        call(GOOD, GOOD, k=0)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(5), "found 5 weights, wanted 60"),
        (-np.ones(60), "wanted weights >= 0"),
        (np.zeros(60), "positive sum"),
        (np.full(60, np.nan), "NaN"),
        (np.ones((60, 1)), r"found shape \(60, 1\)"),
    ],
)
def test_bad_weights(weights, message):
    for call in (
        lambda: metrics.fd(GOOD, GOOD, weights),
        lambda: metrics.weighted_fd(GOOD, GOOD, weights),
        lambda: metrics.weighted_vendi(GOOD, weights),
        lambda: metrics.vendi_gradient(GOOD, weights),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_vendi_needs_directions():
    with pytest.raises(ValueError, match=r"row of zeros \(7\)"):
        metrics.vendi(np.where(np.arange(60)[:, None] == 7, 0, GOOD))
    with pytest.raises(ValueError, match="order: found -1"):
        metrics.vendi(GOOD, -1)
    with pytest.raises(ValueError, match="tolerance: found 0"):
        metrics.optimal_vendi_weights(GOOD, 0)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((4, 3, 8, 8), np.float32), "found dtype float32, wanted uint8"),
        (np.zeros((4, 8, 8, 3), np.uint8), "channels seem to come last"),
        (np.zeros((4, 8, 8), np.uint8), r"wanted \(n, C, H, W\)"),
        (np.zeros((0, 3, 8, 8), np.uint8), "n >= 1"),
    ],
)
def test_bad_images(images, message):
    with pytest.raises(ValueError, match=message):
        as_images(images)


@settings(max_examples=60, deadline=None)
@given(arrays(np.float64, array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=9), elements=st.floats(width=64)))
def test_any_array_gives_an_error_or_a_finite_number(array):
    for call in (metrics.fd, metrics.kd):
        try:
            estimate = call(array, array)
        except ValueError as error:
            assert "found" in str(error) and "wanted" in str(error)
        else:
            assert np.isfinite([estimate.value, estimate.low, estimate.high]).all()


@settings(max_examples=25, deadline=None)
@given(
    st.integers(28, 70),
    st.integers(28, 70),
    st.integers(1, 6),
    st.integers(0, 2**31),
    st.sampled_from([np.float32, np.float64]),
    st.sampled_from([0.0, 1e3, 1e-3]),
    st.booleans(),
)
def test_any_good_pair_gives_ordered_finite_intervals(n, m, d, seed, dtype, offset, ties):
    rng = np.random.default_rng(seed)
    x, y = (np.round(p) if ties else p for p in (rng.normal(size=(n, d)), rng.normal(size=(m, d))))
    x, y = (x + offset + 0.5).astype(dtype), (y + offset + 0.5).astype(dtype)
    for name, e in metrics.suite(x, y).items():
        assert np.isfinite([e.value, e.low, e.high]).all(), name
        assert e.low <= e.value <= e.high, (name, e)
        assert e.n == min(n, m) or name in ("precision", "recall", "coverage") or name.startswith("vendi"), name


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 400), min_size=2, max_size=6).filter(lambda c: sum(c) > 1), st.integers(60, 99))
def test_any_counts_give_ordered_shares(counts, right):
    judge = np.full((len(counts),) * 2, 2) + np.eye(len(counts), dtype=int) * right
    for e in metrics.shares(counts, judge, draws=50):
        assert 0 <= e.low <= e.value <= e.high <= 1
    estimate = metrics.fairness_discrepancy(counts, judge, np.full(len(counts), 1 / len(counts)))
    assert 0 <= estimate.low <= estimate.value <= estimate.high and estimate.floor > 0


@pytest.mark.parametrize(
    "call",
    [
        lambda level: metrics.fd(GOOD, GOOD + 1, level=level),
        lambda level: metrics.stratified_fd(GOOD, np.arange(60) % 2, GOOD, np.arange(60) % 2, [0.5, 0.5], level=level),
        lambda level: metrics.kd(GOOD, GOOD, level=level),
        lambda level: metrics.vendi(GOOD, level=level),
        lambda level: metrics.prdc(GOOD, GOOD, level=level),
        lambda level: metrics.shares([3, 4, 5], np.eye(3) * 9, level=level),
        lambda level: metrics.quantile_drop([1.0, 2], [2.0, 3], (0, 1), (0, 1), level=level),
        lambda level: metrics.aggregate(np.ones((2, 3)), level=level),
        lambda level: metrics.copied_share(np.ones(9), np.ones(99), level=level),
    ],
)
def test_a_level_in_percent_is_an_error(call):
    with pytest.raises(ValueError, match="level: found 95, wanted a number between 0 and 1"):
        call(95)


MASKED = np.ma.masked_greater(GOOD, 2.0)


@pytest.mark.parametrize(
    "call",
    [
        lambda: metrics.fd(MASKED, GOOD),
        lambda: metrics.kd(GOOD, MASKED),
        lambda: metrics.vendi(MASKED),
        lambda: metrics.vendi(GOOD, 1, np.ma.masked_less(np.ones(60), 2)),
        lambda: metrics.share(np.ma.masked_equal([3, 4], 3)),
        lambda: metrics.share([3, 4], np.ma.masked_equal([[3, 4], [1, 9]], 3)),
        lambda: metrics.aggregate(np.ma.masked_equal([[3.0, 4], [5, 6]], 3)),
        lambda: metrics.quantile_drop(np.ma.masked_equal([3.0, 4], 3), [3, 4], (0, 1), (0, 1)),
        lambda: metrics.total_variation(np.ma.masked_equal([0.5, 0.5], 0.5), [1, 2]),
        lambda: as_images(np.ma.masked_equal(np.zeros((2, 3, 4, 4), np.uint8), 0)),
    ],
)
def test_masked_values_are_an_error(call):
    with pytest.raises(ValueError, match=r"found \d+ masked values, wanted none"):
        call()


def test_an_array_that_masks_nothing_is_fine():
    assert metrics.fd(np.ma.array(GOOD), GOOD) == metrics.fd(GOOD, GOOD)


def test_wide_features_ask_for_twice_their_number_of_rows():
    """FD of n near d features covered 8 to 17% beyond 512 of them."""
    x, y = np.random.default_rng(0).normal(size=(2, 1100, 520))
    with pytest.raises(ValueError, match="generated: found 1039 rows of width 520, wanted at least 1040 rows"):
        metrics.fd(x[:1039], y)
    assert metrics.fd(x[:1040], y).n == 1040
    assert "fd" not in metrics.suite(x[:600], y) and "kd" in metrics.suite(x[:600], y)
