"""Boundaries in latent space: their normals, values along them, aiming at shares, and the walk to a value."""

import pytest
import torch
from scipy.stats import kstest
from torch import nn
from toy import budget, digits_task, generator, rng

from retouch.methods import boundary_walk
from retouch.methods.boundaries import Boundaries, Editor, decode, find_boundaries, principal, tilt

EVEN = [0.1] * 10


@pytest.fixture
def task(tmp_path):
    torch.manual_seed(0)
    return digits_task(tmp_path, EVEN)


def test_normals_part_what_the_guide_parts(task):
    gan, ten = task.base(), task.guide.network.heads["category"]
    z = gan.latent(500, rng(9))
    digit = task.guide.probs(gan.decode(z), "category").argmax(1)
    two = nn.Linear(ten.in_features, 2)  # zeros against sevens: two values have one boundary, up is the second
    two.load_state_dict({"weight": ten.weight[[0, 7]], "bias": ten.bias[[0, 7]]})
    task.guide.network.heads["category"] = two
    axes = find_boundaries(gan, task, 3)
    assert axes.n.shape == (1, 32) and axes.n.norm() == pytest.approx(1)
    up = axes.distance(z)[:, 0] > 0
    assert up[digit == 7].float().mean() > 0.8 and up[digit == 0].float().mean() < 0.2


def test_principal_axes_are_orthonormal_and_keep_the_functions():
    w, b = torch.randn(5, 8, generator=rng()), torch.randn(5, generator=rng(1))
    axes = principal(w, b, 5)
    assert torch.allclose(axes.n @ axes.n.T, torch.eye(5), atol=1e-5)
    z = torch.randn(20, 8, generator=rng(2))
    said = axes.distance(z) @ (axes.n @ w.T)  # with all five axes nothing of the five functions is lost
    assert torch.allclose(said - said.mean(0), (z @ w.T) - (z @ w.T).mean(0), atol=1e-4)
    assert torch.equal(principal(w, b, 2).n, axes.n[:2])
    along = axes.n @ w.T  # (5, 5): how each function changes along each axis
    assert torch.allclose(axes.distance(z), (z @ w.T + b) @ along.T / along.square().sum(1), atol=1e-4)
    assert (along.gather(1, along.abs().argmax(1, keepdim=True)) > 0).all()  # up is where the heaviest class lies
    one = principal(w[:1], b[:1], 3)
    assert torch.allclose(one.distance(z)[:, 0], (z @ w[0] + b[0]) / w[0].norm(), atol=1e-5)


def test_values_are_uniform_until_aimed():
    editor = Editor(generator(), None, 3)
    values = editor.within(torch.multinomial(editor.q, 6000, replacement=True, generator=rng()), rng(1))
    assert all(kstest(values[:, a], "uniform").statistic < 0.025 for a in range(3))
    within = (values * editor.levels) % 1  # where in its cell each value lies
    assert (torch.corrcoef(within.T) - torch.eye(3)).abs().max() < 0.05
    assert [Editor(generator(), None, k).levels for k in (1, 2, 3, 6)] == [32, 5, 3, 2]


def test_an_editor_starts_from_the_bases_latents():
    seen = []
    editor = Editor(generator(), lambda z, values: seen.append((z, values)) or z, 3)
    editor.sample(5, rng(3))
    assert torch.equal(seen[0][0], generator().latent(5, rng(3)))
    z = torch.zeros(2, 8)
    editor.edit_attribute(z, torch.tensor([0.2, 0.9]), attribute=1)
    assert torch.allclose(seen[1][1], torch.tensor([[0.5, 0.2, 0.5], [0.5, 0.9, 0.5]]))
    for value in (-0.1, 1.1):
        with pytest.raises(ValueError, match=r"must lie in \[0, 1\]"):
            editor.edit_attribute(z, value)


def test_images_are_decoded_without_batch_statistics():
    gan, z = generator(), torch.randn(6, 8, generator=rng())
    together = decode(gan, z)
    gan.module.train()
    assert torch.equal(decode(gan, z[:1]), together[:1])


def test_tilt_meets_the_target_and_stays_uniform_if_that_does():
    shares = torch.stack([torch.linspace(0.9, 0.1, 32), torch.linspace(0.1, 0.9, 32)], 1)
    q = tilt(shares, torch.tensor([0.3, 0.7]))
    assert torch.allclose(q @ shares, torch.tensor([0.3, 0.7]), atol=1e-3) and q.sum() == pytest.approx(1)
    assert (q.log().diff().diff().abs() < 1e-3).all()  # exponential in the shares
    assert torch.allclose(tilt(shares, torch.tensor([0.5, 0.5])), torch.full((32,), 1 / 32), atol=1e-4)
    assert (tilt(shares, torch.tensor([0.0, 1.0])) @ shares)[1] > 0.85  # cannot be met: as near as can be


def test_the_walk_reaches_its_distance_and_leaves_other_axes():
    axes = Boundaries(torch.linalg.qr(torch.randn(8, 2, generator=rng()))[0].T, torch.tensor([0.3, -0.2]))
    z, low, high = torch.randn(50, 8, generator=rng(1)), torch.tensor([-2.0, -3.0]), torch.tensor([2.0, 1.0])
    moved = boundary_walk.walk(z, torch.tensor([[0.75, 0.25]]).expand(50, 2), axes, low, high, axes.n)
    assert torch.allclose(axes.distance(moved), torch.tensor([1.0, -2.0]).expand(50, 2), atol=1e-5)
    rest = moved - z - ((moved - z) @ axes.n.T) @ axes.n
    assert rest.abs().max() < 1e-5


def test_even_shares_are_aimed_at_where_none_are_stated(task):
    edited = boundary_walk.edit(task.base(), task, budget(100), directions=1, aim=False)
    assert torch.equal(edited.q, torch.full((32,), 1 / 32))
    found = []
    for target in ({"attribute": "category", "shares": EVEN}, {"attribute": "category"}):
        task.target, task.rng = target, rng(4)
        edited.aim(task)
        found.append(edited.q)
    assert torch.equal(*found)


def test_the_walk_gives_the_shares_that_are_asked_for(task):
    task.target["shares"] = [0.28] + [0.08] * 9
    edited = boundary_walk.edit(task.base(), task, budget(100))
    uniform = boundary_walk.edit(task.base(), task, budget(100), aim=False)
    found = [task.guide.probs(one.sample(800, rng(3)), "category").mean(0)[0] for one in (edited, uniform)]
    assert found[0] > found[1] + 0.05
    assert not boundary_walk.edit(task.base(), task, budget(100), aim=False).generator.module.training
