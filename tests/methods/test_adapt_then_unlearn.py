"""adapt_then_unlearn: negatives first, under an elastic penalty; then positives, from the old weights, repelled."""

import math

import pytest
import torch
from torch.nn.utils import parameters_to_vector
from toy import RIGHT, budget, generator, guided, rng, side_and_tone_guide, side_of, trained_gan

from retouch.benchmark.generators.gan import to_float
from retouch.benchmark.task import Guide, NotRevealed
from retouch.methods import adapt_then_unlearn as method
from retouch.methods.training import descend


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


def test_the_guide_sorts_the_generators_own_images(base, task, guide):
    negatives, positives = method.feedback(base, task)
    assert len(negatives) + len(positives) == method.SAMPLES
    assert guide.probs(negatives, "side").argmax(1).min() == 1 and guide.probs(positives, "side").argmax(1).max() == 0
    with pytest.raises(NotRevealed):
        _ = task.retain


def test_fisher_is_the_mean_of_each_images_squared_gradient(task):
    gan = generator()
    f = method.fisher(gan, task)
    assert gan.discriminator.training  # for the game that follows
    task.rng.manual_seed(0)
    gan.module.eval()
    gan.discriminator.eval()
    rows = []
    for z in gan.latent(method.FISHER, task.rng):
        gan.module.zero_grad()
        gan.discriminator(gan.module(z[None])).backward()
        rows.append(torch.cat([p.grad.flatten() for p in gan.module.parameters()]))
    assert torch.allclose(f, torch.stack(rows).square().mean(0), rtol=1e-3, atol=1e-8)


def test_the_penalty_is_elastic_about_the_old_weights():
    gan = generator()
    f, theta = torch.rand(len(method.weights(gan)), generator=rng()), method.weights(gan)
    assert method.penalty(gan, f, theta, 3.0)().item() == 0
    expected = 3 * (f * 0.1**2).sum()
    assert method.penalty(gan, f, theta - 0.1, 3.0)().item() == pytest.approx(expected.item(), rel=1e-4)


@pytest.mark.parametrize(
    ("form", "there", "twice"), [("EL2", math.exp(-1), math.exp(-4)), ("IL2", 1, 0.25), ("NL2", -1, -4)]
)
def test_repulsion_is_of_the_distance_to_the_adapted_weights(form, there, twice):
    gan = generator()
    theta_g = method.weights(gan)
    theta_n = theta_g + torch.randn(len(theta_g), generator=rng())
    loss = method.repulsion(gan, theta_g, theta_n, form, 2.0)
    assert loss().item() == pytest.approx(2 * there, rel=1e-4)
    downhill = -torch.cat([g.flatten() for g in torch.autograd.grad(loss(), list(gan.module.parameters()))])
    assert torch.nn.functional.cosine_similarity(downhill, theta_g - theta_n, dim=0) > 0.99  # away from theta_N
    torch.nn.utils.vector_to_parameters(2 * theta_g - theta_n, gan.module.parameters())
    assert loss().item() == pytest.approx(2 * twice, rel=1e-4)


def test_a_copy_adapts_to_negatives_then_the_gan_to_positives(base, task, monkeypatch):
    seen, real = [], method.play

    def watched(gan, images, extra, *rest):
        seen.append((method.weights(gan), side_of(images).float().mean().item(), extra().item(), rest[2]))
        return real(gan, images, extra, *rest)

    far, repulsion_from = [], method.repulsion
    monkeypatch.setattr(method, "repulsion", lambda *given: far.append(given[1:3]) or repulsion_from(*given))
    monkeypatch.setattr(method, "play", watched)
    method.edit(base.copy(), task, budget(20), adapt=0.2, share=0.8, gamma=5.0)
    (first, bad, elastic, n), (second, good, repulsion, m) = seen
    assert torch.equal(first, method.weights(base)) and torch.equal(second, first) and (n, m) == (4, 12)
    assert bad > 0.9 and good < 0.1
    assert elastic == 0 and repulsion == pytest.approx(5 * math.exp(-1), rel=1e-4)
    [(theta_g, theta_n)] = far
    assert torch.equal(theta_g, first) and (theta_n - theta_g).abs().max() > 0.1 * base.lr  # four steps away


def test_a_step_is_the_pre_trainings_game_with_the_extra_term(base, task):
    gan, twin, images = base.copy(), base.copy(), base.sample(80, rng(5))
    extra = lambda one: 0.1 * parameters_to_vector(one.module.parameters()).square().sum()  # noqa: E731
    method.play(gan, images, lambda: extra(gan), task, budget(1), 1, 0.5)
    task.rng.manual_seed(0)
    g_adam = torch.optim.Adam(twin.module.parameters(), 0.5 * twin.lr, (0.0, 0.9))
    d_adam = torch.optim.Adam(twin.discriminator.parameters(), twin.lr, (0.0, 0.9))
    twin.module.train()
    real = to_float(images[torch.randint(80, (64,), generator=task.rng)])
    fake = twin.module(twin.latent(64, task.rng))
    descend(d_adam, (1 - twin.judged(real)).relu().mean() + (1 + twin.judged(fake.detach())).relu().mean())
    descend(g_adam, extra(twin) - twin.judged(fake).mean())
    for part in ("module", "discriminator"):
        for a, b in zip(getattr(gan, part).parameters(), getattr(twin, part).parameters(), strict=True):
            assert torch.allclose(a, b, atol=1e-6)


def test_the_kind_goes_and_repulsion_leads_away_from_it(base, task):
    task.rng.manual_seed(0)
    edited = method.edit(base.copy(), task, budget(150), share=1.0, gamma=1.0)
    before, after = (side_of(one.sample(1000, rng(2))).float().mean().item() for one in (base, edited))
    assert after < 0.6 * before
    theta_n = method.weights(base) + 0.01 * torch.randn(len(method.weights(base)), generator=rng())
    positives = method.feedback(base, task)[1]
    far = []
    for gamma in (0.0, 100.0):
        gan = base.copy()
        torch.manual_seed(0)
        extra = method.repulsion(gan, method.weights(base), theta_n, "EL2", gamma)
        method.play(gan, positives, extra, task, budget(10), 10, 1.0)
        far.append((parameters_to_vector(gan.module.parameters()) - theta_n).norm().item())
    assert far[1] > 1.05 * far[0]


def test_the_result_is_the_average_of_g(base, task, monkeypatch):
    """With a decay of all but 1 the average stays where the first step went, far from where the last one did."""
    _, positives = method.feedback(base, task)
    gap = []
    for decay in (method.EMA, 0.9999):
        monkeypatch.setattr(method, "EMA", decay)
        task.rng.manual_seed(0)
        gan = base.copy()
        average = method.play(gan, positives, lambda: torch.zeros(()), task, budget(30), 30, 1.0)
        last = method.weights(gan)
        gap.append((parameters_to_vector(average.parameters()) - last).norm().item())
    assert 0 < 1.2 * gap[0] < gap[1]


def test_bad_settings_and_targets_say_what_to_do(base, task):
    for params, says in (
        ({"gamma": -1.0}, "gamma and lam must be at least 0"),
        ({"lam": -1.0}, "gamma and lam"),
        ({"lr": 0.0}, "lr positive"),
        ({"form": "L1"}, "EL2"),
        ({"adapt": 0.6, "share": 0.5}, "adapt < share"),
    ):
        with pytest.raises(ValueError, match=says):
            method.edit(base.copy(), task, budget(4), **params)
    for target, says in (
        ({"attribute": "hat", "values": [1]}, "does not know 'hat'"),
        ({"attribute": "side"}, "must name values"),
        ({"attribute": "side", "values": [0, 1]}, "2 of each kind"),
    ):
        task.target = target
        with pytest.raises(ValueError, match=says):
            method.edit(base.copy(), task, budget(4))
