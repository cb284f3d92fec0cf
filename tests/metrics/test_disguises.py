"""Copies in disguise: planted flips, shifts, colours and blends of training digits, and honest digits."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from retouch import metrics

DIGITS = (load_digits().images * 15.9).astype(np.uint8)[np.random.default_rng(0).permutation(1797), None]
TRAINING, HELD_OUT, UNSEEN = np.split(DIGITS[:900], [500, 700])
RNG = np.random.default_rng(1)
SOURCE, OTHER = TRAINING[RNG.integers(0, 500, 60)], TRAINING[RNG.integers(0, 500, 60)]
DISGUISED = {
    "flipped": SOURCE[..., ::-1],
    "shifted": np.roll(SOURCE, 1, -1),
    "shifted up and flipped": np.roll(SOURCE, -1, -2)[..., ::-1],
    "in other colours": (40 + 0.7 * SOURCE).astype(np.uint8),
}


@pytest.fixture(scope="module")
def held_out():
    return metrics.view_distances(HELD_OUT, TRAINING), metrics.blend_distances(HELD_OUT, TRAINING)


@pytest.mark.parametrize("name", DISGUISED)
def test_views_show_a_disguised_copy(name, held_out):
    distances = metrics.view_distances(DISGUISED[name], TRAINING)
    assert metrics.copied_share(distances, held_out[0]).low > 0.8


@pytest.mark.parametrize("share", [0.5, 0.7, 0.9, 1.0])
def test_blends_are_found_whatever_their_parts(share, held_out):
    blend = np.rint(share * SOURCE + (1 - share) * OTHER).astype(np.uint8)
    for side in (blend, blend[..., ::-1]):
        assert metrics.copied_share(metrics.blend_distances(side, TRAINING), held_out[1]).low > 0.8


def test_honest_images_are_no_disguised_copies(held_out):
    for distance, known in zip((metrics.view_distances, metrics.blend_distances), held_out, strict=True):
        assert abs(metrics.copied_share(distance(UNSEEN, TRAINING), known).value) < 0.04


def test_a_blend_of_two_is_that_far_from_a_line():
    training = np.zeros((3, 1, 3, 3), np.uint8)
    training[1], training[2, ..., 0, 0] = 100, 255
    image = np.full((1, 1, 3, 3), 50, np.uint8)
    image[..., 1, 1] = 80  # off the line from 0 to 100, whose nearest point is at 480 / 9
    expected = np.sqrt((8 * (50 - 480 / 9) ** 2 + (80 - 480 / 9) ** 2) / 9)
    assert metrics.blend_distances(image, training)[0] == pytest.approx(expected, rel=1e-4)


def test_a_copy_has_no_distance_and_a_beyond_is_far():
    assert metrics.blend_distances(SOURCE[:5], TRAINING).max() < 0.1
    assert metrics.view_distances(SOURCE[:5], TRAINING).max() < 1e-3
    ends = np.stack([np.full((1, 4, 4), 50, np.uint8), np.full((1, 4, 4), 100, np.uint8)])
    assert metrics.blend_distances(np.full((1, 1, 4, 4), 160, np.uint8), ends)[0] == pytest.approx(60, rel=1e-4)
