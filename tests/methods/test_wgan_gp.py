"""The game of the diversity weights' paper: its loss by hand, its five steps of D, its sampling by p."""

import pytest
import torch
from toy import budget, generator, halves, redaction, rng, side_of

from retouch.benchmark.generators.gan import to_float
from retouch.methods import diversity_weights, wgan_gp


def test_the_loss_is_the_papers():
    def critic(x):  # linear: its slope is |w| everywhere
        return 3 * x[:, 0, 0, 0] + 4 * x[:, 0, 0, 1]

    real, fake = torch.ones(5, 1, 1, 2), torch.zeros(5, 1, 1, 2)
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


def test_the_papers_loss_trains_gans_alone(tmp_path):
    task = redaction(tmp_path / "task", retain=halves(0, 20))
    made = diversity_weights.from_scratch(generator(), task, budget(10), loss="wgan_gp", embedding="pixels")
    assert made.sample(3, rng()).shape == (3, 1, 8, 8)
    for kind, loss in (("flow", "wgan_gp"), ("gan", "hinge")):
        with pytest.raises(ValueError, match="loss must be own or wgan_gp"):
            diversity_weights.from_scratch(generator(kind), task, budget(1), loss=loss)
