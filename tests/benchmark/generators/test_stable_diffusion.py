"""Stable Diffusion's folders: the images of diffusers' own pipeline, all laws, and training in what is predicted."""

import own_files
import pytest
import torch
import toy_runs
from diffusers import UNet2DConditionModel
from toy import rng

from retouch import check_generator
from retouch.benchmark import weights
from retouch.benchmark.cli.main import main
from retouch.benchmark.generators import folder as folders
from retouch.benchmark.support.files import write_json

pytest.importorskip("transformers")
pytestmark = pytest.mark.filterwarnings("ignore")
SAMPLERS = {
    "DDIM": {"_class_name": "DDIMScheduler", "clip_sample": False},
    "PNDM": {"_class_name": "PNDMScheduler", "skip_prk_steps": True},
    "v": {"_class_name": "EulerDiscreteScheduler", "prediction_type": "v_prediction"},
    "turbo": {"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "trailing"},
}


def base(folder, sampler="DDIM", **config):
    """A small folder of random weights with its card, loaded."""
    own_files.write_stable_diffusion(folder, SAMPLERS[sampler])
    card = folders.described(folder, 3)
    card["config"] |= {"prompts": ["left", "right"], "guidance_scale": 3.0} | config
    write_json(folder / "card.json", {**card, "recipe": {"lr": 1e-3}, "sha256": weights.sha256(folder)})
    return weights.load(folder)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_images_are_those_of_diffusers_pipeline(sampler, tmp_path):
    from diffusers import StableDiffusionPipeline

    steps, scale = (1, 1.0) if sampler == "turbo" else (4, 3.0)
    generator = base(tmp_path, sampler, sampling_steps=steps, guidance_scale=scale)
    pipeline = StableDiffusionPipeline.from_pretrained(tmp_path)
    pipeline.set_progress_bar_config(disable=True)
    z, prompts = generator.latent(2, rng()), ["left", "right"]
    theirs = pipeline(prompts, latents=z, num_inference_steps=steps, guidance_scale=scale, output_type="pt").images
    ours = generator.sample(2, rng(), prompts)
    assert (255 * theirs - ours).abs().max() <= 0.51
    assert ours.float().std() > 10  # they show something


def test_all_laws_hold(tmp_path):
    kept = check_generator(base(tmp_path))
    assert {"conditions_count", "what_is_saved_comes_back"} <= set(kept)


@pytest.mark.parametrize("sampler", [pytest.param("DDIM", marks=pytest.mark.slow), "v"])
def test_further_training_lowers_its_own_loss(sampler, tmp_path):
    generator = base(tmp_path, sampler)
    images = torch.randint(0, 256, (8, 3, 16, 16), dtype=torch.uint8, generator=rng(1))

    def loss():
        torch.manual_seed(0)
        with torch.no_grad():
            return sum(generator.loss(images, ["left", "right"] * 4).item() for _ in range(20))

    before = loss()
    for _ in range(30):
        generator.train_step(images, ["left", "right"] * 4)
    assert loss() < before


def test_the_noise_that_methods_see_is_the_noise(tmp_path):
    generator = base(tmp_path, "v")
    x, t = generator.latent(2, rng()), torch.tensor([300, 700])
    a = generator.scheduler.alphas_cumprod[t].view(-1, 1, 1, 1)
    v = generator.module.predict(x, t, ["left"] * 2)
    assert torch.allclose(generator.module(x, t, ["left"] * 2).sample, a.sqrt() * v + (1 - a).sqrt() * x, atol=1e-5)


def test_a_concept_is_erased_from_a_folder_on_the_command_line(tmp_path):
    own_files.write_stable_diffusion(tmp_path / "sd", SAMPLERS["DDIM"])
    method = toy_runs.write(tmp_path, "esd", entry="retouch.methods.concept_erasing:edit", access=[],
                            family="conditional_diffusion", more="[params]\nbatch = 2\n")  # fmt: skip
    words = [str(method), "--base", str(tmp_path / "sd"), "--target", '{"concept": "left"}', "--steps", "2"]
    assert main(["apply", *words, "--out", str(tmp_path / "out")]) == 0
    before, after = (UNet2DConditionModel.from_pretrained(tmp_path / name / "unet") for name in ("sd", "out"))
    moved = {key for key, value in after.state_dict().items() if not torch.equal(value, before.state_dict()[key])}
    assert moved and all("attn2" in key for key in moved)
    assert weights.load(tmp_path / "out").sample(2, rng(), ["right"] * 2).shape == (2, 3, 16, 16)


def test_two_text_encoders_are_refused(tmp_path):
    own_files.write_stable_diffusion(tmp_path, SAMPLERS["DDIM"])
    (tmp_path / "text_encoder_2").mkdir()
    with pytest.raises(ValueError, match="text_encoder_2: a model with two text encoders is not read"):
        folders.described(tmp_path, 3)
