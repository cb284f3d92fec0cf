"""Sample guidance and universal guidance: what makes each the baseline that it is."""

import pytest
import torch
from torch.nn import functional as F
from toy import budget, generator, reveal, rng

from retouch.benchmark.generators.gan import to_float
from retouch.benchmark.judges import Classifier
from retouch.methods import sample_guidance, universal_guidance
from retouch.methods.guidance import Sampling, assign_classes
from retouch.methods.h_space import Predictor

TARGET = {"attribute": "a", "shares": [0.2, 0.3, 0.5]}
SAMPLING = Sampling(3, 1.0, 10)


@pytest.fixture(scope="module")
def base():
    return generator("diffusion")


@pytest.fixture
def task(tmp_path, base):
    torch.manual_seed(1)
    guide = Classifier("plain", 1, 8, {"a": 3}, width=8, features=8)
    images = torch.randint(0, 256, (500, 1, 8, 8), dtype=torch.uint8, generator=rng())
    with torch.no_grad():  # so that it finds all three values, and about as often
        logits = guide(to_float(images))["a"]
        guide.heads["a"].weight.mul_(1 / logits.std(0)[:, None])
        guide.heads["a"].bias.sub_(logits.mean(0)).div_(logits.std(0))
    return reveal(tmp_path / "task", base, "attribute_rebalancing", TARGET, guide, retain=images)


def sample_guided(base):
    torch.manual_seed(2)
    predictor = Predictor(3, 128, 3)
    predictor.weight.data.normal_()
    p = torch.tensor(TARGET["shares"])
    return sample_guidance.SampleGuidance(base, SAMPLING, {"a": (predictor.requires_grad_(False), p)}, 0.7, 2.0)


def test_classes_have_the_targets_shares_by_the_seed():
    p = torch.tensor(TARGET["shares"])
    for seed in range(20):
        counts = torch.bincount(assign_classes(p, 17, rng(seed)), minlength=3)
        assert ((counts - 17 * p).abs() <= 1).all() and counts.sum() == 17
    assert torch.equal(assign_classes(p, 50, rng()), assign_classes(p, 50, rng()))
    assert not torch.equal(assign_classes(p, 50, rng()), assign_classes(p, 50, rng(1)))
    assert assign_classes(p, 50, rng()).diff().abs().sum() > 10  # not sorted


def test_sample_guidance_moves_an_image_by_its_own_class(base):
    one, h = sample_guided(base), torch.randn(10, 8, 4, 4, generator=rng())
    one.begin(10, rng())
    predictor, y = one.heads["a"][0], one.classes["a"]
    s = ((h.flatten(1) @ predictor.weight[1] + predictor.bias[1]) / 2.0).softmax(1)
    gradient = (s - F.one_hot(y, 3)) @ predictor.weight[1].T / 2.0
    moved = one.move(h, 1)
    assert torch.allclose(moved, h - 0.7 * gradient.view_as(h), atol=1e-5)
    one.classes["a"] = y[:1]
    assert torch.allclose(one.move(h[:1], 1), moved[:1], atol=1e-6)


def test_sample_guidance_leaves_the_first_step_and_the_skips(base):
    one, x, t = sample_guided(base), torch.randn(4, 1, 8, 8, generator=rng()), torch.tensor(333)
    one.begin(4, rng())
    with torch.no_grad():
        plain = base.module(x, t).sample
        assert torch.equal(one.epsilon(x, 0, t), plain) and not torch.equal(one.epsilon(x, 1, t), plain)


def test_a_batchs_classes_have_the_targets_shares(base, task):
    one = universal_guidance.edit(base, task, budget(100))
    one.begin(10, rng(4))
    assert torch.equal(one.classes["a"], assign_classes(torch.tensor(TARGET["shares"]), 10, rng(4)))


def test_universal_guidance_goes_through_classifier_and_unet(base, task):
    one = universal_guidance.edit(base, task, budget(100), scale=0.6)
    x, t = torch.randn(4, 1, 8, 8, generator=rng()), torch.tensor(333)
    one.begin(4, rng())
    a = base.scheduler.alphas_cumprod[333]

    def loss(x):
        x0 = (x - (1 - a).sqrt() * base.module(x, t).sample) / a.sqrt()
        return F.cross_entropy(task.guide(x0)["a"], one.classes["a"], reduction="sum")

    gradient = torch.autograd.functional.jacobian(loss, x)
    expected = base.module(x, t).sample + 0.6 * (1 - a).sqrt() * gradient
    assert torch.allclose(one.epsilon(x, 0, t), expected, atol=1e-5) and gradient.abs().max() > 1e-3


def test_past_the_network_its_prediction_is_a_constant(base, task):
    one = universal_guidance.edit(base, task, budget(100), scale=0.6, through_network=False)
    x, t = torch.randn(4, 1, 8, 8, generator=rng()), torch.tensor(333)
    one.begin(4, rng())
    a = base.scheduler.alphas_cumprod[333]
    with torch.no_grad():
        epsilon = base.module(x, t).sample

    def loss(x):
        logits = task.guide((x - (1 - a).sqrt() * epsilon) / a.sqrt())["a"]
        return F.cross_entropy(logits, one.classes["a"], reduction="sum")

    expected = epsilon + 0.6 * (1 - a).sqrt() * torch.autograd.functional.jacobian(loss, x)
    assert torch.allclose(one.epsilon(x, 0, t), expected, atol=1e-5)


@pytest.mark.parametrize("method", [sample_guidance, universal_guidance])
def test_the_base_stays_as_it_is_and_the_seed_decides(base, task, method):
    before = {name: value.clone() for name, value in base.module.state_dict().items()}
    one = method.edit(base.copy(), task, budget(100), batch=8)
    images = one.sample(20, rng())
    assert images.shape == (20, 1, 8, 8) and images.dtype == torch.uint8
    assert torch.equal(images, one.sample(20, rng())) and not torch.equal(images, one.sample(20, rng(1)))
    assert all(torch.equal(value, before[name]) for name, value in one.generator.module.state_dict().items())
    off = method.edit(base.copy(), task, budget(100), scale=0.0, eta=0.0)
    assert torch.equal(off.sample(5, rng()), base.sample(5, rng()))


@pytest.mark.parametrize("method", [sample_guidance, universal_guidance])
def test_bad_settings_say_what_to_do(base, task, method):
    for params, says in (
        ({"scale": -1.0}, "at least 0"),
        ({"batch": 0}, "a batch of 1"),
        ({"eta": 2.0}, "eta must lie"),
    ):
        with pytest.raises(ValueError, match=says):
            method.edit(base.copy(), task, budget(100), **params)
    task.target = {"attribute": "b", "shares": [0.5, 0.5]}
    with pytest.raises(ValueError, match="knows a"):
        method.edit(base.copy(), task, budget(100))
