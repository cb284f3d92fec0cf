"""The h-space of a diffusion model: what is collected of it, and the predictors of attributes from it."""

from types import SimpleNamespace

import pytest
import torch
from toy import budget, rng
from toy_bars import EVEN, images

from retouch.benchmark.generators.gan import to_float
from retouch.methods import h_space
from retouch.methods.distribution_guidance import edit
from retouch.methods.guidance import Sampling
from retouch.methods.h_space import collect, draw, fit


def test_inversion_is_the_sampler_backwards(base):
    bars = images(6)[0]
    x, alphas = to_float(bars), base.scheduler.alphas_cumprod
    path = []
    with torch.no_grad():
        for t, following in ((0, 250), (250, 500), (500, 750), (750, 750)):
            path.append(base.h_space(x, t).flatten(1))
            epsilon = base.module(x, t).sample
            x0 = (x - (1 - alphas[t]).sqrt() * epsilon) / alphas[t].sqrt()
            x = alphas[following].sqrt() * x0 + (1 - alphas[following]).sqrt() * epsilon
    assert torch.allclose(collect(base, bars, 4, None), torch.stack(path[::-1]), atol=1e-4)


def test_noised_images_have_the_samplers_noise_levels(base):
    bars, draws, alphas = images(6)[0], rng(4), base.scheduler.alphas_cumprod
    x, path = to_float(bars), []
    for t in (0, 250, 500, 750):
        z = torch.randn(x.shape, generator=draws)
        with torch.no_grad():
            path.append(base.h_space(alphas[t].sqrt() * x + (1 - alphas[t]).sqrt() * z, t).flatten(1))
    assert torch.allclose(collect(base, bars, 4, rng(4)), torch.stack(path[::-1]), atol=1e-4)


def test_the_fit_finds_what_differs_from_step_to_step(task):
    """Step 0 holds no information, step 1 shows the class in the first value of h, step 2 in the second."""
    labels = torch.arange(400) % 2
    h = torch.randn(3, 400, 8, generator=rng())
    h[1, :, 0] += 5.0 * (2 * labels - 1)
    h[2, :, 1] -= 5.0 * (2 * labels - 1)
    found = fit(h, labels, 2, task({}), budget(60))
    assert found.accuracy[0] < 0.7 and min(found.accuracy[1:]) > 0.95
    slope = found.weight[..., 1] - found.weight[..., 0]
    assert slope[1, 0] > 0 > slope[2, 1]
    assert slope[1].abs().argmax() == 0 and slope[2].abs().argmax() == 1


def test_accuracy_is_of_images_that_were_not_fitted(task):
    """Random labels can be learnt by heart, and say nothing about others."""
    found = fit(
        torch.randn(2, 200, 400, generator=rng()), torch.randint(0, 2, (200,), generator=rng()), 2, task({}), budget(60)
    )
    assert max(found.accuracy) < 0.75


def test_classes_are_drawn_alike_and_within_the_budget(base, task, capsys):
    labels = (torch.rand(1000, generator=rng()) < 0.1).long()
    chosen = draw(labels, 2, 150, rng())
    assert torch.bincount(labels[chosen]).tolist() == [75, 75] and len(set(chosen.tolist())) == 150
    through = []
    hook = base.module.register_forward_pre_hook(lambda _m, given: through.append(len(given[0])))
    edit(base, task(EVEN), budget(8), share=0.25)
    hook.remove()
    assert 0 < sum(through) <= 0.25 * 8 * 64 * 3
    assert "down: 96 images; accuracy by timestep 750: " in capsys.readouterr().out


@pytest.mark.parametrize("source", ["inversion", "noise", "sampling"])
def test_predictors_learn_h_of_the_source_that_is_named(base, task, monkeypatch, source):
    """What is fitted is h along the inversion, of noised images, or of samples that the guide labels."""
    seen = []
    monkeypatch.setattr(
        h_space, "fit", lambda h, labels, *_: seen.append((h, labels)) or SimpleNamespace(accuracy=[0.0] * 4)
    )
    this = task(EVEN)
    monkeypatch.setattr(h_space, "FEWEST", 1)
    h_space.learn(base, this, budget(20), Sampling(4, 0.0, 100), 1.0, source=source)
    ((h, labels),) = seen
    again = task(EVEN)
    room = 20 * h_space.FORWARDS // 4
    if source == "sampling":
        images, path = h_space.follow(base, Sampling(4, 0.0, 100), room, again.rng)
        assert torch.equal(images, base.sample(room, rng())) and path.shape == (4, room, 256)
    else:
        images = again.retain
    values = again.guide.probs(images, "down").argmax(1)
    rows = draw(values, 2, room, again.rng)
    assert torch.equal(labels, values[rows])
    if source != "sampling":
        path, rows = collect(base, images[rows], 4, None if source == "inversion" else again.rng), slice(None)
    assert torch.allclose(h, path[:, rows], atol=1e-5)
