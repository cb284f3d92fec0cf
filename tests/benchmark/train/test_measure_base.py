"""What a base's card says: plain generators beside it, copies named, held-out images in the data's proportions."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from retouch.benchmark import data, weights
from retouch.benchmark.train.gaussians import Mixture
from retouch.benchmark.train.measure_base import beside, held_out, measure_base
from retouch.benchmark.train.memorising import memorising, nearest_distances

PLAN = {"kind": "gan", "data": {"name": "digits"}, "judge": "digits-judge", "encoder": "digits-encoder-a"}


class Stored:
    """A "generator" that hands out stored images."""

    family = "gan"

    def __init__(self, images: np.ndarray) -> None:
        self.images = torch.from_numpy(images)

    def sample(self, n: int, rng: torch.Generator) -> torch.Tensor:
        return self.images[torch.randint(len(self.images), (n,), generator=rng)]


@pytest.fixture(scope="module")
def train():
    return data.load(PLAN["data"], "train").images


def test_a_copier_is_as_good_as_its_images_and_named_a_copier(train, tmp_path):
    found = measure_base(Stored(train), PLAN, tmp_path)
    quality = found["quality"]
    assert found["space"] == "digits-encoder-a"
    assert quality["samples"]["fd"]["low"] < quality["training_images"]["fd"]["high"]
    assert quality["gaussians"]["fd"]["value"] > quality["samples"]["fd"]["value"]
    assert found["memory"]["near"]["low"] > 0.99
    assert found["shares"]["category"]["data"] == [0.1] * 10
    sure = found["confident"]["category"]  # training images, of which the judge has seen none
    assert sure["samples"]["low"] < sure["held_out"]["high"] and sure["samples"]["value"] > 0.8
    assert (tmp_path / "sheet.png").stat().st_size > 1000


def test_held_out_images_and_gaussians_are_no_copies(train):
    held = data.load(PLAN["data"], "heldout").images
    half = np.random.default_rng(0).permutation(len(held))
    found = memorising(held[half[:200]], train, held[half[200:]])
    assert found["near"]["low"] < 0.03 < 0.1 and found["near"]["value"] < 0.06
    assert memorising(Mixture(train).sample(500), train, held)["near"]["value"] < 0.1


def test_the_nearest_image_is_found_whatever_the_batch():
    images = np.random.default_rng(0).integers(0, 256, (300, 1, 4, 4), dtype=np.uint8)
    others = np.random.default_rng(1).integers(0, 256, (40, 1, 4, 4), dtype=np.uint8)
    gaps = images[:, None].astype(float) - others[None]
    assert nearest_distances(images, others) == pytest.approx(np.sqrt((gaps**2).mean((2, 3, 4))).min(1), rel=1e-4)


def test_the_mixture_has_the_images_mean_and_spread(train):
    middling = (64 + train / 2).round().astype(np.uint8)  # nothing that it draws is cut at black or white
    samples = Mixture(middling).sample(1000)
    assert samples.shape == (1000, 1, 8, 8) and samples.dtype == np.uint8
    assert samples.mean(0) == pytest.approx(middling.mean(0), abs=6)
    assert samples.std(0).mean() == pytest.approx(middling.std(0).mean(), rel=0.1)
    assert (Mixture(train, seed=3).sample(10) == Mixture(train, seed=3).sample(10)).all()


def test_the_mixtures_bits_are_those_of_its_density():
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (4000, 1, 4, 4), dtype=np.uint8)
    assert Mixture(noise, bins=16).bits_per_dim(noise).mean() == pytest.approx(4, abs=0.3)  # uniform: log2 of the bins
    spread = rng.normal(128, 20, (4000, 3, 8, 8)).round().clip(0, 255).astype(np.uint8)
    entropy = np.log2(20 * np.sqrt(2 * np.pi * np.e))  # of one level's normal, in bits; most axes are "others" here
    assert Mixture(spread).bits_per_dim(spread).mean() == pytest.approx(entropy, abs=0.05)


def test_held_out_images_follow_an_uneven_training_set():
    counts = [100, 77, 60, 46, 36, 28, 21, 17, 13, 10]
    shares = np.bincount(held_out({"name": "digits", "counts": counts}).labels["category"]) / np.array(counts)
    assert shares == pytest.approx(shares[0], rel=0.3)  # whole images of 34 at most
    assert len(held_out({"name": "digits"})) == len(data.load({"name": "digits"}, "heldout"))


def test_a_sheet_has_samples_left_and_real_images_right():
    black, white = (np.full((64, 3, 8, 8), level, np.uint8) for level in (0, 255))
    picture = np.asarray(Image.open(io.BytesIO(beside(black, white))))
    middle = picture.shape[1] // 2
    assert picture[:, middle + 2 :].min() == 255 and (picture[:, : middle - 2] == 0).mean() > 0.8


def test_bits_per_dimension_have_an_interval(tmp_path):
    plan = weights.card(weights.folder("digits-flow"))["recipe"] | {"encoder": "digits-encoder-a"}
    bits = measure_base(weights.load(weights.folder("digits-flow")), plan, tmp_path)["bits_per_dim"]
    assert bits["train"]["value"] < bits["heldout"]["value"]
    assert all(one["low"] < one["value"] < one["high"] for one in bits.values())
    assert bits["heldout"]["high"] < bits["gaussians_heldout"]["low"] < 5  # a mixture that memorised would be far off
