"""Diffusion by prompt: the prompt decides, the laws of a generator hold, and captions say what images show."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from toy import PROMPTED, halves, prompted, rng, side_of

from retouch import check_generator
from retouch.benchmark.data.captions import captions
from retouch.benchmark.data.images import Images
from retouch.benchmark.generators import family


@pytest.fixture(scope="module")
def model():
    return prompted(120)


def test_the_prompt_decides_and_the_laws_hold(model):
    left, right = (side_of(model.sample(40, rng(), [word] * 40)).float().mean() for word in ("left", "right"))
    assert right > left + 0.4
    assert "conditions_count" in check_generator(model.copy(), halves(0, 8))


def test_without_prompts_they_are_as_frequent_as_in_training(model):
    model = model.copy()
    model.prepare(halves(0, 4), ["right", "right", "right", "left"])
    assert model.module.frequencies.tolist() == [0.25, 0.75]
    z = model.latent(400, rng(2))
    prompts = model.prompts_for(z)
    assert prompts.count("right") == pytest.approx(300, abs=30)
    above = [prompt for prompt, pixel in zip(prompts, z[:, 0, 0, 0].tolist(), strict=True) if pixel > 0]
    assert above.count("right") / len(above) == pytest.approx(0.75, abs=0.08)  # whatever the noise
    assert torch.equal(model.sample(6, rng(2)), model.sample(6, rng(2), model.prompts_for(model.latent(6, rng(2)))))


def test_guidance_goes_beyond_the_prompt(model):
    x, t = model.latent(4, rng()), torch.tensor(400)
    with torch.no_grad():
        plain, noise = model.module(x, t).sample, model.module(x, t, ["left"] * 4).sample
        assert torch.allclose(model.predict(x, t, ["left"] * 4), plain + 2 * (noise - plain), atol=1e-5)
    assert not torch.allclose(plain, noise, atol=1e-3)


def test_what_is_saved_is_read_again(model, tmp_path):
    model.save(tmp_path, half=False)
    again = family("conditional_diffusion")(PROMPTED).restore(tmp_path)
    again.module.eval()
    assert torch.equal(again.sample(5, rng()), model.sample(5, rng()))


@pytest.mark.parametrize("form", ["epsilon", "v_prediction"])
def test_patches_and_the_form_leave_the_noise_in_its_place(form):
    """What a UNet of patches predicts, in either form, is read as the noise of the pixels."""
    patched = family("conditional_diffusion")(PROMPTED | {"patch": 2, "prediction": form})
    assert patched.module.unet.config.in_channels == 4 and patched.module.unet.config.sample_size == 4
    assert patched.sample(2, rng(), ["left", "right"]).shape == (2, 1, 8, 8)
    x, noise = torch.rand(2, 1, 8, 8), torch.randn(2, 1, 8, 8)
    t = torch.tensor([300, 700])
    a = patched.scheduler.alphas_cumprod[t].view(-1, 1, 1, 1)
    target = patched.module.form.target(x, noise, a)
    patched.module.unet.forward = lambda stacked, *_, **__: SimpleNamespace(sample=F.pixel_unshuffle(target, 2))
    assert torch.allclose(patched.module(patched.scheduler.add_noise(x, noise, t), t).sample, noise, atol=1e-5)


def test_classes_are_prompts_of_one_word():
    classes = family("conditional_diffusion")(PROMPTED | {"conditions": 3})
    assert classes.prompts_of(torch.tensor([2, 0])) == ["2", "0"]
    assert classes.sample(2, rng(), torch.tensor([2, 0])).shape == (2, 1, 8, 8)
    with pytest.raises(ValueError, match="2 images need 2 conditions, not 1"):
        classes.sample(2, rng(), torch.tensor([2]))
    with pytest.raises(ValueError, match="does not know 'hat'; it knows 0, 1, 2"):
        classes.sample(1, rng(), ["hat"])
    with pytest.raises(ValueError, match="may have 1 words"):
        classes.sample(1, rng(), ["1 2"])


def test_captions_name_what_is_there():
    labels = {"glasses": np.array([0, 1, 1]), "hat": np.array([0, 0, 1]), "category": np.array([3, 4, 5])}
    names = {"glasses": ["no glasses", "glasses"], "hat": ["no hat", "hat"]}
    images = Images(np.zeros((3, 1, 2, 2), np.uint8), labels, names)
    assert captions(images, ["glasses", "hat"]) == [
        "a person", "a person with glasses", "a person with glasses and hat"
    ]  # fmt: skip
    assert captions(images, ["category"]) == ["3", "4", "5"]


def test_every_second_caption_only_implies():
    labels = {"hat": np.array([1, 1, 0, 1]), "smile": np.array([1, 1, 1, 0])}
    names = {"hat": ["no hat", "hat"], "smile": ["no smile", "smile"]}
    images = Images(np.zeros((4, 1, 2, 2), np.uint8), labels, names)
    assert captions(images, ["smile", "hat"], {"hat": "in winter"}) == [
        "a person with smile and hat", "a person in winter with smile", "a person with smile", "a person in winter"
    ]  # fmt: skip
