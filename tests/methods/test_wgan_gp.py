"""The game of the diversity weights' paper: its loss by hand, its five steps of D, its sampling by p."""

import pytest
import torch
from toy import budget, generator, halves, redaction, rng, side_of

from retouch.benchmark.generators.gan import to_float
from retouch.methods import diversity_weights, wgan_gp
from retouch.methods.training import descend


def test_the_loss_is_the_papers():
    def critic(x):  # linear: its slope is |w| everywhere
        return 3 * x[:, 0, 0, 0] + 4 * x[:, 0, 0, 1]

    real, fake = torch.ones(5, 1, 1, 2), torch.zeros(5, 1, 1, 2)
    w = torch.tensor([3.0, 4.0], requires_grad=True)  # the penalty's gradient reaches the critic: 20 (|w| - 1) w / |w|
    wgan_gp.critic_loss(lambda x: x.flatten(1) @ w, real, fake, rng()).backward()
    assert w.grad.tolist() == pytest.approx([-1 + 80 * 0.6, -1 + 80 * 0.8], rel=1e-4)
    assert wgan_gp.critic_loss(critic, real, fake, rng()).item() == pytest.approx(0 - 7 + 10 * (5 - 1) ** 2)


def test_the_penalty_is_taken_between_real_and_fake():
    points = []

    def critic(x):
        points.append(x)
        return x.square().flatten(1).sum(1)

    real, fake = torch.ones(50, 1, 1, 1), 3 * torch.ones(50, 1, 1, 1)
    wgan_gp.critic_loss(critic, real, fake, rng())
    assert points[0].min() >= 1 and points[0].max() <= 3 and points[0].std() > 0.4


def test_the_critic_is_free_of_spectral_norms():
    gan = generator()
    gan.discriminator.eval()  # no power iteration
    critic, x = wgan_gp.plain(gan), to_float(halves(0, 4))
    torch.testing.assert_close(critic(x), gan.discriminator(x))
    with torch.no_grad():
        for parameter in critic.parameters():
            parameter.mul_(3)
    assert critic(x).abs().max() > 10 * gan.discriminator(x).abs().max()


def test_images_are_drawn_by_p_five_batches_a_step(tmp_path, monkeypatch):
    images, seen = torch.cat([halves(0, 20), halves(1, 20)]), []
    loss = wgan_gp.critic_loss
    monkeypatch.setattr(wgan_gp, "critic_loss", lambda d, real, *rest: seen.append(real) or loss(d, real, *rest))
    p = torch.cat([torch.full((20,), 0.9), torch.full((20,), 0.1)])
    spent = budget(100)
    gan = wgan_gp.train(generator(), images, p, redaction(tmp_path / "task", retain=images), spent, 0.2, 1.0)
    assert spent.gradient_steps == 4 and len(seen) == 20
    assert side_of(torch.cat(seen)).float().mean().item() == pytest.approx(0.1, abs=0.05)
    assert not torch.equal(gan.module.linear.weight, generator().module.linear.weight)


def test_each_image_has_its_own_place_on_the_line():
    points = []
    critic = lambda x: points.append(x) or x.square().flatten(1).sum(1)  # noqa: E731
    wgan_gp.critic_loss(critic, torch.ones(50, 1, 1, 1), torch.zeros(50, 1, 1, 1), rng())
    assert points[0].unique().numel() == 50


def test_two_steps_are_adams_on_the_stated_losses(tmp_path):
    images, p = torch.cat([halves(0, 20), halves(1, 20)]), torch.full((40,), 1 / 40)
    task = redaction(tmp_path / "task", retain=images)
    ours, theirs, draws = generator(), generator(), rng(0)
    ours.module.eval()
    before = {name: value.clone() for name, value in ours.discriminator.state_dict().items()}
    wgan_gp.train(ours, images, p, task, budget(20), 0.5, 0.5)
    critic, lr = wgan_gp.plain(theirs), 0.5 * theirs.lr
    g_adam, d_adam = (torch.optim.Adam(part.parameters(), lr, (0.0, 0.9)) for part in (theirs.module, critic))
    states = []
    for _ in range(2):
        for _ in range(5):
            real = to_float(images[torch.multinomial(p, 40, replacement=True, generator=draws)])
            descend(d_adam, wgan_gp.critic_loss(critic, real, theirs.module(theirs.latent(40, draws)).detach(), draws))
        descend(g_adam, -critic(theirs.module(theirs.latent(40, draws))).mean())
        states.append([value.detach().clone() for value in theirs.module.parameters()])
    for a, first, last in zip(ours.module.parameters(), *states, strict=True):
        assert torch.allclose(a, wgan_gp.EMA * first + (1 - wgan_gp.EMA) * last, atol=1e-6)
    assert all(torch.equal(value, before[name]) for name, value in ours.discriminator.state_dict().items())


def test_the_papers_loss_trains_gans_alone(tmp_path):
    task = redaction(tmp_path / "task", retain=halves(0, 20))
    made = diversity_weights.from_scratch(generator(), task, budget(10), loss="wgan_gp", embedding="pixels")
    assert made.sample(3, rng()).shape == (3, 1, 8, 8)
    for kind, loss in (("flow", "wgan_gp"), ("gan", "hinge")):
        with pytest.raises(ValueError, match="loss must be own or wgan_gp"):
            diversity_weights.from_scratch(generator(kind), task, budget(1), loss=loss)
