"""What makes distribution guidance that method and no other, on tiny generators."""

import math
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from toy import budget, reveal, rng
from toy_bars import EVEN, images

from retouch.benchmark import submission, tracks, weights
from retouch.benchmark.budget import Budget, yardstick
from retouch.benchmark.data import load
from retouch.benchmark.generators import family
from retouch.benchmark.generators.gan import to_uint8
from retouch.benchmark.judges import Judge
from retouch.benchmark.run.plan import plan
from retouch.methods import distribution_guidance
from retouch.methods.distribution_guidance import DistributionGuidance, Strength, edit
from retouch.methods.guidance import Sampling
from retouch.methods.h_space import Predictor

SUBMISSION = Path(__file__).parents[2] / "submissions" / "distribution_guidance"


def guided(base, *, classes=2, scale=1.0, temperature=8.0, loss="chi_square", p=None, steps=4, eta=1.0, batch=100):
    """The base with random predictors on its 16 x 4 x 4 values of h."""
    torch.manual_seed(5)
    predictor = Predictor(steps, 256, classes)
    predictor.weight.data.normal_(std=0.3)
    predictor.bias.data.normal_()
    p = torch.full((classes,), 1 / classes) if p is None else torch.tensor(p)
    heads = {"a": (predictor.requires_grad_(False), p)}
    return DistributionGuidance(base, Sampling(steps, eta, batch), heads, Strength(scale, temperature, loss))


def some_h(n=100):
    return torch.randn(n, 16, 4, 4, generator=rng(7))


# ---- the loss and its gradient ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["chi_square", "kl"])
@pytest.mark.parametrize("temperature", [1.0, 8.0])
def test_the_step_in_h_is_the_gradient_worked_out_by_hand(base, loss, temperature):
    p = torch.tensor([0.2, 0.5, 0.3])
    one = guided(base, classes=3, scale=0.7, temperature=temperature, loss=loss, p=p.tolist())
    h, predictor = some_h(), one.heads["a"][0]
    s = ((h.flatten(1) @ predictor.weight[2] + predictor.bias[2]) / temperature).softmax(1)
    q = s.mean(0)
    slope = 2 * (q - p) / p if loss == "chi_square" else (q / p).log() + 1  # dL/dq
    by_logit = s * (slope - (s @ slope)[:, None]) / temperature / 100  # (B, K), softmax's Jacobian, the mean's 1/B
    gradient = 300 * by_logit @ predictor.weight[2].T
    assert torch.allclose(one.move(h, 2), h - 0.7 * gradient.view_as(h), atol=1e-5)
    assert gradient.abs().max() > 1e-3


def test_a_batch_that_has_the_target_as_a_whole_is_left_alone(base):
    """Each image is far from an even guess: a loss of single images would move them all."""
    one = guided(base, p=[0.5, 0.5], temperature=1.0)
    predictor = one.heads["a"][0]
    predictor.weight[..., 1] = -predictor.weight[..., 0]
    predictor.bias.zero_()
    h = torch.cat([some_h(50), -some_h(50)])
    each = predictor(h, 1).softmax(1)
    assert (each - 0.5).abs().mean() > 0.2
    assert torch.allclose(one.move(h, 1), h, atol=1e-5)
    assert not torch.allclose(one.move(h[each[:, 0] > 0.5], 1), h[each[:, 0] > 0.5], atol=1e-2)


def test_an_images_step_does_not_depend_on_the_batch_size(base):
    one, h = guided(base, p=[0.2, 0.8]), some_h(10)
    assert torch.allclose(one.move(h.repeat(3, 1, 1, 1), 1), one.move(h, 1).repeat(3, 1, 1, 1), atol=1e-5)


def test_a_step_brings_the_batch_nearer_to_its_target(base):
    for p in ([0.5, 0.5], [0.1, 0.9], [0.9, 0.1]):
        one, h = guided(base, scale=0.01, temperature=1.0, p=p), some_h()
        predictor, target = one.heads["a"]
        before, after = (one.q(predictor, value, 1) for value in (h, one.move(h, 1)))
        assert (after - target).abs().sum() < (before - target).abs().sum()


def test_every_timestep_has_its_own_predictor(base):
    one, h = guided(base, p=[0.2, 0.8]), some_h()
    assert not torch.allclose(one.move(h, 1), one.move(h, 2))
    one.heads["a"][0].weight[2] = 0
    assert torch.allclose(one.move(h, 2), h) and not torch.allclose(one.move(h, 1), h)


def test_gradients_of_several_attributes_are_summed(base):
    one, two, h = guided(base, p=[0.2, 0.8]), guided(base, classes=3, p=[0.2, 0.5, 0.3]), some_h()
    both = DistributionGuidance(base, one.sampling, one.heads | {"b": two.heads["a"]}, one.strength)
    assert torch.allclose(both.move(h, 1) - h, one.move(h, 1) + two.move(h, 1) - 2 * h, atol=1e-5)


# ---- where it acts ---------------------------------------------------------------------------------------------------


def up_block_inputs(base, run):
    """What the first block after h receives: h itself, and the skip connections."""
    seen = []
    hook = base.module.up_blocks[0].register_forward_pre_hook(lambda _module, given: seen.extend(given))
    out = run()
    hook.remove()
    return seen[0], seen[1], out


def test_h_alone_is_edited_and_the_unet_goes_on_from_it(base):
    one, x, t = guided(base, scale=5.0, p=[0.1, 0.9]), torch.randn(6, 1, 8, 8, generator=rng()), torch.tensor(500)
    with torch.no_grad():
        h, skips, plain = up_block_inputs(base, lambda: base.module(x, t).sample)
        edited, same_skips, epsilon = up_block_inputs(base, lambda: one.epsilon(x, 2, t))
    assert torch.allclose(edited, one.move(h, 2)) and not torch.allclose(edited, h)
    assert all(torch.equal(a, b) for a, b in zip(skips, same_skips, strict=True))
    assert not torch.allclose(epsilon, plain)
    with torch.no_grad():  # and nothing stays behind
        assert torch.equal(base.module(x, t).sample, plain)


def test_the_first_step_is_not_guided(base):
    one, x, t = guided(base, scale=5.0, p=[0.1, 0.9]), torch.randn(6, 1, 8, 8, generator=rng()), torch.tensor(750)
    with torch.no_grad():
        assert torch.equal(one.epsilon(x, 0, t), base.module(x, t).sample)
        assert not torch.equal(one.epsilon(x, 1, t), base.module(x, t).sample)


def test_the_released_schedule_and_window(base):
    one, x = guided(base, scale=5.0, p=[0.1, 0.9]), torch.randn(6, 1, 8, 8, generator=rng())
    one.strength.schedule, one.strength.window = True, (250, 500)
    factors = []
    move = one.move
    one.move = lambda h, step, factor: factors.append(factor) or move(h, step, factor)
    with torch.no_grad():
        plain = {t: base.module(x, torch.tensor(t)).sample for t in (750, 500, 250, 0)}
        same = [torch.equal(one.epsilon(x, 1, torch.tensor(t)), plain[t]) for t in plain]
    assert same == [True, False, False, True]
    assert factors == pytest.approx([1.5 * base.scheduler.betas[t].item() ** 0.05 for t in (500, 250)])


def test_a_relative_step_depends_on_the_size_of_h_alone(base):
    """Predictors of ten times the weights, at a temperature of ten, say the same of h, and shall move it as far."""
    one, ten = (guided(base, scale=0.5, p=[0.2, 0.8], temperature=t) for t in (1.0, 10.0))
    h = some_h()
    for guidance, factor in ((one, 1), (ten, 10)):
        guidance.strength.relative = True
        guidance.heads["a"][0].weight.mul_(factor)
        guidance.heads["a"][0].bias.mul_(factor)
    moves = [guidance.move(h, 1) - h for guidance in (one, ten)]
    assert torch.allclose(moves[0], 10 * moves[1], atol=1e-5)  # the temperature divides the gradient
    predictor = one.heads["a"][0]
    plain = guided(base, scale=0.5, p=[0.2, 0.8], temperature=1.0).move(h, 1) - h
    unit = h.flatten(1).norm(dim=1).mean() / predictor.weight[1].norm()
    assert torch.allclose(moves[0], unit * plain, atol=1e-5)


def test_the_scale_is_the_smallest_that_does_as_well_as_any(base, task, monkeypatch):
    one = guided(base)
    task = task(EVEN)
    apart = dict(zip(distribution_guidance.SCALES, (0.4, 0.2, 0.11, 0.09, 0.3), strict=True))
    rare = {scale: 0.5 - gap / 2**0.5 for scale, gap in apart.items()}
    monkeypatch.setattr(one, "sample", lambda n, rng: one.strength.scale)
    probs = lambda scale, name: torch.tensor([[1 - rare[scale], rare[scale]]])  # noqa: E731
    monkeypatch.setattr(task, "guide", SimpleNamespace(probs=probs, attributes=["down"], sizes={"down": 2}))
    assert distribution_guidance.choose_scale(one, task, 7) == 0.3


def test_choosing_a_scale_stays_within_the_budget(base, task, monkeypatch):
    sizes, draw = [], DistributionGuidance.sample
    monkeypatch.setattr(DistributionGuidance, "sample", lambda self, n, rng: sizes.append(n) or draw(self, n, rng))
    limit = Budget(80, yardstick(base, 64), 1e9)
    with limit.counter:
        edit(base.copy(), task(EVEN), limit, scale="auto", source="sampling", temperature=1.0, share=0.5, steps=50)
    assert set(sizes) == {int(0.7 * 40 * 192 / 250)} and 0.6 < limit.spent / limit.operations < 1
    with pytest.raises(ValueError, match="pays for 13 images of each scale, 20 are needed: lower `share`"):
        edit(base.copy(), task(EVEN), Budget(50, limit.yardstick, 1e9), scale="auto", source="sampling", steps=50)


def test_the_unet_is_frozen(base, task):
    before = {name: value.clone() for name, value in base.module.state_dict().items()}
    twin = base.copy()
    one = edit(twin, task(EVEN), budget(60), scale=5.0)
    one.sample(5, rng())
    assert all(torch.equal(value, before[name]) for name, value in twin.module.state_dict().items())
    assert not any(parameter.requires_grad for parameter in twin.module.parameters())


# ---- sampling --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("eta", [0.0, 0.6, 1.0])
def test_ddim_with_the_guided_noise_is_the_papers_update(base, eta):
    """Song et al. 2021, equations 12 and 16, written out; x0 clipped as the base's own sampler does."""
    one = guided(base, scale=2.0, p=[0.1, 0.9], eta=eta)
    draws = rng(3)
    x = torch.randn(6, 1, 8, 8, generator=draws)
    z = torch.randn(6, 4, 1, 8, 8, generator=draws) if eta else torch.zeros(6, 4, 1, 8, 8)
    alphas = [*base.scheduler.alphas_cumprod[[750, 500, 250, 0]].tolist(), 1.0]
    with torch.no_grad():
        for step, (a, b) in enumerate(pairwise(alphas)):
            epsilon = one.epsilon(x, step, torch.tensor([750, 500, 250, 0][step]))
            x0 = ((x - math.sqrt(1 - a) * epsilon) / math.sqrt(a)).clamp(-1, 1)
            sigma = eta * math.sqrt((1 - b) / (1 - a) * (1 - a / b))
            x = math.sqrt(b) * x0 + math.sqrt(1 - b - sigma**2) * epsilon + sigma * z[:, step]
    assert (one.sample(6, rng(3)).int() - to_uint8(x).int()).abs().max() <= 1  # a rounding may fall to the other side


def test_without_guidance_and_noise_it_is_the_base(base):
    assert torch.equal(guided(base, scale=0.0, eta=0.0).sample(9, rng()), base.sample(9, rng()))


def test_the_seed_decides_and_guidance_acts_within_batches(base):
    one = guided(base, scale=20.0, temperature=1.0, p=[0.1, 0.9], batch=8)
    assert torch.equal(one.sample(16, rng()), one.sample(16, rng()))
    assert not torch.equal(one.sample(16, rng()), one.sample(16, rng(1)))
    sizes = []
    hook = base.module.mid_block.register_forward_hook(lambda _m, _i, h: sizes.append(len(h)))
    images = one.sample(20, rng())
    hook.remove()
    assert images.shape == (20, 1, 8, 8) and set(sizes) == {6, 7}  # as even as can be, at most 8
    whole = guided(base, scale=20.0, temperature=1.0, p=[0.1, 0.9], batch=16)
    assert not torch.equal(one.sample(16, rng()), whole.sample(16, rng()))


def test_batch_size_is_in_every_record():
    """Records keep what `edit` is called with."""
    batches = {run.point: run.params["batch"] for run in plan([SUBMISSION], tracks.load("tiny"))}
    assert batches["default"] == 100 and batches["batch-5"] == 5


# ---- end to end ------------------------------------------------------------------------------------------------------


def test_the_share_of_a_trained_generator_follows_the_target(tmp_path):
    """The shipped digits: ones and zeros rare, then frequent; a judge that the method never saw counts."""
    digits, guide = weights.load(weights.folder("digits-diffusion")), Judge.load(weights.folder("digits-guide"))
    judge, retain = (
        Judge.load(weights.folder("digits-judge")),
        torch.from_numpy(load({"name": "digits"}, "train").images),
    )
    many, few = [0.3, 0.3] + [0.05] * 8, [0.02, 0.02] + [0.12] * 8
    target = {"attribute": "category", "shares": many}
    task = reveal(tmp_path / "task", digits, "attribute_rebalancing", target, guide.network, retain=retain)
    one = edit(task.base(), task, budget(60), scale=300.0)
    (predictor, p) = one.heads["category"]
    assert predictor.accuracy[-1] > 0.9 and torch.allclose(p, torch.tensor(many))

    def share(generator):
        return (judge.look(generator.sample(150, rng()).numpy()).labels["category"] < 2).mean()

    found = [share(task.base()), share(one)]
    one.heads["category"] = predictor, torch.tensor(few)
    found.append(share(one))
    assert found[2] + 0.06 < found[0] < found[1] - 0.15, found
    assert abs(found[1] - 0.6) < 0.2 and abs(found[2] - 0.04) < 0.08, found


@pytest.mark.parametrize("joint", [False, True])
def test_a_pair_of_attributes(base, task, joint):
    pair = task({"attribute": ["down", "tone"], "shares": [[0.35, 0.05, 0.1], [0.25, 0.15, 0.1]]})
    one = edit(base.copy(), pair, budget(60), joint=joint)
    rows = [p.tolist() for _predictor, p in one.heads.values()]
    assert list(one.heads) == (["down x tone"] if joint else ["down", "tone"])
    wanted = [[0.35, 0.05, 0.1, 0.25, 0.15, 0.1]] if joint else [[0.5, 0.5], [0.6, 0.2, 0.2]]
    assert all(row == pytest.approx(other) for row, other in zip(rows, wanted, strict=True))
    assert one.sample(12, rng()).shape == (12, 1, 8, 8)


# ---- bad settings ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"scale": -1.0}, "scale must be at least 0"), ({"temperature": 0.0}, "temperature above 0"),
        ({"loss": "mse"}, "chi_square, kl"), ({"batch": 0}, "a batch of 1"), ({"steps": 1}, "at least 2 steps"),
        ({"eta": 1.5}, "eta must lie"), ({"share": 0.0}, "share must lie"), ({"share": 0.001}, "raise `share`"),
    ],
)  # fmt: skip
def test_bad_settings_say_what_to_do(base, task, params, says):
    with pytest.raises(ValueError, match=says):
        edit(base.copy(), task(EVEN), budget(60), **params)


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ({"attribute": "hat", "shares": [0.5, 0.5]}, "knows down, tone"),
        ({"attribute": "down", "shares": [0.5, 0.6]}, "sum to 1"),
        ({"attribute": "tone", "shares": [0.5, 0.5]}, "needs 3 shares"),
        ({"attribute": "down", "shares": [0.0, 1.0]}, "above 0"),
        ({"attribute": "down", "values": [0]}, "attribute, shares"),
        ({"attribute": ["down", "down"], "shares": [[0.5, 0.5], [0.5, 0.5]]}, "named once"),
        ({"attribute": ["down", "tone"], "shares": [0.5, 0.5]}, "needs 2 x 3 shares"),
    ],
)
def test_bad_targets_say_what_to_do(base, task, target, says):
    with pytest.raises(ValueError, match=says):
        edit(base.copy(), task(target), budget(60))


def test_too_few_images_and_other_families_are_refused(base, task):
    bars, labels = images()
    with pytest.raises(ValueError, match="the guide finds"):
        edit(base.copy(), task(EVEN, bars[labels["down"] == 0]), budget(60))
    gan = family("gan")({"channels": 1, "size": 8, "latent": 8, "width": 16})
    with pytest.raises(ValueError, match="needs a diffusion generator"):
        edit(gan, task(EVEN), budget(60))


def test_the_manifests_points_are_settings_that_edit_takes(base, task):
    manifest = submission.read(SUBMISSION)
    assert manifest.families == ["diffusion", "conditional_diffusion"]
    assert manifest.access == ["weights", "training_data", "classifier"]
    for point in manifest.points:
        params = manifest.params | point.params
        edit(base.copy(), task(EVEN), budget(60), **params)
