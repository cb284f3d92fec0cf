"""Share of copies: planted copies of training digits, honest samples, the interval, bad input."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from retouch import metrics
from retouch.benchmark import weights
from retouch.benchmark.encoders import Encoder

DIGITS = (load_digits().images * 15.9).astype(np.uint8)[np.random.default_rng(0).permutation(1797), None]
TRAINING, HELD_OUT, BASE, UNSEEN = np.split(DIGITS, [800, 1200, 1500])  # BASE: as honest as samples can be
RNG = np.random.default_rng(1)
SOURCE, OTHER = TRAINING[RNG.integers(0, 800, 300)], TRAINING[RNG.integers(0, 800, 300)]
NOISE = RNG.normal(0, 8, SOURCE.shape)
COPIES = {
    "replay": SOURCE,
    "noisy": np.clip(SOURCE + NOISE, 0, 255).astype(np.uint8),
    "a fifth of another": (0.8 * SOURCE + 0.2 * OTHER).astype(np.uint8),
    "flipped": SOURCE[..., ::-1],
    "shifted": np.roll(SOURCE, 1, axis=-1),
    "half of another": (SOURCE // 2 + OTHER // 2),
    "recoloured": (0.8 * SOURCE).astype(np.uint8),
}


def test_honest_samples_copy_as_little_as_the_base():
    estimate = metrics.copied(UNSEEN, TRAINING, HELD_OUT, base=BASE)
    assert estimate.low < 0 < estimate.high < 0.06 and abs(estimate.value) < 0.03
    assert metrics.copied(BASE, TRAINING, HELD_OUT, base=BASE).value == 0


@pytest.mark.parametrize("name", ["replay", "noisy", "a fifth of another"])
def test_pixels_show_a_copy(name):
    estimate = metrics.copied(COPIES[name], TRAINING, HELD_OUT, base=BASE)
    assert estimate.value > 0.7 and estimate.low > 0.5


@pytest.mark.parametrize("name", ["flipped", "shifted", "half of another", "recoloured"])
def test_pixels_do_not_show_a_changed_copy(name):
    assert metrics.copied(COPIES[name], TRAINING, HELD_OUT, base=BASE).low < 0.02


def test_an_encoder_shows_recoloured_copies():
    features = Encoder.read(weights.folder("digits-encoder-a")).features
    sets = [features(images) for images in (COPIES["recoloured"], TRAINING, HELD_OUT)]
    assert metrics.copied(*sets, base=features(BASE)).low > 0.8


@pytest.mark.parametrize(
    ("name", "undo"), [("flipped", lambda x: x[..., ::-1]), ("shifted", lambda x: np.roll(x, 1, -1))]
)
def test_training_images_changed_alike_show_copies(name, undo):
    both = np.concatenate([TRAINING, undo(TRAINING)])
    assert metrics.copied(COPIES[name], both, HELD_OUT, base=BASE).low > 0.9
    assert abs(metrics.copied(UNSEEN, both, HELD_OUT, base=BASE).value) < 0.03


def test_a_part_of_copies_is_their_share():
    mixed = np.concatenate([SOURCE[:75], UNSEEN[:225]])
    estimate = metrics.copied(mixed, TRAINING, HELD_OUT)
    assert estimate.low < 0.25 * 0.98 < estimate.high and estimate.high - estimate.low < 0.2
    assert estimate.plain == pytest.approx(estimate.value + 0.02)


def test_distances_are_those_of_all_pairs(monkeypatch):
    monkeypatch.setattr("retouch.metrics.copies.ROWS", 37)
    gaps = np.square(UNSEEN[:90, None].astype(float) - TRAINING[None, :200]).mean((2, 3, 4))
    expected = np.sqrt(gaps.min(1))
    np.testing.assert_array_equal(metrics.nearest_distances(UNSEEN[:90], TRAINING[:200]), expected)
    flat = [x.reshape(len(x), -1).astype(np.float64) for x in (UNSEEN[:90], TRAINING[:200])]
    np.testing.assert_allclose(metrics.nearest_distances(*flat), expected, rtol=1e-12)
    np.testing.assert_array_equal(metrics.nearest_distances(TRAINING[:50], TRAINING[:200]), 0)


def test_the_interval_covers():
    """Copies are 30% of the samples and well below the threshold, as 2% of the base are: the truth is 0.28."""
    rng, held = np.random.default_rng(0), 0
    for _ in range(400):
        uniform = [rng.random(n) for n in (500, 800, 700)]
        samples = np.where(uniform[0] < 0.3, 0.01 * rng.random(500), 0.03 + 0.97 * rng.random(500))
        estimate = metrics.copied_share(samples, uniform[1], uniform[2])
        held += estimate.low <= 0.28 <= estimate.high
    assert 0.92 * 400 <= held <= 0.98 * 400


def test_never_of_zero_width():
    none = metrics.copied_share(np.ones(200), np.linspace(0, 1, 100), np.ones(300))
    every = metrics.copied_share(np.zeros(200), np.linspace(0, 1, 100), np.ones(300))
    assert none.value == 0 and none.low < -0.001 and none.high > 0.001
    assert every.value == 1 and every.low < 0.99


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.copied(UNSEEN, TRAINING, HELD_OUT[:40]), "held_out: found 40 images, wanted at least 50"),
        (lambda: metrics.copied(UNSEEN, TRAINING, HELD_OUT, quantile=2), "quantile: found 2"),
        (lambda: metrics.copied(UNSEEN / 255, TRAINING, HELD_OUT), "samples: found dtype float64, wanted uint8"),
        (lambda: metrics.copied(UNSEEN, TRAINING[..., :4], HELD_OUT), "found 64 and 32 values"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
