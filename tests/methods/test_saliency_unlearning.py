"""saliency_unlearning: only the salient weights are trained, to read other images out of the noised forget images."""

import pytest
import torch
from toy import budget, generator, halves, prompted, redaction, right, rng, train

from retouch.benchmark.generators.gan import to_float
from retouch.methods import saliency_unlearning as method


@pytest.fixture(scope="module")
def base():
    return train(generator("diffusion", 3e-3), torch.cat([halves(0, 200), halves(1, 200)]), 120)


@pytest.fixture
def task(tmp_path):
    return redaction(tmp_path / "task", retain=halves(0, 200), forget=halves(1, 60))


def forget(task):
    return (task.forget, []), task.rng


def flat(parts):
    return torch.cat([part.detach().flatten() for part in parts])


def test_the_mask_is_where_the_forget_losss_gradient_is_largest(base, task):
    model = base.copy()
    torch.manual_seed(1)
    mask = flat(method.saliency(model, *forget(task), budget(1), 0.7))
    task.rng.manual_seed(0)
    torch.manual_seed(1)
    model.module.zero_grad()
    for _ in range(method.PASSES):
        model.loss(task.forget[torch.randint(60, (method.BATCH,), generator=task.rng)]).backward()
    size = flat([p.grad for p in model.module.parameters()]).abs()
    assert mask.mean().item() == pytest.approx(0.3, abs=0.01)
    assert size[mask == 1].min() >= size[mask == 0].max()


def test_only_salient_weights_change(base, task):
    torch.manual_seed(1)
    mask = flat(method.saliency(base.copy(), *forget(task), budget(1), 0.5))
    task.rng.manual_seed(0)
    torch.manual_seed(1)
    edited = method.edit(base.copy(), task, budget(12), sparsity=0.5)
    changed = flat(edited.module.parameters()) != flat(base.module.parameters())
    assert not changed[mask == 0].any() and changed[mask == 1].float().mean() > 0.95


def test_what_was_trained_before_leaves_no_trace_in_the_mask(base, task):
    masks = []
    model = base.copy()
    for _ in range(2):
        task.rng.manual_seed(0)
        torch.manual_seed(1)
        masks.append(flat(method.saliency(model, *forget(task), budget(1), 0.5)))
        for parameter in model.module.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=rng(7))
    assert torch.equal(*masks)


def test_a_step_is_a_tenth_of_the_pre_trainings(base, task):
    """Adam's first step has one size for all weights."""
    spent = budget(10)
    edited = method.edit(base.copy(), task, spent, share=0.3)
    assert spent.gradient_steps == method.PASSES + 3
    once = method.edit(base.copy(), task, budget(1), lr=0.2)
    moved = (flat(once.module.parameters()) - flat(base.module.parameters())).abs().max().item()
    assert moved == pytest.approx(0.2 * base.lr, rel=0.01)
    assert not torch.equal(flat(edited.module.parameters()), flat(once.module.parameters()))


def test_a_noised_forget_image_is_answered_by_another(base, task):
    x, other = task.forget[:8], task.retain[:8]
    ours = method.image_loss(base, x, other, rng(2)).item()
    draws = rng(2)
    t = torch.randint(1000, (8,), generator=draws)
    noise = torch.randn(8, 1, 8, 8, generator=draws)
    x_t = base.scheduler.add_noise(to_float(x), noise, t)
    a = base.scheduler.alphas_cumprod[t][:, None, None, None]
    epsilon = base.module(x_t, t).sample
    read = (x_t - (1 - a).sqrt() * epsilon) / a.sqrt()  # the image that the model reads out of x_t
    in_images = (read - to_float(other)) ** 2
    in_noise = in_images * a / (1 - a)
    assert ours == pytest.approx(torch.where(a < 0.5, in_noise, in_images).mean().item(), rel=1e-3)


def test_forget_images_are_read_as_others_and_these_as_before(base, task):
    torch.manual_seed(0)
    edited = method.edit(base.copy(), task, budget(100), share=1.0, lr=1.0)
    before, after = (
        method.image_loss(one, task.forget[:32], task.retain[:32], rng(2)).item() for one in (base, edited)
    )
    assert after < 0.8 * before

    def loss(one, images):
        torch.manual_seed(5)
        return torch.stack([one.loss(images[:60]) for _ in range(8)]).mean().item()

    worse = [loss(edited, images) - loss(base, images) for images in (task.forget, task.retain)]
    assert worse[0] > 0.02 and worse[0] > 4 * worse[1]


def test_alpha_weighs_the_retained(base, task):
    def retained(alpha):
        task.rng.manual_seed(0)
        torch.manual_seed(0)
        edited = method.edit(base.copy(), task, budget(40), share=1.0, alpha=alpha, lr=1.0)
        torch.manual_seed(5)
        return torch.stack([edited.loss(task.retain[:60]) for _ in range(8)]).mean().item()

    assert retained(0.0) > 1.1 * retained(3.0)


def test_bad_settings_say_what_to_do(base, task):
    for params, says in (
        ({"sparsity": 1.0}, "sparsity must lie in"),
        ({"share": 0.0}, "share in"),
        ({"alpha": -1.0}, "alpha must be at least 0"),
        ({"lr": 0.0}, "lr positive"),
    ):
        with pytest.raises(ValueError, match=says):
            method.edit(base.copy(), task, budget(4), **params)
    with pytest.raises(ValueError, match="needs a diffusion generator, not a Gan"):
        method.edit(generator(), task, budget(4))
    task.forget = task.forget[:0]
    with pytest.raises(ValueError, match="0 images to forget"):
        method.edit(base.copy(), task, budget(4))


def test_by_prompt_the_named_prompt_predicts_what_another_does(tmp_path):
    target = {"attribute": "category", "values": [1], "concept": "right"}
    base, task = prompted(120), redaction(tmp_path / "task", target=target)
    (_, named), (_, others) = method.own_pairs(base, "right", rng())
    assert set(named) == {"right"} and set(others) == {"left", ""}
    x = (halves(1, 6), ["right"] * 6)
    loss = method.prompt_loss(base, x, "right", rng(4))
    x_t, t, a = method.noised(base, x[0], rng(4))
    assert torch.equal(a.flatten(), base.scheduler.alphas_cumprod[t])
    gap = base.module(x_t, t, ["left"] * 6).sample - base.module(x_t, t, ["right"] * 6).sample
    assert loss.item() == pytest.approx(gap.square().mean().item(), rel=1e-4)
    torch.manual_seed(0)
    edited = method.edit(base.copy(), task, budget(100), alpha=0.1, lr=1.0, share=1.0)
    assert right(base, "right") > 0.7 and right(edited, "right") < 0.4 * right(base, "right")
    assert right(edited, "left") < 0.3
