"""taming_flows keeps what makes it taming: a test for each point that would make it another method if dropped."""

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from torch.distributions import Normal, kl_divergence
from toy import budget as base_steps
from toy import reveal, rng, tone_guide, tones, trained_flow

from retouch.benchmark import submission
from retouch.benchmark.generators import family
from retouch.benchmark.generators.flow import Flow
from retouch.methods import forget_ascent, taming_flows
from retouch.methods.taming_flows import Roles, edit, forget_loss, pull, remember_loss, stop, symmetric_kl

BRIGHT, DARK = (tones(600, 0.3)[0][tones(600, 0.3)[1] == tone] for tone in (0, 1))
IDENTITY = {"attribute": "identity", "values": [0]}


@dataclass
class Call:
    """One evaluation: is the model frozen, is there a gradient, the dequantised images, what came out."""

    frozen: bool
    grad: bool
    x: torch.Tensor
    bpd: torch.Tensor


class Recording(Flow):
    """A flow that keeps what it is asked about."""

    calls: ClassVar[list[Call]] = []

    def dequantise(self, images, rng=None):
        self.x = super().dequantise(images, rng)
        return self.x

    def bits_per_dim(self, images, rng=None):
        bpd = super().bits_per_dim(images, rng)
        frozen = not any(p.requires_grad for p in self.module.parameters())
        Recording.calls.append(Call(frozen, torch.is_grad_enabled(), self.x, bpd.detach()))
        return bpd


@pytest.fixture(scope="module")
def flow():
    return trained_flow()


@pytest.fixture(scope="module")
def guide():
    return tone_guide()


@pytest.fixture
def identity(tmp_path, flow):
    return reveal(tmp_path / "identity", flow, "identity_removal", IDENTITY, forget=DARK[:12], retain=BRIGHT)


def budget(steps):
    """A budget that pays for so many taming steps."""
    return base_steps(round(steps * taming_flows.STEP_COST))


def weights(generator):
    return torch.cat([p.detach().flatten() for p in generator.module.parameters()])


@torch.no_grad()
def bpd(generator, of, draws=50):
    """Bits per dimension (N,), the noise averaged out."""
    return torch.stack([generator.bits_per_dim(of, rng(seed)) for seed in range(draws)]).mean(0)


def bpd_of(x, flow):
    """Bits per dimension of dequantised images, written out: 16 dimensions, 16 bins."""
    return -flow.module(x)[1] / (16 * math.log(2)) + math.log2(16)


def recording(flow):
    Recording.calls.clear()
    twin = Recording(flow.config)
    twin.module.load_state_dict(flow.module.state_dict())
    return twin


# ---- the loss ------------------------------------------------------------------------------------------------------


def test_one_step_is_the_papers(identity, flow):
    """alpha L_f + (1 - alpha) L_r and one Adam step, written again from the paper, on the inputs that the edit saw."""
    edited = edit(
        recording(flow), identity, budget(1), share=1.0, delta=3.0, alpha=0.7, gamma=0.2, lr=1e-3, moments=256
    )
    model = flow.copy()
    with torch.no_grad():
        values = bpd_of(Recording.calls[0].x, model)
        t = values.mean() + 3.0 * values.std()
    assert len(values) == 256
    (current,) = (call.x for call in Recording.calls if call.grad and not call.frozen)
    (reference,) = (call.x for call in Recording.calls if call.frozen)
    f, q = bpd_of(current, model).split(8)
    p = bpd_of(reference, flow).detach()
    P, Q = Normal(p.mean(), p.std()), Normal(q.mean(), q.std())
    L_f = (1 / (1 + torch.exp(-((f - t) ** 2)))).mean()
    L_r = 0.2 * (kl_divergence(P, Q) + kl_divergence(Q, P)) + 0.8 * q.mean()
    adam = torch.optim.Adam(model.module.parameters(), 1e-3)
    (0.7 * L_f + 0.3 * L_r).backward()
    adam.step()
    assert (weights(edited) - weights(flow)).abs().max() > 5e-4
    assert torch.allclose(weights(edited), weights(model), atol=2e-5)


@pytest.mark.parametrize("d", [-0.7, 0.7])
def test_forget_loss_attracts_from_both_sides(d):
    values = torch.tensor([3.0 + d, 3.0], requires_grad=True)
    forget_loss(values, 3.0).backward()
    s = 1 / (1 + math.exp(-(d**2)))
    assert values.grad.tolist() == pytest.approx([2 * d * s * (1 - s) / 2, 0.0])


def test_likely_images_rise_and_unlikely_fall_to_the_target(tmp_path, flow):
    """Gradient ascent would raise both."""
    noise = torch.randint(60, 180, (12, 1, 4, 4), dtype=torch.uint8, generator=rng(4))
    mu, sigma = bpd(flow, BRIGHT).mean(), bpd(flow, BRIGHT).std()
    delta = ((bpd(flow, noise).mean() - mu) / sigma / 2).item()  # the target lies half way
    for name, forget, sign in (("likely", BRIGHT[:12], 1), ("unlikely", noise, -1)):
        task = reveal(tmp_path / name, flow, "identity_removal", IDENTITY, forget=forget, retain=BRIGHT)
        edited = edit(flow.copy(), task, budget(30), share=1.0, delta=delta, alpha=1.0, lr=5e-4)
        t = bpd(edited, BRIGHT).mean() + delta * bpd(edited, BRIGHT).std()
        gap = [(bpd(flow, forget).mean() - t).item(), (bpd(edited, forget).mean() - t).item()]
        assert gap[0] * sign < 0 and abs(gap[1]) < 0.8 * abs(gap[0]), (name, gap)


def test_kl_is_that_of_both_directions():
    p, q = torch.randn(8, generator=rng(1)) * 0.3 + 3, torch.randn(8, generator=rng(2)) + 4
    P, Q = Normal(p.mean(), p.std()), Normal(q.mean(), q.std())
    assert symmetric_kl(p, q) == pytest.approx((kl_divergence(P, Q) + kl_divergence(Q, P)).item(), rel=1e-5)
    assert symmetric_kl(p, p) == pytest.approx(0, abs=1e-6)


def test_remember_loss_holds_likelihood_beside_kl():
    p, q = torch.randn(8, generator=rng(1)) + 3, torch.randn(8, generator=rng(2)) + 4
    assert remember_loss(p, q, 0.0) == pytest.approx(q.mean().item())
    assert remember_loss(p, q, 1.0) == symmetric_kl(p, q)
    assert remember_loss(p, q, 0.6) == pytest.approx(0.6 * symmetric_kl(p, q).item() + 0.4 * q.mean().item())


@pytest.mark.parametrize("kl", ["forward", "reverse"])
def test_one_sided_kl_is_one_of_the_two(kl):
    p, q = torch.randn(8, generator=rng(1)) * 0.3 + 3, torch.randn(8, generator=rng(2)) + 4
    P, Q = Normal(p.mean(), p.std()), Normal(q.mean(), q.std())
    expected = kl_divergence(P, Q) if kl == "forward" else kl_divergence(Q, P)
    assert remember_loss(p, q, 1.0, kl).item() == pytest.approx(expected.item(), rel=1e-4)


def test_forgetting_by_ascent_is_taming_but_for_its_loss(identity, flow, monkeypatch):
    values = torch.tensor([3.0, 5.0], requires_grad=True)
    forget_ascent.ascent_loss(values, 9.0).backward()
    assert values.grad.tolist() == [-0.5, -0.5]
    ascended = forget_ascent.edit(flow.copy(), identity, budget(10), share=1.0, alpha=1.0, lr=1e-3)
    assert bpd(ascended, DARK[:12]).mean() > bpd(flow, DARK[:12]).mean() + 0.05
    monkeypatch.setattr(forget_ascent, "ascent_loss", forget_loss)
    identity.rng.manual_seed(0)
    ours = forget_ascent.edit(flow.copy(), identity, budget(3), share=1.0)
    identity.rng.manual_seed(0)
    assert torch.equal(weights(ours), weights(edit(flow.copy(), identity, budget(3), share=1.0, batch=16)))


def test_ascent_hands_on_its_settings(monkeypatch):
    given = []
    monkeypatch.setattr(forget_ascent, "tame", lambda *rest: given.append(rest[3:]))
    names = ("delta", "alpha", "gamma", "lr", "batch", "tolerance", "stop_share", "share", "moments")
    values = (2.0, 0.7, 0.5, 1e-3, 3, 0.2, 0.02, 0.9, 99)
    forget_ascent.edit(None, None, None, **dict(zip(names, values, strict=True)))
    assert given == [(forget_ascent.ascent_loss, taming_flows.Settings(*values, "both", True))]


# ---- what the loss looks at -----------------------------------------------------------------------------------------


def test_the_reference_is_the_frozen_base_on_the_same_batch(identity, flow):
    edited = edit(recording(flow), identity, budget(12), share=1.0, lr=1e-3)
    trained = [call for call in Recording.calls if call.grad and not call.frozen]
    reference = [call for call in Recording.calls if call.frozen]
    assert len(trained) == len(reference) == 12 and not torch.equal(weights(edited), weights(flow))
    for ours, base in zip(trained, reference, strict=True):
        assert torch.equal((ours.x[8:] * 16).floor(), (base.x * 16).floor())
        assert torch.allclose(base.bpd, bpd_of(base.x, flow), atol=1e-5)  # still the base, after every step


def test_every_evaluation_draws_fresh_noise(identity, flow):
    edit(recording(flow), identity, budget(12), share=1.0)
    fractions = [(call.x * 16) % 1 for call in Recording.calls]
    corners = [round(f[0, 0, 0, 0].item(), 6) for f in fractions]
    assert len(set(corners)) == len(corners) and all(f.std() > 0.2 for f in fractions)


def test_mu_and_sigma_are_the_current_models(tmp_path, flow, capsys):
    """The second look, after ten steps, sees the model as it then is, not the base."""
    params = {"share": 1.0, "lr": 3e-3, "delta": 4.0, "alpha": 1.0}
    task = reveal(tmp_path / "task", flow, "identity_removal", IDENTITY, forget=BRIGHT[:12], retain=BRIGHT)
    after_ten = edit(flow.copy(), task, budget(10), **params)
    task.rng.manual_seed(0)
    capsys.readouterr()
    edit(flow.copy(), task, budget(11), **params)
    looks = re.findall(r"mu (\S+) sigma (\S+) t (\S+);", capsys.readouterr().out)
    first, second = ([float(value) for value in look] for look in looks)
    now, before = ([bpd(g, BRIGHT).mean().item(), spread(g)] for g in (after_ten, flow))
    assert abs(now[0] - before[0]) > 0.1  # so that the two can be told apart
    assert first[:2] == pytest.approx(before, abs=0.03) and second[:2] == pytest.approx(now, abs=0.03)
    assert all(t == pytest.approx(mu + 4 * sigma, abs=4e-3) for mu, sigma, t in (first, second))


@torch.no_grad()
def spread(generator):
    """Spread of single noise draws, which is what the method measures."""
    return torch.stack([generator.bits_per_dim(BRIGHT, rng(seed)).std() for seed in range(20)]).mean().item()


def test_moments_take_1024_remember_images(tmp_path, flow):
    many = BRIGHT.repeat(3, 1, 1, 1)
    task = reveal(tmp_path / "task", flow, "identity_removal", IDENTITY, forget=DARK[:4], retain=many)
    edit(recording(flow), task, budget(1), share=1.0)
    assert sum(len(call.x) for call in Recording.calls[:4]) == 1024 and len(Recording.calls[0].x) == 256


def test_all_weights_are_trained(identity, flow):
    edited = edit(flow.copy(), identity, budget(3), share=1.0, lr=1e-3)
    before = dict(flow.module.named_parameters())
    still = [name for name, value in edited.module.named_parameters() if torch.equal(value, before[name])]
    assert still == ["priors.0.net.weight"]  # the last prior looks at nothing: its input is zero


# ---- when it stops ------------------------------------------------------------------------------------------------


def test_identity_stops_when_the_farthest_image_is_near(identity, flow):
    d = bpd(flow, DARK[:12], draws=1)
    t = d.mean().item()
    far = (d - t).abs().max().item()
    roles = Roles(DARK[:12], BRIGHT)
    mean = (d - t).abs().mean().item()
    assert mean < far / 1.2
    ends = {near: stop(flow, identity, roles, 3, t, near)[0] for near in (mean, far * 2)}
    assert ends == {mean: False, far * 2: True}


def test_identity_is_asked_before_every_update(identity, flow):
    spent = budget(20)
    edited = edit(flow.copy(), identity, spent, share=1.0, tolerance=1e3)
    assert spent.gradient_steps == 0 and torch.equal(weights(edited), weights(flow))
    spent = budget(13)
    edit(flow.copy(), identity, spent, share=1.0, tolerance=1e-6)
    assert spent.gradient_steps == 13


def test_the_stop_is_a_share_of_delta_sigma(identity, flow, capsys):
    for delta in (1.0, 4.0):
        edit(flow.copy(), identity, budget(1), share=1.0, delta=delta)
        look = re.search(r"sigma (\S+) t .* to come to (\S+);", capsys.readouterr().out)
        assert float(look[2]) == pytest.approx(0.15 * delta * float(look[1]), abs=2e-3)


def test_an_open_loop_takes_all_steps_whatever_the_share(tmp_path, flow, guide):
    target = {"attribute": "tone", "values": [1]}
    task = reveal(tmp_path / "task", flow, "category_redaction", target, guide, forget=DARK, retain=BRIGHT)
    steps = {}
    for closed_loop in (True, False):
        spent = budget(12)
        edit(flow.copy(), task, spent, share=1.0, stop_share=0.99, closed_loop=closed_loop)
        steps[closed_loop] = spent.gradient_steps
    assert steps == {True: 0, False: 12}


def test_identity_reaches_its_rule(tmp_path, flow):
    task = reveal(tmp_path / "four", flow, "identity_removal", IDENTITY, forget=DARK[:4], retain=BRIGHT)
    spent = budget(300)
    edited = edit(flow.copy(), task, spent, share=1.0, delta=4.0, tolerance=0.3, lr=1e-3)
    assert 1 < spent.gradient_steps < 300
    t = bpd(edited, BRIGHT).mean() + 4 * spread(edited)
    assert (bpd(edited, DARK[:4]) - t).abs().max() < 1.3 * 0.3 * 4 * spread(edited)


def test_at_most_800_steps_and_500_by_the_guide():
    assert taming_flows.most_steps("identity_removal", 1e6) == 800
    assert taming_flows.most_steps("attribute_rebalancing", 1e6) == 500
    assert taming_flows.most_steps("category_redaction", 100 * taming_flows.STEP_COST) == 100


def share_of_dark(task, generator):
    return task.guide.probs(generator.sample(2000, rng(9)), "tone").argmax(1).double().mean().item()


def test_category_becomes_rarer_until_the_share_is_reached(tmp_path, flow, guide):
    target = {"attribute": "tone", "values": [1]}
    task = reveal(tmp_path / "task", flow, "category_redaction", target, guide, forget=DARK, retain=BRIGHT)
    spent, before = budget(400), share_of_dark(task, flow)
    edited = edit(flow.copy(), task, spent, share=1.0, delta=4.0, lr=1e-3, stop_share=before - 0.1)
    assert spent.gradient_steps < 400 and spent.gradient_steps % 10 == 0
    assert share_of_dark(task, edited) < before - 0.05


def test_a_rare_attribute_is_raised_by_forgetting_the_rest(tmp_path, flow, guide):
    target = {"attribute": "tone", "shares": [0.65, 0.35]}
    task = reveal(tmp_path / "task", flow, "attribute_rebalancing", target, guide, retain=torch.cat([BRIGHT, DARK]))
    roles = taming_flows.assign_roles(flow, task, 0.0)
    assert roles.values == (0,) and roles.share == pytest.approx(0.65)
    assert roles.forget.float().mean() > 140 > roles.remember.float().mean()
    spent, before = budget(400), share_of_dark(task, flow)
    edited = edit(flow.copy(), task, spent, share=1.0, delta=4.0, lr=3e-3)
    assert spent.gradient_steps < 400
    assert before + 0.04 < share_of_dark(task, edited) < 0.5


def test_a_stall_shows_in_the_log(flow):
    near = bpd(flow, DARK[:8]).mean().item()
    shares = [int(re.search(r"slope (\d+)%", pull(flow, DARK[:8], near + d, rng()))[1]) for d in (1.0, 4.0)]
    assert shares[0] > 60 and shares[1] < 5


# ---- bad settings ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "params",
    [{"delta": 0.0}, {"delta": -1.0}, {"alpha": 0.0}, {"alpha": 1.1}, {"gamma": -0.1}, {"lr": 0.0}, {"batch": 1},
     {"tolerance": -0.1}, {"stop_share": 1.0}, {"share": 0.0}, {"moments": 1}, {"kl": "both ways"}],
)  # fmt: skip
def test_bad_settings_are_named(identity, flow, params):
    with pytest.raises(ValueError, match=next(iter(params))):
        edit(flow.copy(), identity, budget(5), **params)


@pytest.mark.parametrize(
    ("kind", "target", "message"),
    [("category_redaction", {"attribute": "colour", "values": [1]}, "does not know 'colour'; it knows tone"),
     ("category_redaction", {"attribute": "tone", "values": [2]}, "values of tone from 0 to 1"),
     ("category_redaction", {"attribute": "tone", "values": []}, "values of tone from 0 to 1"),
     ("attribute_rebalancing", {"attribute": "colour", "shares": [0.5, 0.5]}, "does not know 'colour'"),
     ("attribute_rebalancing", {"attribute": "tone", "shares": [0.5, 0.6]}, "sum to 1"),
     ("attribute_rebalancing", {"attribute": "tone", "shares": [-0.5, 1.5]}, "at least 0"),
     ("attribute_rebalancing", {"attribute": "tone", "shares": [0.2, 0.3, 0.5]}, "needs 2 shares"),
     ("attribute_rebalancing", {"attribute": "tone", "shares": [1.0]}, "needs 2 shares"),
     ("output_diversity", {"attribute": "tone"}, "output_diversity")],
)  # fmt: skip
def test_bad_targets_are_named(tmp_path, flow, guide, kind, target, message):
    task = reveal(tmp_path / "task", flow, kind, target, guide, forget=DARK, retain=BRIGHT)
    with pytest.raises(ValueError, match=message):
        edit(flow.copy(), task, budget(5))


@pytest.mark.parametrize(
    ("forget", "retain", "message"), [(0, 20, "to forget"), (4, 1, "at least 2 images to remember")]
)
def test_too_few_images_are_named(tmp_path, flow, forget, retain, message):
    arrays = {"forget": DARK[:forget], "retain": BRIGHT[:retain]}
    task = reveal(tmp_path / "task", flow, "identity_removal", IDENTITY, **arrays)
    with pytest.raises(ValueError, match=message):
        edit(flow.copy(), task, budget(5))


def test_a_gan_is_refused(identity):
    gan = family("gan")({"channels": 1, "size": 8, "latent": 8, "width": 8})
    with pytest.raises(ValueError, match="a flow, not a Gan"):
        edit(gan, identity, budget(5))


def test_the_submission_runs_at_every_point(identity, flow):
    folder = Path(taming_flows.__file__).parents[1] / "submissions" / "taming_flows"
    told = submission.read(folder)
    assert told.entry == "retouch.methods.taming_flows:edit"
    for point in told.points:
        edit(flow.copy(), identity, budget(4), **{**told.params, **point.params})
