"""The gain from topping up: right where it can be worked out, none where nothing is added or what is added is wrong."""

import numpy as np
import pytest

from retouch.metrics import Labelled, downstream_gains
from retouch.metrics.downstream import probe, top_up


def blobs(counts, seed, spread=1.0):
    """Classes around the corners of a simplex, counts[k] of class k."""
    labels = np.repeat(np.arange(len(counts)), counts)
    rng = np.random.default_rng(seed)
    return Labelled(2 * np.eye(6)[labels] + spread * rng.standard_normal((len(labels), 6)), labels)


RARE, TRUTH = blobs([200, 6, 200], 0), blobs([300, 300, 300], 1)


def test_a_rare_class_gains_and_noise_of_its_name_loses():
    gains = downstream_gains(RARE, TRUTH, blobs([200, 200, 200], 2))
    assert gains["worst"].low > 0.1 and gains["balanced"].low > 0.02
    wrong = Labelled(blobs([400, 0, 0], 3).features, np.ones(400, np.int64))
    assert downstream_gains(RARE, TRUTH, wrong)["balanced"].high < 0


def test_nothing_added_gains_nothing():
    none = Labelled(np.zeros((0, 6)), np.zeros(0, np.int64))
    for gain in downstream_gains(RARE, TRUTH, none).values():
        assert (gain.value, gain.low, gain.high, gain.n) == (0, 0, 0, 900)


def test_topping_up_ends_at_the_largest_class():
    for extra, mass in (([50, 300, 50], 200), ([0, 9, 0], 15)):
        full = top_up(RARE, blobs(extra, 4), 3)
        assert np.bincount(full.labels, full.weights).round(6).tolist() == [200, mass, 200]


def test_the_order_of_generated_images_does_not_matter():
    extra = blobs([50, 300, 50], 4)
    turned = Labelled(extra.features[::-1], extra.labels[::-1])
    assert downstream_gains(RARE, TRUTH, extra) == downstream_gains(RARE, TRUTH, turned)


def test_the_probe_is_that_of_scikit_learn():
    from sklearn.linear_model import LogisticRegression

    train = blobs([80, 50, 60], 5)
    x = (train.features - train.features.mean(0)) / train.features.std(0)
    peer = LogisticRegression(C=1 / (0.01 * len(x)), max_iter=1000).fit(x, train.labels)
    ours = probe(train, 3)(train.features)
    assert (ours == peer.predict(x)).mean() > 0.98


def test_a_class_without_held_out_images_is_named():
    with pytest.raises(ValueError, match="no image of class 1"):
        downstream_gains(RARE, blobs([5, 0, 5], 0), RARE)
    with pytest.raises(ValueError, match="one an image"):
        Labelled(np.zeros((3, 2)), np.zeros(2, np.int64))
