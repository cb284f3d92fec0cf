"""selective_amnesia: a surrogate takes the place of the forgotten; replay and an elastic penalty hold the rest."""

import math

import pytest
import torch
from toy import budget, prompted, redaction, reveal, right, rng, side_of, tone_guide, tones, trained_flow

from retouch.benchmark.generators import family
from retouch.methods import selective_amnesia as method

BRIGHT, DARK = (tones(600, 0.3)[0][tones(600, 0.3)[1] == tone] for tone in (0, 1))
TARGET = {"attribute": "tone", "values": [1]}
UNET = {
    "channels": 1, "size": 4, "sampling_steps": 3, "block_out_channels": [8], "layers_per_block": 1,
    "down_block_types": ["DownBlock2D"], "up_block_types": ["UpBlock2D"], "norm_num_groups": 4,
    "attention_head_dim": 4,
}  # fmt: skip


@pytest.fixture(scope="module")
def flow():
    return trained_flow()


@pytest.fixture(scope="module")
def guide():
    return tone_guide()


@pytest.fixture
def task(tmp_path, flow, guide):
    return reveal(tmp_path / "task", flow, "category_redaction", TARGET, guide, forget=DARK, retain=BRIGHT)


def dark_share(generator, guide_task):
    return guide_task.guide.probs(generator.sample(800, rng(7)), "tone").argmax(1).float().mean().item()


def test_ell_is_minus_the_log_likelihood_in_nats(flow):
    torch.manual_seed(3)
    ours = method.ell(flow, BRIGHT[:50], [])
    torch.manual_seed(3)
    assert ours.item() == pytest.approx(-flow.log_prob(BRIGHT[:50]).mean().item(), rel=1e-4)


def test_fisher_squares_each_images_own_gradient(flow):
    torch.manual_seed(3)
    f = method.fisher(flow, (BRIGHT[:6], []), budget(6))
    torch.manual_seed(3)
    rows = []
    for i in range(6):
        flow.module.zero_grad()
        (-flow.log_prob(BRIGHT[i : i + 1]).mean()).backward()
        rows.append(torch.cat([p.grad.flatten() for p in flow.module.parameters()]))
    assert torch.allclose(f, torch.stack(rows).square().mean(0), rtol=1e-2, atol=1e-5)
    together = torch.stack(rows).mean(0).square()
    assert f.sum() > 1.3 * together.sum()  # and not the batch's


def test_the_penalty_holds_weights_by_their_importance():
    star, f = torch.zeros(3), torch.tensor([0.0, 1.0, 4.0])
    assert method.elastic(torch.tensor([5.0, 1.0, 0.5]), star, f).item() == pytest.approx(2.0)


def test_surrogates_are_the_retained_images_nearest_to_forget(task):
    q = method.surrogates(task)
    rows = {image.numpy().tobytes(): i for i, image in enumerate(task.retain)}
    chosen = torch.tensor([rows[image.numpy().tobytes()] for image in q])  # a KeyError if one were not retained
    apart = torch.cdist(task.guide.features(task.forget), task.guide.features(task.retain))
    assert chosen.unique().numel() == len(q) < len(task.retain)
    assert sorted(chosen.tolist()) == apart.topk(5, largest=False).indices.unique().tolist()


def test_replay_is_the_bases_own_images_without_the_forgotten(flow, task, monkeypatch):
    pools, draw = [], method.drawn
    monkeypatch.setattr(method, "drawn", lambda pool, n, rng: pools.append(pool[0]) or draw(pool, n, rng))
    method.edit(flow.copy(), task, budget(4))
    q, replay = pools[0], pools[1]
    assert torch.equal(q, method.surrogates(task))
    assert 0 < len(replay) < method.REPLAY and task.guide.probs(replay, "tone").argmax(1).max() == 0
    known = {image.numpy().tobytes() for image in task.retain}
    assert not any(image.numpy().tobytes() in known for image in replay)  # made by the base, not revealed


def test_importance_is_of_the_bases_own_images_of_every_kind(flow, task, monkeypatch):
    seen, fisher = [], method.fisher

    def first(generator, own, spent):
        seen.append(own[0])
        return fisher(generator, (own[0][:1], []), spent)

    monkeypatch.setattr(method, "fisher", first)
    spent = budget(10)
    edited = method.edit(flow.copy(), task, spent, share=0.3)
    assert torch.equal(seen[0], flow.sample(method.REPLAY, rng(0))[: method.FISHER]) and spent.gradient_steps == 1 + 3
    once = method.edit(flow.copy(), task, budget(1), lr=0.2)
    moved = (method.theta(once) - method.theta(flow)).abs().max().item()  # Adam's first step has one size
    assert moved == pytest.approx(0.2 * flow.lr, rel=0.01) and not torch.equal(method.theta(edited), method.theta(once))


def test_forget_images_become_rarer_and_less_likely(flow, task):
    torch.manual_seed(0)
    edited = method.edit(flow.copy(), task, budget(150), lam=0.0, lr=1.0, share=1.0)
    assert dark_share(edited, task) < 0.6 * dark_share(flow, task)
    fall = [(flow.log_prob(x, rng()) - edited.log_prob(x, rng())).mean().item() for x in (DARK, BRIGHT)]
    assert fall[0] > fall[1] + 1


def test_the_larger_lambda_the_less_moves(flow, task):
    moved = []
    f = method.fisher(flow, (BRIGHT[:16], []), budget(16))
    for lam in (0.0, 100.0):
        task.rng.manual_seed(0)
        torch.manual_seed(0)
        edited = method.edit(flow.copy(), task, budget(40), lam=lam, lr=1.0, share=1.0)
        moved.append(method.elastic(method.theta(edited), method.theta(flow), f).item())
    assert moved[0] > 2 * moved[1] > 0


def test_gamma_weighs_the_replay(flow, task):
    torch.manual_seed(0)
    task.retain = DARK[:1].repeat(40, 1, 1, 1)  # a surrogate far from all replay
    kept = []
    for gamma in (0.0, 10.0):
        edited = method.edit(flow.copy(), task, budget(60), lam=0.0, lr=1.0, share=1.0, gamma=gamma)
        kept.append(edited.log_prob(BRIGHT, rng()).mean().item())
    assert kept[1] > kept[0] + math.log(2)


def test_diffusion_is_edited_too(tmp_path, guide):
    torch.manual_seed(0)
    base = family("diffusion")(UNET)
    task = reveal(tmp_path / "task", base, "attribute_rebalancing", TARGET, guide, retain=BRIGHT[:50])
    task.forget = DARK[:20]
    edited = method.edit(base.copy(), task, budget(4))
    assert edited.sample(3, rng()).shape == (3, 1, 4, 4)
    assert not torch.equal(method.theta(edited), method.theta(base))


def test_by_prompt_the_named_prompt_learns_the_others_images(tmp_path):
    base = prompted(120)
    task = redaction(tmp_path / "task", target=TARGET | {"concept": "right"})
    (q, c_f), (_, c_r), (own, c) = method.by_prompt(base, task)
    assert set(c_f) == {"right"} and set(c_r) == {"left", ""} and set(c) == {"right", "left", ""}
    assert side_of(q).float().mean() < 0.3 and len(q) == len(c_f) and len(own) == len(c) == method.FISHER
    torch.manual_seed(0)
    edited = method.edit(base.copy(), task, budget(60), lr=1.0, lam=0.0, share=1.0)
    assert right(base, "right") > 0.7 and right(edited, "right") < 0.4 * right(base, "right")
    assert right(edited, "left") < 0.3


def test_bad_settings_and_targets_say_what_to_do(flow, task):
    for params in ({"lam": -1.0}, {"gamma": -1.0}, {"lr": 0.0}, {"share": 1.5}):
        with pytest.raises(ValueError, match="are needed, not"):
            method.edit(flow.copy(), task, budget(4), **params)
    task.forget, kept = task.forget[:0], task.forget
    with pytest.raises(ValueError, match="0 images to forget"):
        method.edit(flow.copy(), task, budget(4))
    task.forget = kept
    for target in ({"attribute": "hat", "values": [1]}, {"attribute": "tone", "values": [5]}):
        task.target = target
        with pytest.raises(ValueError, match=r"does not know|must name values"):
            method.edit(flow.copy(), task, budget(4))
    task.target = {"attribute": "tone", "values": [0, 1]}
    with pytest.raises(ValueError, match="nothing to replay"):
        method.edit(flow.copy(), task, budget(4))
