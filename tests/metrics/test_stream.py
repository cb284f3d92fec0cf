"""Streams of features: any batches give the same, pieces merge into the whole, and little is kept."""

import numpy as np
import pytest

from retouch import metrics
from retouch.metrics.engine.moments import moments


def rows(n, d, seed=0, dtype=np.float64):
    """(n, d) features with an offset and unequal variances, as networks give."""
    return (np.random.default_rng(seed).normal(2, np.linspace(0.2, 1.5, d), (n, d)) + seed / 10).astype(dtype)


def streamed(x, batch, **more):
    stream = metrics.Stream(x.shape[1], **more)
    for start in range(0, len(x), batch):
        stream.add(x[start : start + batch])
    return stream


def test_a_stream_knows_mean_and_covariance_of_all_rows():
    for d in (3, 520):
        x = rows(1100, d)
        mean, covariance = streamed(x, 300, rows=50).moments.mean_and_covariance()
        assert np.allclose(mean, x.mean(0)) and np.allclose(covariance, np.cov(x, rowvar=False))
        whole = moments(x).mean_and_covariance()
        assert np.allclose(covariance, whole[1])


def test_batches_and_pieces_do_not_matter():
    x = rows(900, 6)
    whole = streamed(x, 900, rows=100, seed=3)
    other = streamed(x, 37, rows=100, seed=3)
    assert np.array_equal(whole.rows, other.rows) and len(whole.rows) == 100
    assert whole.moments.mean_and_covariance()[1] == pytest.approx(other.moments.mean_and_covariance()[1], rel=1e-12)
    parts = [streamed(x[a:b], 80, rows=100, seed=3, start=a) for a, b in ((0, 50), (50, 500), (500, 900))]
    merged = parts[0].merge(metrics.Stream.of(parts[1].merge(parts[2]).arrays()))
    assert np.array_equal(merged.rows, whole.rows) and merged.n == 900
    ours, theirs = metrics.suite(merged, x[:300]), metrics.suite(whole, x[:300])
    assert [one.value for one in ours.values()] == pytest.approx([one.value for one in theirs.values()], rel=1e-9)
    with pytest.raises(ValueError, match=r"found a piece from row 500 on .* wanted the next one, from row 50 on"):
        parts[0].merge(parts[2])


def test_the_reservoir_is_an_even_sample_that_the_seed_decides():
    x = np.arange(2000.0)[:, None] + 1
    drawn = [streamed(x, 100, rows=200, seed=seed).rows[:, 0] for seed in range(20)]
    assert all(len(np.unique(one)) == 200 and (np.diff(one) > 0).all() for one in drawn)
    assert abs(np.mean(drawn) - 1000.5) < 4 * 2000 / np.sqrt(12 * 4000)
    assert len(set(map(tuple, drawn))) == 20


def test_a_stream_that_keeps_all_rows_gives_what_its_rows_give():
    x, y = rows(300, 8), rows(260, 8, 1)
    whole, stream = metrics.suite(x, y), metrics.suite(streamed(x, 64), streamed(y, 50))
    assert whole.keys() == stream.keys()
    for name, one in whole.items():
        if name == "fd":  # its blocks are others
            assert stream[name].plain == pytest.approx(one.plain) and one.low < stream[name].value < one.high
        else:
            assert stream[name].value == pytest.approx(one.value, rel=1e-12), name


@pytest.mark.parametrize("d", [8, 520])
def test_a_reservoir_stands_for_the_rows_that_are_gone(d):
    x, y = rows(1600, d, dtype=np.float32), rows(1100, d, 1, np.float32)
    whole, stream = metrics.suite(x, y), metrics.suite(streamed(x, 500, rows=700), y)
    assert stream["fd"].plain == pytest.approx(whole["fd"].plain, rel=1e-4)
    for name in ("fd", "kd", "vendi", "vendi_2"):
        assert abs(stream[name].value - whole[name].value) < stream[name].high - stream[name].low, name
    for name in ("fd", "vendi"):
        ours, theirs = stream[name], whole[name]
        rel = 0.15 if d > 512 else 0.4  # a jackknife over other blocks
        assert (ours.plain - ours.value) == pytest.approx(theirs.plain - theirs.value, rel=rel), name
        assert ours.se == pytest.approx(theirs.se, rel=0.4), name


def test_a_batch_of_another_width_is_refused():
    stream = streamed(rows(10, 4), 5)
    with pytest.raises(ValueError, match="found width 3, wanted 4"):
        stream.add(rows(5, 3))
