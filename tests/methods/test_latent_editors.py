"""The latent editors: each finds its own direction; all walk along it as `boundary_walk` does."""

from copy import deepcopy

import pytest
import torch
from toy import budget, guided, rng, side_and_tone_guide, side_of, trained_gan

from retouch.benchmark.task import Guide
from retouch.methods import conditional_walk, latent_directions, pca_directions, weight_factorisation
from retouch.methods.boundaries import decode

METHODS = [conditional_walk, pca_directions, weight_factorisation]
EVEN = {"attribute": "side", "shares": [0.5, 0.5]}


@pytest.fixture
def task(tmp_path):
    return guided(tmp_path / "task", Guide(side_and_tone_guide()), EVEN)


def test_a_conditional_direction_leaves_others_alone():
    n = torch.nn.functional.normalize(torch.randn(1, 8, generator=rng()))
    others = torch.randn(3, 8, generator=rng(1))
    direction = conditional_walk.project_out(n, others)
    assert (others @ direction[0]).abs().max() < 1e-5 and direction.norm().item() == pytest.approx(1)
    assert (direction @ n.T).item() > 0.3
    assert torch.allclose(conditional_walk.project_out(n, torch.zeros(0, 8)), n)


def test_other_attributes_are_those_not_in_the_target(task):
    base = trained_gan()
    normals = conditional_walk.other_normals(base, task)
    assert normals.shape == (1, base.latent_dim)
    z = base.latent(1000, rng())
    bright = task.guide.probs(decode(base, z), "tone").argmax(1) == 1
    assert (z[bright] @ normals[0]).mean() > (z[~bright] @ normals[0]).mean() + 0.5
    task.target = {"attribute": ["side", "tone"], "shares": [[0.25, 0.25], [0.25, 0.25]]}
    assert len(conditional_walk.other_normals(base, task)) == 0


def test_an_attribute_that_hardly_varies_holds_nothing(task):
    guide = deepcopy(side_and_tone_guide())
    guide.heads["tone"].bias.data += torch.tensor([0.0, 100.0])
    task.guide = Guide(guide)
    assert conditional_walk.other_normals(trained_gan(), task).shape == (0, 8)


def test_a_conditional_step_adds_one_to_its_own_distance(task, monkeypatch):
    walks = []
    monkeypatch.setattr(conditional_walk, "walking_editor", lambda *given: walks.append(given[2:4]))
    monkeypatch.setattr(conditional_walk, "other_normals", lambda *_: torch.eye(8)[:2])
    conditional_walk.edit(trained_gan(), task, budget(1))
    axes, steps = walks[0]
    assert (steps @ axes.n.T).item() == pytest.approx(1, abs=1e-4) and steps[0, :2].abs().max() < 1e-5


def test_factorised_directions_are_amplified_most():
    A = torch.randn(40, 8, generator=rng()) * torch.tensor([5.0, 1, 1, 1, 1, 1, 3.0, 1])
    u = weight_factorisation.factorise(A, 3)
    length = (u @ A.T).norm(dim=1)
    assert length[0] > length[1] > length[2] and torch.allclose(u @ u.T, torch.eye(3), atol=1e-5)
    assert length[0].item() == pytest.approx(torch.linalg.matrix_norm(A, 2).item(), rel=1e-4)
    assert u[0, 0].abs() > 0.8 and u[1, 6].abs() > 0.8


def test_components_are_taken_back_to_the_latents_by_regression():
    """Features that are mostly a function of one latent axis: the first direction is that axis."""
    z = torch.randn(4000, 6, generator=rng())
    y = torch.stack([5 * z[:, 2], 2 * z[:, 4], torch.tanh(z[:, 0])], 1) + 3
    u = pca_directions.regress(y, z, 2)
    assert u[0, 2].abs() > 0.99 and u[1, 4].abs() > 0.99 and torch.allclose(u.norm(dim=1), torch.ones(2))


def test_features_are_the_first_blocks_output():
    base, z = trained_gan(), torch.randn(5, 8, generator=rng())
    with torch.no_grad():
        expected = base.module.blocks[0](base.module.first(z))
    assert torch.allclose(pca_directions.features(base, z), expected.flatten(1), atol=1e-6)


def test_the_guide_takes_the_strongest_direction(task):
    base, u = trained_gan(), torch.eye(8)
    effects = {name: latent_directions.effects(base, task, u, name) for name in ("side", "tone")}
    assert all(effect.min() >= 0 and effect.max() <= 1 for effect in effects.values())
    best = int(effects["side"].argmax())
    z = base.latent(300, rng(5))
    change = [
        (side_of(decode(base, z + 2 * row)) - side_of(decode(base, z - 2 * row))).float().mean().abs() for row in u
    ]
    assert change[best] > max(change) - 0.15


def test_a_direction_serves_one_attribute(task, monkeypatch):
    axes = []
    monkeypatch.setattr(latent_directions, "walking_editor", lambda *given: axes.append(given[2]))
    monkeypatch.setattr(latent_directions, "effects", lambda *_: torch.tensor([0.1, 0.9, 0.5]))
    task.target = {"attribute": ["side", "tone"], "shares": [[0.25, 0.25], [0.25, 0.25]]}
    latent_directions.edit_along(trained_gan(), task, torch.eye(8)[:3], 1.0, True)
    assert torch.equal(axes[0].n, torch.eye(8)[[1, 2]])


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__name__.split(".")[-1])
def test_an_editor_reaches_the_target_and_leaves_the_weights(method, task):
    base = trained_gan()
    before = side_of(base.sample(600, rng(2))).float().mean().item()
    edited = method.edit(base.copy(), task, budget(10))
    images = edited.sample(600, rng(2))
    after = side_of(images).float().mean().item()
    assert abs(after - 0.5) < 0.6 * abs(before - 0.5)
    assert torch.equal(images, edited.sample(600, rng(2)))
    for a, b in zip(edited.generator.module.parameters(), base.module.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__name__.split(".")[-1])
def test_bad_settings_and_targets_say_what_to_do(method, task):
    with pytest.raises(ValueError, match="reach must be positive"):
        method.edit(trained_gan().copy(), task, budget(10), reach=0.0)
    if method is not conditional_walk:
        with pytest.raises(ValueError, match="candidates must be at least 1"):
            method.edit(trained_gan().copy(), task, budget(10), candidates=0)
    task.target = {"attribute": "hat", "shares": [0.5, 0.5]}
    with pytest.raises(ValueError, match="does not know 'hat'"):
        method.edit(trained_gan().copy(), task, budget(10))
