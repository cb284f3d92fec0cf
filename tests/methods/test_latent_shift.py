"""latent_shift: latents are shifted into a cell, kept if the guide agrees, and a mixture of them follows the target."""

import pytest
import torch
from toy import budget, guided, rng, side_and_tone_guide, side_of, tone_of, trained_gan

from retouch.benchmark.task import Guide
from retouch.methods import latent_shift as method
from retouch.methods.boundaries import Boundaries, decode


@pytest.fixture(scope="module")
def base():
    return trained_gan()


@pytest.fixture(scope="module")
def guide():
    return Guide(side_and_tone_guide())


@pytest.fixture
def edited(tmp_path, base, guide):
    """A function of a target and settings: the edited base, 1,000 of its images, the task."""

    def run(target, **params):
        task = guided(tmp_path / f"{len(list(tmp_path.iterdir()))}", guide, target)
        one = method.edit(base.copy(), task, budget(10), **params)
        return one, one.sample(1000, rng(5)), task

    return run


def test_a_shift_mirrors_the_distance_and_changes_nothing_else():
    n = torch.nn.functional.normalize(torch.randn(2, 8, generator=rng()), dim=1)  # oblique, as directions are
    sides, z = Boundaries(n, torch.tensor([0.3, -0.5])), torch.randn(50, 8, generator=rng(1))
    moved = method.shift(z, sides, 0.7)
    assert torch.allclose(sides.distance(moved), sides.distance(z).abs() + 0.7, atol=1e-5)
    rest = torch.linalg.svd(n)[2][2:]  # what is orthogonal to both
    assert torch.allclose(moved @ rest.T, z @ rest.T, atol=1e-5)


def test_a_boundary_points_to_its_value(base, guide, tmp_path):
    task = guided(tmp_path / "task", guide, {"attribute": "side", "shares": [0.5, 0.5]})
    (sides,) = method.find_sides(base, task, [2])
    z = base.latent(1000, rng())
    right = side_of(decode(base, z)) == 1
    d = sides.distance(z)
    assert d[right, 1].mean() > d[~right, 1].mean() + 0.5 and d[right, 0].mean() < d[~right, 0].mean() - 0.5
    assert torch.allclose(sides.n.norm(dim=1), torch.ones(2), atol=1e-5)


def test_only_latents_that_the_guide_finds_in_the_cell_are_kept(base, guide, tmp_path):
    task = guided(tmp_path / "task", guide, {"attribute": "side", "shares": [0.5, 0.5]})
    z = method.cell_latents(base, task, method.find_sides(base, task, [2]), 1, 0.0, 1000)
    assert len(z) < 1000 and (guide.probs(decode(base, z), "side").argmax(1) == 1).all()


def test_a_mixture_has_its_latents_moments_and_stays_near_them():
    scale = torch.diag(torch.tensor([0.5, 1.0, 2.0])) + 0.2
    z = torch.randn(4000, 3, generator=rng()) @ scale + torch.tensor([1.0, 0.0, -2.0])
    mixture = method.Mixture.fit(z, 1, 0)
    made = mixture.shift(torch.randn(4000, 3, generator=rng(1)), rng(2))
    assert torch.allclose(made.mean(0), z.mean(0), atol=0.15) and torch.allclose(made.T.cov(), z.T.cov(), atol=0.3)
    same = method.Mixture.fit(torch.randn(4000, 3, generator=rng(3)), 1, 0)
    drawn = torch.randn(100, 3, generator=rng(4))
    assert (same.shift(drawn, rng()) - drawn).abs().max() < 0.3
    both = method.Mixture.of([mixture, same], torch.tensor([0.2, 0.8]))
    assert torch.allclose(both.w, torch.tensor([0.2, 0.8])) and len(both.mu) == len(both.L) == 2


@pytest.mark.parametrize("shares", [[0.2, 0.8], [0.5, 0.5], [0.9, 0.1]])
def test_the_output_follows_an_uneven_target(edited, shares):
    for margin in (0.0, 1.5):
        _, images, _ = edited({"attribute": "side", "shares": shares}, margin=margin)
        assert side_of(images).float().mean().item() == pytest.approx(shares[1], abs=0.07)


def test_without_aim_the_cells_have_the_targets_own_shares(edited):
    one, _, _ = edited({"attribute": "side", "shares": [0.2, 0.8]}, aim=False, components=2)
    assert len(one.mixture.w) == 4 and torch.allclose(one.mixture.w.view(2, 2).sum(1), torch.tensor([0.2, 0.8]))


def test_a_pair_is_reached_jointly(edited):
    shares = torch.tensor([[0.1, 0.4], [0.3, 0.2]])  # no product of its margins
    _, images, _ = edited({"attribute": ["side", "tone"], "shares": shares.tolist()}, margin=1.0)
    cells = torch.bincount(2 * side_of(images) + tone_of(images), minlength=4) / 1000
    assert torch.allclose(cells, shares.flatten(), atol=0.1)


def test_a_cell_that_nobody_wants_is_left_out(edited):
    one, images, _ = edited({"attribute": "side", "shares": [0.0, 1.0]}, aim=False, margin=1.5)
    assert len(one.mixture.w) == 1 and side_of(images).float().mean() > 0.8


def test_the_farther_the_margin_the_less_leaks(edited):
    target = {"attribute": "side", "shares": [0.01, 0.99]}
    near, far = (side_of(edited(target, margin=margin, aim=False)[1]).float().mean() for margin in (0.0, 1.5))
    assert near + 0.03 < far


def test_weights_stay_the_seed_decides_and_the_content_stays(edited, base):
    one, images, _ = edited({"attribute": "tone", "shares": [0.5, 0.5]}, margin=0.0)
    assert all(
        torch.equal(a, b) for a, b in zip(one.generator.module.parameters(), base.module.parameters(), strict=True)
    )
    assert torch.equal(images, one.sample(1000, rng(5))) and not torch.equal(images, one.sample(1000, rng(6)))
    before = base.sample(1000, rng(5)).float()
    gap = lambda a: (a - before).abs().mean()  # noqa: E731
    assert gap(images.float()) < 0.7 * gap(images.float().roll(1, 0))


def test_bad_settings_and_targets_say_what_to_do(edited):
    good = {"attribute": "side", "shares": [0.5, 0.5]}
    for params in ({"margin": -1.0}, {"components": 0}, {"latents": 0}):
        with pytest.raises(ValueError, match="at least 0"):
            edited(good, **params)
    with pytest.raises(ValueError, match="too few for a mixture"):
        edited(good, latents=5)
    for target, says in (
        ({"attribute": "hat", "shares": [0.5, 0.5]}, "does not know 'hat'"),
        ({"attribute": "side", "shares": [0.5, 0.6]}, "sum to 1"),
        ({"attribute": "side", "shares": [0.3, 0.3, 0.4]}, "needs 2 shares"),
        ({"attribute": "side", "values": [1]}, "of the form"),
        ({"attribute": ["side", "tone"], "shares": [[0.5, 0.5]]}, "needs 2 x 2 shares"),
    ):
        with pytest.raises(ValueError, match=says):
            edited(target)
