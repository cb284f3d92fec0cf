"""Laws that every generator keeps, on toy ones with random weights."""

import math

import pytest
import torch
import toy
from diffusers import DDIMPipeline
from torch.nn import functional as F
from toy import CONFIGS, DESIGNS, rng

from retouch.benchmark import weights
from retouch.benchmark.generators import family

IMAGES = torch.randint(0, 256, (8, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))


@pytest.fixture(params=DESIGNS)
def generator(request):
    made = toy.generator(request.param)
    made.prepare(IMAGES)
    for _ in range(3):
        made.train_step(IMAGES)
    return made


def test_samples_are_images_and_the_seed_decides_them(generator):
    images = generator.sample(5, rng())
    assert images.dtype == torch.uint8 and images.shape == (5, 1, 8, 8) and images.device.type == "cpu"
    assert torch.equal(images, generator.sample(5, rng()))
    assert not torch.equal(images, generator.sample(5, rng(1)))


def test_batch_size_does_not_change_samples(generator, monkeypatch):
    whole = generator.sample(9, rng())
    monkeypatch.setattr("retouch.benchmark.generators.base.BATCH", 2)
    monkeypatch.setattr("retouch.benchmark.generators.diffusion.BATCH", 2)
    assert (whole.int() - generator.sample(9, rng()).int()).abs().max() <= 1  # a rounding may fall to the other side


def test_a_longer_draw_begins_with_the_shorter_one(generator):
    """A filter that draws several times as many images hands out the base's own: that is how it is known as one."""
    gap = generator.sample(20, rng())[:4].int() - generator.sample(9, rng())[:4].int()  # the last 16 numbers differ
    assert gap.abs().max() <= 1


def test_save_and_restore_give_the_same_images(generator, tmp_path):
    generator.save(tmp_path, half=False)
    again = type(generator)(generator.config).restore(tmp_path)
    assert torch.equal(generator.sample(4, rng()), again.sample(4, rng()))


def test_copy_is_independent(generator):
    before = generator.sample(4, rng())
    twin = generator.copy()
    for _ in range(5):
        twin.train_step(IMAGES)
    assert torch.equal(before, generator.sample(4, rng()))
    assert not torch.equal(before, twin.sample(4, rng()))


def test_a_train_step_reaches_every_parameter(generator):
    twin = generator.copy()
    twin.train_step(IMAGES)
    idle = [name for name, value in twin.module.named_parameters() if value.grad is None or not value.grad.abs().sum()]
    # idle by construction: a bias before a norm, the key's bias in attention, the last prior, which looks at nothing
    assert all("bias" in name or "to_" in name or name == "priors.1.net.weight" for name in idle), idle


@pytest.mark.parametrize("affine", [False, True])
def test_flow_inverts_and_its_log_det_is_exact(affine):
    torch.manual_seed(0)
    flow = family("flow")({**CONFIGS["flow"], "affine": affine})
    for _ in range(5):
        flow.train_step(IMAGES)
    glow = flow.module.eval().double()
    x = torch.rand(2, 1, 8, 8, dtype=torch.float64)
    z, log_p = glow(x)
    assert torch.allclose(glow.inverse(z), x, atol=1e-8)
    for i in range(2):
        jacobian = torch.autograd.functional.jacobian(lambda one: glow(one[None])[0][0], x[i]).reshape(64, 64)
        exact = -0.5 * (z[i] ** 2).sum() - 32 * math.log(2 * math.pi) + torch.linalg.slogdet(jacobian).logabsdet
        assert torch.allclose(log_p[i], exact, atol=1e-6)


def test_flow_log_prob_sums_to_one_over_all_images():
    """1x2x2 images of one bit: the sixteen probabilities of a flow, noise averaged out, are at most all there is."""
    torch.manual_seed(0)
    flow = family("flow")({"channels": 1, "size": 2, "bits": 1, "levels": 1, "steps": 2, "hidden": 4})
    every = torch.tensor([[int(bit) * 255 for bit in f"{i:04b}"] for i in range(16)], dtype=torch.uint8)
    every = every.view(16, 1, 2, 2)
    for _ in range(200):
        flow.train_step(every)
    flow.module.eval()
    draws = flow.log_prob(every.repeat(2000, 1, 1, 1), rng()).exp().view(2000, 16)
    total = draws.mean(0).sum().item()  # the integral of the density over [0, 1)^4
    assert 0.5 < total < 1.05
    inside = (flow.module.inverse(flow.latent(20_000, rng())) - 0.5).abs().amax((1, 2, 3)) < 0.5
    assert total == pytest.approx(inside.float().mean().item(), abs=0.03)  # what of its mass lies there


def test_diffusion_h_space_and_guidance():
    torch.manual_seed(0)
    model = family("diffusion")(CONFIGS["diffusion"])
    assert model.h_space(torch.randn(2, 1, 8, 8), 10).shape == (2, 8, 4, 4)
    calls = []

    def guidance(x, t, noise):
        calls.append(int(t))
        return noise

    guided = model.sample(2, rng(), guidance)
    assert torch.equal(guided, model.sample(2, rng())) and len(calls) == 3


def test_diffusers_own_pipeline_draws_the_same():
    base = weights.load(folder := weights.folder("digits-diffusion"))
    pipeline = DDIMPipeline.from_pretrained(folder, local_files_only=True, use_safetensors=True)
    pipeline.set_progress_bar_config(disable=True)
    theirs = pipeline(8, generator=rng(), num_inference_steps=base.sampling_steps, output_type="np").images
    ours = base.sample(8, rng()).permute(0, 2, 3, 1).numpy()
    assert abs(theirs * 255 - ours).max() < 1


def test_a_patched_diffusion_stacks_pixels_for_the_unet(tmp_path):
    model = toy.generator("patched diffusion")
    model.save(tmp_path, half=False)
    pipeline = DDIMPipeline.from_pretrained(tmp_path, local_files_only=True, use_safetensors=True)
    pipeline.set_progress_bar_config(disable=True)
    torch.manual_seed(1)
    x = torch.randn(2, 1, 8, 8)
    theirs = pipeline.unet(F.pixel_unshuffle(x, 2), 10).sample
    assert theirs.shape == (2, 4, 4, 4) and torch.allclose(model.module(x, 10).sample, F.pixel_shuffle(theirs, 2))
    assert model.h_space(x, 10).shape == (2, 8, 2, 2)


def test_unknown_family_is_named():
    with pytest.raises(ValueError, match="flow, gan, diffusion"):
        family("vae")
