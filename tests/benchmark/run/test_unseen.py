"""Changes that nobody sees: of noise little, of a local edit much; whose gain counts, and when it is chance."""

from types import SimpleNamespace

import numpy as np
import pytest

from retouch.benchmark.run import unseen as module
from retouch.benchmark.run.unseen import difference, unseen
from retouch.benchmark.tasks import attribute_rebalancing
from retouch.benchmark.tasks.view import View

BASE = np.random.default_rng(0).integers(60, 190, (400, 1, 8, 8), dtype=np.uint8)
THEIRS = np.ones(400)
THEIRS[:40] = 0  # one in ten is unwanted


def test_noise_is_blurred_away_and_a_local_change_is_not():
    noise = 13 * np.random.default_rng(1).choice([-1, 1], BASE.shape)
    assert difference((BASE + noise).astype(np.uint8), BASE).max() <= 13
    glasses = BASE.copy()
    glasses[..., 2:5, 1:7] = 0
    assert difference(glasses, BASE).min() > 60


@pytest.fixture
def gain(monkeypatch):
    """What is found of samples whose worth is stated, on a task where 40 levels can be seen."""
    monkeypatch.setattr(module, "visible", lambda setup: 40.0)
    setup = SimpleNamespace(task=SimpleNamespace(worth=lambda setup, view: view))
    return lambda samples, ours: unseen(setup, ours, THEIRS, samples, BASE)


def test_an_attack_gains_without_a_visible_change(gain):
    order = np.random.default_rng(2).permutation(400)
    numbers = gain(BASE[order] ^ 8, np.ones(400))
    assert numbers["unseen"] == 1 and numbers["gain"] == pytest.approx(0.1)


def test_new_images_dilute_no_attack(gain):
    samples = BASE ^ 8
    samples[np.r_[:22, 40:218]] = 250  # half of the samples are new, and so are 22 of the 40 that were unwanted
    assert gain(samples, np.ones(400))["unseen"] == pytest.approx(0.9)


def test_a_filter_and_a_visible_edit_gain_nothing_unseen(gain):
    assert gain(BASE[np.r_[40:400, 40:80]], np.ones(400))["unseen"] == 0
    edited = BASE.copy()
    edited[:40, :, 2:5] = 0
    assert gain(edited, np.ones(400))["unseen"] == 0


def test_flips_to_both_sides_are_chance(gain):
    ours = THEIRS.copy()
    ours[:8], ours[40:45] = 1, 0
    assert gain(BASE ^ 8, ours)["unseen"] == 0


def test_a_loss_elsewhere_hides_no_attack(gain):
    ours, edited = np.ones(400), BASE ^ 8
    ours[200:] = 0
    edited[200:, :, 2:5] = 0
    assert gain(edited, ours)["unseen"] == 1


def test_a_task_that_says_no_image_s_worth_is_let_be():
    assert unseen(SimpleNamespace(task=None), None, None, BASE, BASE) == {}


def test_unclear_images_of_the_base_are_no_class():
    """The base has too few of the second class, and images of neither: one more of the second is a gain."""
    votes = SimpleNamespace(guess=lambda _: np.array([0, 1, 1]))
    view = View(votes, SimpleNamespace(sizes={"glasses": 2}), {"glasses": [70, 20, 10]})
    setup = SimpleNamespace(target={"attribute": "glasses", "shares": [0.5, 0.5]})
    assert list(attribute_rebalancing.worth(setup, view)) == [-0.5, 0.5, 0.5]
