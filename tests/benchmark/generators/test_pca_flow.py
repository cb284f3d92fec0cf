"""The flow in principal coordinates: exact on a small instance, in every precision, and fitted to its images."""

import math

import pytest
import torch
import toy
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal
from toy import rng

from retouch.benchmark.generators.flow import Flow
from retouch.benchmark.generators.pca_flow import Mixture, Rotation

IMAGES = (torch.rand(300, 5, generator=rng()) @ torch.randn(5, 64, generator=rng(1))).sigmoid().mul(255)
IMAGES = IMAGES.to(torch.uint8).view(-1, 1, 8, 8)  # five directions and their bend


@pytest.fixture
def flow():
    flow = toy.generator("pca flow")
    flow.prepare(IMAGES)
    for _ in range(5):
        flow.train_step(IMAGES[:50])
    return flow


def test_it_inverts_and_its_log_det_is_autograds(flow):
    network = flow.module.eval().double()
    x = torch.rand(2, 1, 8, 8, dtype=torch.float64)
    z, log_p = network(x)
    assert torch.allclose(network.inverse(z), x, atol=1e-9)
    for i in range(2):
        jacobian = torch.autograd.functional.jacobian(lambda one: network(one[None])[0][0], x[i]).reshape(64, 64)
        prior = mixture(network.prior).log_prob(z[i, :7]) + Normal(0, 1).log_prob(z[i, 7:]).sum()
        exact = prior + torch.linalg.slogdet(jacobian).logabsdet
        assert torch.allclose(log_p[i], exact, atol=1e-8)


def mixture(prior: Mixture) -> MixtureSameFamily:
    """PyTorch's own."""
    return MixtureSameFamily(
        Categorical(logits=prior.logits), Independent(Normal(prior.means, prior.log_scales.exp()), 1)
    )


def test_a_mixture_finds_islands_and_draws_them():
    torch.manual_seed(0)
    centres = torch.tensor([[-3.0, 0, 0], [3, 0, 0], [0, 4, 0]])
    z = centres.repeat_interleave(torch.tensor([300, 200, 500]), 0) + 0.5 * torch.randn(1000, 3)
    prior = Mixture(3, 6)
    prior.fit(z)
    assert torch.allclose(prior.log_prob(z), mixture(prior).log_prob(z), atol=1e-4)
    true = Mixture(3, 3)
    values = torch.tensor([0.3, 0.2, 0.5]).log(), centres, math.log(0.5)
    for parameter, value in zip(true.parameters(), values, strict=True):
        parameter.data[:] = value
    assert prior.log_prob(z).mean() > true.log_prob(z).mean() - 0.05
    drawn = prior.draw(torch.randn(5000, 3, generator=rng()), torch.randn(5000, generator=rng(1)))
    assert torch.allclose(drawn.mean(0), z.mean(0), atol=0.15) and torch.allclose(drawn.T.cov(), z.T.cov(), atol=0.3)


@pytest.mark.parametrize("axes", [1, 7, 20])
def test_a_rotation_is_orthogonal_from_its_directions_on(axes):
    directions = torch.linalg.qr(torch.randn(20, axes, generator=rng(), dtype=torch.float64))[0]
    rotation = Rotation(20, axes).double()
    rotation.fit(directions)
    turned = rotation(torch.eye(20, dtype=torch.float64))
    assert torch.allclose(turned @ turned.T, torch.eye(20, dtype=torch.float64), atol=1e-12)
    assert torch.allclose(turned[:, :axes].abs(), directions.abs(), atol=2e-3)  # half precision
    rotation.reflectors.add_(torch.rand(20, axes, generator=rng()))
    again = rotation(turned)
    assert torch.allclose(again @ again.T, torch.eye(20, dtype=torch.float64), atol=1e-12)  # whatever it holds
    assert torch.allclose(rotation.inverse(again), turned, atol=1e-12)


def test_its_axes_are_the_images_principal_ones_whitened():
    network, rows = toy.generator("pca flow").module, IMAGES.flatten(1) / 256
    network.fit(rows.view(-1, 1, 8, 8))
    turned = network.rotation(rows - network.mean)
    exact = torch.linalg.eigvalsh(rows.T.cov(correction=0)).flip(0)
    assert torch.allclose(turned[:, :7].var(0), exact[:7], rtol=0.02, atol=1e-6)
    white = turned * (-network.log_scale).exp()
    assert torch.allclose(white[:, :2].T.cov(), torch.eye(2), atol=0.1)
    assert white[:, :7].var(0).max() < 1.1 and white[:, 6].var() < 0.6  # shrunk: what has least variance is not trusted
    assert white[:, 7:].square().mean() == pytest.approx(1, abs=0.05)


def test_detail_has_a_temperature_of_its_own():
    config = toy.generator("pca flow").config | {"components": 1, "temperature": 0.8, "detail_temperature": 0.0}
    z = Flow(config).latent(4000, rng())
    assert (z[:, 7:] == 0).all() and z[:, :7].std() == pytest.approx(0.8, abs=0.02)


def test_half_precision_keeps_likelihoods_and_codes(flow, tmp_path):
    flow.save(tmp_path)
    again = Flow(flow.config).restore(tmp_path)
    assert torch.allclose(flow.bits_per_dim(IMAGES, rng()), again.bits_per_dim(IMAGES, rng()), atol=0.01)
    x = flow.dequantise(IMAGES[:20], rng())
    assert torch.allclose(again.module.inverse(again.module(x)[0]), x, atol=1e-4)
