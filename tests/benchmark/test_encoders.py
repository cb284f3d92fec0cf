"""Encoders: what they promise of features, and what training by contrast must do."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from retouch.benchmark import data, encoders, trunks, weights
from retouch.benchmark.encoders import Encoder
from retouch.benchmark.support.files import write_json
from retouch.benchmark.train.augment import view
from retouch.benchmark.train.encoder import EncoderLearner, nt_xent
from retouch.benchmark.train.measure_encoder import effective_features, measure_encoder

PLAN = {
    "kind": "encoder", "data": {"name": "digits"}, "split": "judge", "part": [0, 2], "trunk": "smooth", "width": 8,
    "features": 16, "steps": 40, "batch": 64, "lr": 3e-3,
    "views": {"turn": 10, "scale": 0.15, "shift": 0.06, "colour": 0.15, "noise": 0.0, "flip": False},
}  # fmt: skip
STILL = {"turn": 0, "scale": 0, "shift": 0, "colour": 0, "noise": 0, "flip": False}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a small encoder of digits, and its learner."""
    folder = tmp_path_factory.mktemp("digits-encoder")
    torch.manual_seed(0)
    learner = EncoderLearner(PLAN)
    for _ in range(PLAN["steps"]):
        learner.step()
    learner.save(folder)
    card = {"family": "encoder", "config": learner.config, "recipe": PLAN, "sha256": weights.sha256(folder)}
    write_json(folder / "card.json", card)
    return folder, learner


@pytest.fixture(scope="module")
def encoder(trained):
    return Encoder.read(trained[0])


def test_features_do_not_depend_on_the_batch(encoder, monkeypatch):
    images = data.load({"name": "digits"}, "heldout").images[:40]
    whole = encoder.features(images)
    assert whole.dtype == np.float32 and whole.shape == (40, 16)
    assert encoder.features(images[7:8]) == pytest.approx(whole[7:8], abs=1e-4)
    monkeypatch.setattr(encoders, "BATCH", 3)
    assert encoder.features(images) == pytest.approx(whole, abs=1e-4)


def test_features_of_training_images_have_mean_0_and_variance_1(encoder, trained):
    seen = encoder.features(trained[1].images.numpy())
    assert seen.mean(0) == pytest.approx(0, abs=0.02) and seen.var(0) == pytest.approx(1, abs=0.03)  # half precision


def test_images_of_another_kind_are_refused(encoder):
    for images in (np.zeros((2, 3, 8, 8), np.uint8), np.zeros((2, 1, 8, 8), np.float32)):
        with pytest.raises(ValueError, match=r"takes uint8 \(N, 1, 8, 8\)"):
            encoder.features(images)
    with pytest.raises(ValueError, match="digits-judge is of kind 'classifier'"):
        encoders.load("digits-judge")


def test_a_part_shares_no_image_with_the_other():
    a, b = (EncoderLearner(PLAN | {"part": [i, 2]}).images for i in range(2))
    whole = data.load(PLAN["data"], "judge").images
    assert len(a) + len(b) == len(whole)
    assert (a.numpy() == whole[::2]).all() and (b.numpy() == whole[1::2]).all()


def test_contrast_finds_pairs_and_learns_them(trained):
    torch.manual_seed(1)
    z = torch.randn(8, 5)
    pairs = F.normalize(torch.cat([z, z]), dim=1)
    similar = pairs @ pairs.T / 0.2
    others = [[j for j in range(16) if j != i] for i in range(16)]
    by_hand = [torch.logsumexp(similar[i, others[i]], 0) - similar[i, (i + 8) % 16] for i in range(16)]
    assert nt_xent(torch.cat([z, z])) == pytest.approx(torch.stack(by_hand).mean().item(), abs=1e-5)
    learner = trained[1]
    x = view(learner.floats(learner.images[:64]).repeat(2, 1, 1, 1), **PLAN["views"])
    assert nt_xent(learner.network.eval()(x)) < 0.6 * np.log(127)  # chance among 127 others


def test_views_keep_the_image_where_nothing_is_asked():
    x = torch.rand(4, 3, 16, 16) * 2 - 1
    assert torch.allclose(view(x, **STILL), x, atol=1e-5)
    turned = view(x, **STILL | {"flip": True})
    assert all(torch.allclose(a, b, atol=1e-5) or torch.allclose(a, b.flip(2), atol=1e-5)
               for a, b in zip(turned, x, strict=True))  # fmt: skip
    for name, most in (("turn", 30), ("scale", 0.3), ("shift", 0.2), ("colour", 0.3), ("noise", 0.3)):
        assert (view(x, **STILL | {name: most}) - x).abs().mean() > 0.01, name


def test_measuring_sees_kinds_damage_and_absence(encoder):
    found = measure_encoder(encoder, PLAN)
    kinds = found["neighbours"]["category"]
    assert kinds["low"] > 0.7 and kinds["chance"] == 0.1
    assert found["fd"]["none"]["low"] < 0.02 < found["fd"]["blur"]["low"]
    assert found["fd"]["none"]["value"] < found["fd"]["without the first class"]["value"]
    assert 1 < found["effective_features"] < 16


def test_effective_features_count_directions_of_equal_variance():
    rows = np.random.default_rng(0).normal(size=(20_000, 3)) @ np.eye(3, 8)
    assert effective_features(rows) == pytest.approx(3, abs=0.01)


@pytest.mark.parametrize("name", trunks.TRUNKS)
@pytest.mark.parametrize(("channels", "size"), [(1, 8), (3, 24), (1, 32)])
def test_every_trunk_takes_every_size_and_learns(name, channels, size):
    trunk = trunks.trunk(name, channels, size, width=4, features=6)
    out = trunk(torch.randn(3, channels, size, size))
    assert out.shape == (3, 6)
    out.square().sum().backward()
    assert all(p.grad is not None for p in trunk.parameters())
    with pytest.raises(ValueError, match="no trunk 'x'; there are resnet"):
        trunks.trunk("x", channels, size, 4, 6)
