"""What makes ESD what it is, on a model by prompt that learned two kinds of image."""

from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional as F
from toy import PROMPTED, budget, halves, prompted, redaction, right, rng

from retouch.benchmark.budget import Budget, Yardstick
from retouch.methods import concept_erasing as method
from retouch.methods.distribution_guidance import DistributionGuidance, Strength
from retouch.methods.guidance import Sampling

TARGET = {"attribute": "category", "values": [1], "concept": "right"}


@pytest.fixture(scope="module")
def base():
    """Draws the half that its prompt names."""
    return prompted(120)


@pytest.fixture
def task(tmp_path):
    return redaction(tmp_path / "task", target=TARGET, retain=halves(0, 4))


def test_the_named_half_goes(base, task):
    assert right(base, "right") > right(base, "left") + 0.4
    edited = method.edit(base.copy(), task, budget(20), lr=4e-3, batch=8, part="all", share=1.0)
    assert right(edited, "right") < right(base, "right") - 0.15


def test_the_target_is_guided_away_from_the_prompt(base):
    x, t = base.latent(5, rng()), torch.tensor(500)
    plain, guided = base.module(x, t).sample, base.module(x, t, ["right"] * 5).sample
    assert torch.allclose(method.erased(base, x, t, ["right"] * 5, 0.5), 1.5 * plain - 0.5 * guided, atol=1e-5)


@pytest.mark.parametrize("part", method.PARTS)
def test_only_the_stated_part_is_trained(part, base, task):
    edited = method.edit(base.copy(), task, budget(2), part=part)
    old = dict(base.module.named_parameters())
    moved = {name for name, value in edited.module.named_parameters() if not torch.equal(value, old[name])}
    cross = {name for name in moved if "attn2" in name}
    assert moved and bool(cross) == (part != "others") and (moved == cross) == (part == "cross_attention")
    assert not any(name.startswith("encoder") for name in moved)


def test_steps_are_adams_on_the_stated_loss(base, task, monkeypatch):
    drawn_by, partway = [], method.partway
    monkeypatch.setattr(method, "partway", lambda *given: drawn_by.append(given[0]) or partway(*given))
    ours = method.edit(base.copy(), task, budget(2), batch=3, lr=1e-3, part="all", eta=0.5, share=1.0)
    assert drawn_by == [ours, ours]  # the current model, not the frozen one
    theirs, draws = base.copy(), rng(0)
    theirs.module.eval()
    adam = torch.optim.Adam(theirs.module.unet.parameters(), 1e-3)
    for _ in range(2):
        torch.randint(1, (3,), generator=draws)
        x, t = method.partway(theirs, ["right"] * 3, draws)
        goal = method.erased(base, x, t, ["right"] * 3, 0.5)
        adam.zero_grad()
        F.mse_loss(theirs.module(x, t, ["right"] * 3).sample, goal).backward()
        adam.step()
    for a, b in zip(ours.module.parameters(), theirs.module.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6) and a.requires_grad


def test_partway_is_where_deterministic_sampling_comes_by(base):
    base.scheduler.set_timesteps(base.sampling_steps)
    course, x = [], base.latent(2, rng(9))
    with torch.no_grad():
        for t in base.scheduler.timesteps:
            course.append(x)
            x = base.scheduler.step(base.predict(x, t, ["right"] * 2), t, x, eta=0.0).prev_sample
    seen = set()
    for seed in range(12):
        draws = rng(seed)
        stop = int(torch.randint(base.sampling_steps, (), generator=draws))
        latent = base.latent(2, draws)
        x, t = method.partway(SimpleNamespace(**vars(base), predict=base.predict, device=base.device,
                                              latent=lambda n, _: course[0]), ["right"] * 2, rng(seed))  # fmt: skip
        assert t == base.scheduler.timesteps[stop] and torch.allclose(x, course[stop], atol=1e-6)
        assert torch.equal(method.partway(base, ["right"] * 2, rng(seed))[0], latent) == (stop == 0)
        seen.add(stop)
    assert seen == set(range(base.sampling_steps))


def test_the_budgets_share_ends_it_before_the_planned_steps(base, task):
    totals = []
    free = Budget(12, Yardstick(10**15, 1.0), 1e9, report=lambda step, of: totals.append(free.counter.total))
    with free.counter:
        method.edit(base.copy(), task, free, batch=2, share=0.5)
    assert len(totals) == 6
    task.rng.manual_seed(0)
    tight = Budget(12, Yardstick((totals[3] - 1) // 6, 1.0), 1e9)  # half of it is spent after three steps
    with tight.counter:
        method.edit(base.copy(), task, tight, batch=2, share=0.5)
    assert tight.gradient_steps == 3


def test_what_else_longer_prompts_name_is_not_erased():
    assert method.shortest(["a person with glasses and hat", "a person with hat", "a person with cap"]) == [
        "a person with hat", "a person with cap"
    ]  # fmt: skip


def test_bad_settings_say_what_to_change(base, task):
    with pytest.raises(ValueError, match="part must be one of"):
        method.edit(base, task, budget(1), part="some")
    with pytest.raises(ValueError, match="eta and lr must be positive"):
        method.edit(base, task, budget(1), eta=0.0)
    task.target = TARGET | {"concept": "hat"}
    with pytest.raises(ValueError, match="does not know 'hat'; it knows left, right"):
        method.edit(base, task, budget(1))
    assert PROMPTED["conditions"] == ["left", "right"]


def test_distribution_guidance_acts_within_each_prompt(monkeypatch):
    model, prompts = prompted(1), ["left", "right", "right", "left", "right"]
    guidance = DistributionGuidance(model, Sampling(4, 0.0, batch=2), {}, Strength(0.0, 1.0, "kl", window=(999, 1000)))
    seen, denoise = [], guidance._denoise
    monkeypatch.setattr(guidance, "_denoise", lambda x, rng: seen.append((len(x), guidance.prompts)) or denoise(x, rng))
    assert torch.equal(guidance.sample(5, rng(2), prompts), model.sample(5, rng(2), prompts))
    assert seen == [(2, ["left"] * 2), (2, ["right"] * 2), (1, ["right"])]
    assert guidance.conditions == model.conditions
    assert torch.equal(guidance.sample(4, rng(3)), model.sample(4, rng(3)))
