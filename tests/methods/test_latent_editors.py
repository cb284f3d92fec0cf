"""The latent editors: each finds its own direction; all walk along it as `boundary_walk` does."""

from copy import deepcopy
from types import SimpleNamespace

import pytest
import torch
from toy import budget, guided, rng, side_and_tone_guide, side_of, trained_gan

from retouch.benchmark.task import Guide
from retouch.methods import conditional_walk, latent_directions, pca_directions, weight_factorisation
from retouch.methods.boundaries import Boundaries, decode

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


@pytest.mark.parametrize(("rare", "held"), [(19, []), (20, ["tone"])])
def test_twenty_images_of_the_rarer_value_make_a_boundary(rare, held, monkeypatch):
    found = []
    axes = Boundaries(torch.zeros(1, 8), torch.zeros(1))
    monkeypatch.setattr(conditional_walk, "find_boundaries", lambda _g, _t, _k, names: found.extend(names) or axes)
    probs = lambda images, name: torch.nn.functional.one_hot((torch.arange(len(images)) < rare).long(), 2)  # noqa: E731
    guide = SimpleNamespace(attributes=["side", "tone"], probs=probs)
    conditional_walk.other_normals(trained_gan(), SimpleNamespace(guide=guide, target=EVEN, rng=rng()))
    assert found == held


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
    wide = z * torch.tensor([1.0, 3.0, 1, 1, 1, 1])  # of latents from features: E[z x], not the slopes of x
    (row,) = pca_directions.regress(wide[:, :1] + wide[:, 1:2], wide, 1)
    assert (row[1] / row[0]).item() == pytest.approx(9, rel=0.05)


def test_features_are_the_first_blocks_output():
    base, z = trained_gan(), torch.randn(5, 8, generator=rng())
    with torch.no_grad():
        expected = base.module.blocks[0](base.module.first(z))
    base.module.train()
    assert torch.allclose(pca_directions.features(base, z), expected.flatten(1), atol=1e-6)


@pytest.mark.parametrize("method", [pca_directions, weight_factorisation])
def test_the_guide_chooses_among_so_many_directions(method, task, monkeypatch):
    given, latents = [], []
    base, draw = trained_gan(), trained_gan().latent
    monkeypatch.setattr(method, "edit_along", lambda generator, task, *rest: given.append(rest))
    monkeypatch.setattr(base, "latent", lambda n, rng: latents.append(n) or draw(n, rng))
    method.edit(base, task, budget(1), candidates=3, reach=1.5, aim=False)
    [(u, reach, aim)] = given
    assert u.shape == (3, 8) and (reach, aim) == (1.5, False)
    assert latents == ([4000] if method is pca_directions else [])


@pytest.mark.parametrize("method", METHODS)
def test_values_stay_uniform_without_aim(method, task):
    assert torch.equal(method.edit(trained_gan().copy(), task, budget(1), aim=False).q, torch.full((32,), 1 / 32))


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


def test_an_effect_is_the_total_variation_between_both_ends(task, monkeypatch):
    """Images are their latents, and the guide sees the sign of the first value."""
    seen = []
    monkeypatch.setattr(latent_directions, "decode", lambda _, z: seen.append(z) or z)
    task.guide = SimpleNamespace(probs=lambda z, name: torch.stack([z[:, 0] < 0, z[:, 0] >= 0], 1).float())
    base = trained_gan()
    effect = latent_directions.effects(base, task, torch.eye(8)[:2], "side")
    task.rng.manual_seed(0)
    z = base.latent(200, task.rng)
    assert torch.allclose(seen[0], z - 2 * torch.eye(8)[0]) and torch.allclose(seen[1], z + 2 * torch.eye(8)[0])
    assert effect[0].item() == pytest.approx((z[:, 0].abs() <= 2).float().mean().item()) and effect[1] == 0


def test_oblique_directions_leave_each_others_distance(task, monkeypatch):
    given = []
    monkeypatch.setattr(latent_directions, "walking_editor", lambda *rest: given.append(rest[2:]))
    task.target = {"attribute": ["side", "tone"], "shares": [[0.25, 0.25], [0.25, 0.25]]}
    u = torch.nn.functional.normalize(torch.tensor([[1.0, 0] + [0.0] * 6, [1.0, 1] + [0.0] * 6]))
    latent_directions.edit_along(trained_gan(), task, u, 1.5, False)
    axes, steps, reach, aim = given[0]
    assert torch.allclose(steps @ axes.n.T, torch.eye(2), atol=1e-5) and (reach, aim) == (1.5, False)


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
