"""Diffusion models of every scheduler and prediction type: drawn, copied, saved, steered and trained as their own."""

import json
import warnings
from types import SimpleNamespace

import diffusers
import pytest
import torch
from toy import CONFIGS, rng

from retouch.benchmark.generators import family, schedules

IMAGE = torch.randint(0, 256, (1, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))
NO_SAMPLE = ("PNDMScheduler", "EulerAncestralDiscreteScheduler", "KDPM2DiscreteScheduler",
             "KDPM2AncestralDiscreteScheduler")  # diffusers has no prediction_type "sample" for them  # fmt: skip
CASES = [
    {"_class_name": name, "prediction_type": kind}
    for name in schedules.SAMPLERS
    for kind in (schedules.DISCRETE if name not in schedules.FLOWS + schedules.EDMS else ("epsilon", "v_prediction"))
    if not (kind == "sample" and name in NO_SAMPLE) and name not in schedules.FLOWS
]
CASES += [{"_class_name": name} for name in schedules.FLOWS]
CASES += [
    {"_class_name": name, "prediction_type": "flow_prediction", "use_flow_sigmas": True}
    for name in ("DPMSolverMultistepScheduler", "UniPCMultistepScheduler")
]
CASES = [{**case, "num_train_timesteps": 100} if "2" in case["_class_name"] else case for case in CASES]  # slow ones
EACH = list({case["_class_name"]: case for case in reversed(CASES)}.values())  # one case for each scheduler
FORMS = [  # one sampler for each form
    {"_class_name": "DDPMScheduler", "prediction_type": "epsilon"},
    {"_class_name": "DDIMScheduler", "prediction_type": "sample"},
    {"_class_name": "EulerDiscreteScheduler", "prediction_type": "v_prediction"},
    {"_class_name": "FlowMatchEulerDiscreteScheduler"},
    {"_class_name": "EDMEulerScheduler", "prediction_type": "epsilon"},
    {"_class_name": "EDMEulerScheduler", "prediction_type": "v_prediction"},
]


def model(scheduler, steps=4, lr=1e-3, **changes):
    torch.manual_seed(0)
    config = CONFIGS["diffusion"] | {"sampling_steps": steps, "scheduler": scheduler}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return family("diffusion")({**config, **changes}, lr)


def knowing(made, image):
    """The model with a network that knows the image, and so gives the right answer to whatever it is shown."""
    image = image.float() / 127.5 - 1

    def oracle(shown, t):
        t = torch.as_tensor(t, dtype=torch.float32).expand(len(shown))
        if made.form.kind in schedules.DISCRETE:
            low, high = t.floor().long(), t.ceil().long()
            a, after = made.scheduler.alphas_cumprod[low], made.scheduler.alphas_cumprod[high]
            x, a = shown, (a + (after - a) * (t - low)).view(-1, 1, 1, 1)
        else:
            x, a = made.form.level(shown, t.view(-1, 1, 1, 1))
        noise = (x - a.sqrt() * image) / (1 - a).sqrt().clamp(min=1e-4)
        return SimpleNamespace(sample=made.form.target(image, noise, a).expand_as(shown))

    made.unet.forward = oracle
    return made


def name(case):
    return "-".join(str(value) for value in case.values())


@pytest.mark.parametrize("case", EACH, ids=name)
def test_copied_or_steered_by_nothing_it_is_the_same(case):
    made = model(case)
    images = made.sample(3, rng())
    assert torch.equal(images, made.copy().sample(3, rng()))
    assert torch.equal(images, made.sample(3, rng(), lambda x, t, noise: noise))
    z = made.latent(3, rng())
    with torch.no_grad():
        assert torch.equal(images, made.decode(z))
        parts = torch.cat([made.decode(part) for part in z.split(2)])
    away = (images.int() - parts.int()).abs()  # on some processors the last digit depends on the images of a batch
    assert away.max() <= 1 and (away > 0).float().mean() < 0.02


@pytest.mark.parametrize("case", FORMS, ids=name)
def test_saved_and_read_again_it_is_the_same(case, tmp_path):
    made = model(case)
    images = made.sample(3, rng())
    made.save(tmp_path, half=False)
    assert json.loads((tmp_path / "scheduler/scheduler_config.json").read_text())["_class_name"] == case["_class_name"]
    again = family("diffusion")(made.config).restore(tmp_path)
    assert torch.equal(images, again.sample(3, rng()))
    config = {key: value for key, value in made.config.items() if key != "scheduler"}
    assert torch.equal(images, family("diffusion")(config).restore(tmp_path).sample(3, rng()))


@pytest.mark.parametrize("case", CASES, ids=name)
def test_a_network_that_knows_the_image_draws_it(case):
    drawn = knowing(model(case, steps=20), IMAGE).sample(3, rng())
    assert (drawn.int() - IMAGE.int()).abs().float().mean() < 5  # TCD leaves some noise


@pytest.mark.parametrize("case", FORMS, ids=name)
def test_the_loss_is_of_what_the_network_predicts(case):
    """It is nothing for a network that knows the image, whose noise then is what the module says."""
    made = knowing(model(case), IMAGE)
    assert made.loss(IMAGE.repeat(8, 1, 1, 1)) < 1e-3
    noise, t = torch.randn(4, 1, 8, 8, generator=rng(1)), torch.tensor([50, 300, 600, 900])
    x_t = made.scheduler.add_noise((IMAGE.float() / 127.5 - 1).expand(4, -1, -1, -1), noise, t)
    assert torch.allclose(made.module(x_t, t).sample, noise, atol=1e-2)


@pytest.mark.parametrize("case", FORMS, ids=name)
def test_training_lowers_its_own_loss(case):
    made, images = model(case, lr=1e-2), IMAGE.repeat(16, 1, 1, 1)

    def loss():
        with torch.random.fork_rng(), torch.no_grad():
            torch.manual_seed(1)
            return made.loss(images).item()

    before = loss()
    for _ in range(10):
        made.train_step(images)
    assert loss() < 0.9 * before


def test_a_stock_linear_ddpm_is_copied_with_its_schedule():
    """Once a copy had the package's own schedule: its images differed by 28.5 of 255."""
    made = model({"_class_name": "DDPMScheduler", "beta_schedule": "linear"})
    assert torch.equal(made.sample(4, rng()), made.copy().sample(4, rng()))
    assert torch.allclose(made.copy().scheduler.alphas_cumprod, made.sampler.alphas_cumprod, rtol=1e-3)


def test_guidance_sees_and_changes_the_noise_of_every_form():
    """Steered to the noise of another image, a model draws that one."""
    other = 255 - IMAGE
    for case in FORMS:
        made = knowing(model(case, steps=20), IMAGE)
        a, target = made.scheduler.alphas_cumprod, other.float() / 127.5 - 1

        def towards(x, t, noise, a=a, target=target):
            return (x - a[t].sqrt() * target) / (1 - a[t]).sqrt().clamp(min=1e-4)

        assert (made.sample(2, rng(), towards).int() - other.int()).abs().float().mean() < 6, case


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ({"_class_name": "NewScheduler"}, "scheduler _class_name 'NewScheduler' is none of DDIMScheduler"),
        ({"_class_name": "DDPMScheduler", "prediction_type": "score"}, "prediction_type 'score' is none of epsilon"),
        ({"_class_name": "EulerDiscreteScheduler", "timestep_type": "continuous"}, "use EDMEulerScheduler"),
    ],
)
def test_unknown_schedules_are_refused(case, message):
    with pytest.raises(ValueError, match=message):
        model(case)


@pytest.mark.parametrize("kind", ["VQModel", "AutoencoderKL"])
def test_latent_diffusion_works_on_an_autoencoders_latents(kind, tmp_path):
    blocks = {"block_out_channels": [4, 4], "down_block_types": ["DownEncoderBlock2D"] * 2, "norm_num_groups": 2,
              "up_block_types": ["UpDecoderBlock2D"] * 2, "in_channels": 1, "out_channels": 1,
              "latent_channels": 2}  # fmt: skip
    made = model(
        {"_class_name": "DDIMScheduler"}, size=16, sample_size=8, in_channels=2, out_channels=2,
        autoencoder={"_class_name": kind, **blocks},
    )  # fmt: skip
    images = made.sample(3, rng())
    assert images.shape == (3, 1, 16, 16) and made.latent(3, rng()).shape == (3, 2, 8, 8)
    assert torch.equal(images, made.copy().sample(3, rng()))
    made.save(tmp_path, half=False)
    assert torch.equal(images, type(made)(made.config).restore(tmp_path).sample(3, rng()))
    before = [parameter.clone() for parameter in made.autoencoder.parameters()]
    losses = [made.train_step(images) for _ in range(3)]
    assert all(loss > 0 for loss in losses)
    assert all(torch.equal(a, b) for a, b in zip(before, made.autoencoder.parameters(), strict=True))
    theirs = diffusers.LDMPipeline.from_pretrained(tmp_path, local_files_only=True)
    theirs.set_progress_bar_config(disable=True)
    drawn = theirs(3, generator=rng(), num_inference_steps=4, output_type="np").images
    ours = type(made)(made.config).restore(tmp_path).sample(3, rng()).permute(0, 2, 3, 1).numpy()
    assert abs(drawn * 255 - ours).max() < 1
