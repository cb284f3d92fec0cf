"""feature_unlearning: G learns what G0 makes of latents whose target is erased, and keeps the rest. No data."""

import pytest
import torch
from toy import RIGHT, budget, guided, rng, side_and_tone_guide, side_of, trained_gan

from retouch.benchmark.task import Guide, NotRevealed
from retouch.methods import feature_unlearning as method
from retouch.methods.boundaries import decode


@pytest.fixture(scope="module")
def base():
    return trained_gan()


@pytest.fixture(scope="module")
def guide():
    return Guide(side_and_tone_guide())


@pytest.fixture
def task(tmp_path, guide):
    """It reveals a guide and no image."""
    return guided(tmp_path / "task", guide, RIGHT)


def test_only_latents_above_the_threshold_move_along_the_vector():
    z_e = torch.nn.functional.normalize(torch.randn(8, generator=rng()), dim=0)
    z = torch.randn(40, 8, generator=rng(1))
    erased, has = method.erase(z, z_e, 0.2, 1.0)
    assert torch.equal(has, z @ z_e > 0.2) and has.any() and not has.all()
    assert torch.equal(erased[~has], z[~has])
    assert torch.allclose(erased[has] @ z_e, torch.full((int(has.sum()),), 0.2), atol=1e-5)
    across = lambda x: x - (x @ z_e)[:, None] * z_e  # noqa: E731
    assert torch.allclose(across(erased), across(z), atol=1e-5)
    mirrored, _ = method.erase(z, z_e, 0.2, 2.0)
    assert torch.allclose(mirrored[has] @ z_e, 0.4 - z[has] @ z_e, atol=1e-5)


def test_the_vector_is_a_difference_of_means_and_t_a_quantile(base, task, guide):
    z_e, t = method.target_vector(base, task, 0.8)
    assert z_e.norm().item() == pytest.approx(1.0, abs=1e-5)
    z = base.latent(2000, rng(9))
    right = guide.probs(decode(base, z), "side").argmax(1) == 1
    expected = z[right].mean(0) - z[~right].mean(0)
    assert torch.nn.functional.cosine_similarity(z_e, expected, dim=0) > 0.9
    assert (z[right] @ z_e > t).float().mean().item() == pytest.approx(0.8, abs=0.08)


def test_the_loss_weighs_the_erased_and_adds_the_likeness():
    y, x = torch.zeros(2, 1, 8, 8), torch.zeros(2, 1, 8, 8)
    x[0], x[1] = 0.5, 0.25
    has = torch.tensor([True, False])
    assert method.unlearn_loss(y, x, has, 3.0, 0.0).item() == pytest.approx((3 * 0.5 + 0.25) / 2)
    gap = method.unlearn_loss(y, x, has, 3.0, 2.0) - method.unlearn_loss(y, x, has, 3.0, 0.0)
    assert gap.item() == pytest.approx(2 * (1 - method.ssim(y, x).item()), rel=1e-4)
    images = torch.rand(3, 3, 16, 16, generator=rng())
    assert method.ssim(images, images).item() == pytest.approx(1.0, abs=1e-4)
    assert method.ssim(images, images.flip(0)) < 0.5


def test_g_learns_erased_images_and_keeps_the_others(base, task):
    edited = method.edit(base.copy(), task, budget(300), strength=2.0, share=1.0)
    task.rng.manual_seed(0)
    z_e, t = method.target_vector(base, task, 0.9)
    z = base.latent(400, rng(4))
    erased, has = method.erase(z, z_e, t, 2.0)
    new, old, aim = (decode(one, at).float() for one, at in ((edited, z), (base, z), (base, erased)))
    gap = lambda a, b: (a - b).abs().mean().item()  # noqa: E731
    assert gap(new[has], aim[has]) < 0.5 * gap(old[has], aim[has])
    assert gap(new[~has], old[~has]) < 0.5 * gap(new[has], old[has])
    shares = [side_of(one.sample(1000, rng(2))).float().mean().item() for one in (edited, base)]
    assert shares[0] < 0.4 * shares[1]


def test_no_image_is_needed_and_the_batch_statistics_stay(base, task):
    with pytest.raises(NotRevealed):
        _ = task.retain
    edited = method.edit(base.copy(), task, budget(4))
    for (name, now), before in zip(edited.module.named_buffers(), base.module.buffers(), strict=True):
        assert torch.equal(now, before), name
    assert any(not torch.equal(a, b) for a, b in zip(edited.module.parameters(), base.module.parameters(), strict=True))


def test_bad_settings_and_targets_say_what_to_do(base, task):
    for params, says in (
        ({"strength": 0.0}, "strength must be positive"),
        ({"alpha": -1.0}, "alpha must be positive"),
        ({"lr": 0.0}, "lr must be positive"),
        ({"beta": -1.0}, "beta must be at least 0"),
        ({"recall": 1.0}, "recall in"),
        ({"share": 0.0}, "share in"),
    ):
        with pytest.raises(ValueError, match=says):
            method.edit(base.copy(), task, budget(4), **params)
    for target, says in (
        ({"attribute": "hat", "values": [1]}, "does not know 'hat'"),
        ({"attribute": "side", "values": []}, "must name values of side from 0 to 1"),
        ({"attribute": "side", "values": [2]}, "must name values"),
        ({"attribute": "side", "values": [0, 1]}, "no direction"),
    ):
        task.target = target
        with pytest.raises(ValueError, match=says):
            method.edit(base.copy(), task, budget(4))
