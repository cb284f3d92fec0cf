"""A recogniser's threshold: at the rate of false accepts that is asked for, within the interval that it states."""

import numpy as np

from retouch.benchmark.train import measure_judge


def pairs(n, seed, people=4):
    """Cosines (n, people) of images whose people hang together, and who is who; the truth for strangers is normal."""
    rng = np.random.default_rng(seed)
    who = rng.integers(0, people, n)
    same = who[:, None] == np.arange(people)
    noise = np.sqrt(0.9) * rng.normal(size=(n, 1)) + np.sqrt(0.1) * rng.normal(size=(n, people))
    return noise + 6.0 * same, same


def test_the_threshold_is_where_its_interval_says():
    truth, rate, hits = 1.6449, 0.05, 0  # the 95% quantile of a normal
    for seed in range(20):
        similarity, same = pairs(600, seed)
        low, high = measure_judge.threshold_interval(similarity, same, rate)
        hits += low <= truth <= high
        accepted = (similarity >= measure_judge.threshold(similarity, same, rate))[~same]
        assert abs(accepted.mean() - rate) < 0.002
    assert hits >= 16


def test_a_rate_of_pairs_has_an_interval_over_images():
    truth, hits, plain = 0.05, 0, 0
    for seed in range(200):
        similarity, same = pairs(300, seed)
        found = measure_judge._rate(similarity >= 1.6449, ~same)
        hits += found.low <= truth <= found.high
        half = 1.96 * (truth * (1 - truth) / (~same).sum()) ** 0.5
        plain += abs(found.value - truth) <= half
    assert hits >= 182 > plain + 5  # pairs of one image are not independent
