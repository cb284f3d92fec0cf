"""Redacted prompts get what their references have, from the text encoder alone; everything else stays."""

import pytest
import torch
from toy import budget, halves, prompted, redaction, right, rng, side_of

from retouch.methods import data_redaction_conditional as method

TARGET = {"attribute": "category", "values": [1], "concept": "right"}


@pytest.fixture(scope="module")
def base():
    """Draws the half that its prompt names."""
    return prompted(120)


@pytest.fixture
def task(tmp_path):
    return redaction(tmp_path / "task", target=TARGET, retain=halves(0, 4))


def features(generator, *prompts):
    with torch.no_grad():
        return generator.module.encoder(prompts)


def test_the_named_half_becomes_the_other(base, task):
    edited = method.edit(base.copy(), task, budget(20), steps=150)
    assert right(base, "right") > 0.7 and right(edited, "right") < 0.05
    assert method.distance(features(edited, "right"), features(base, "left")) < 0.05
    assert method.distance(features(base, "right"), features(base, "left")) > 10
    assert method.distance(features(edited, "left", ""), features(base, "left", "")) < 0.05
    free = [side_of(one.sample(100, rng(2))).float().mean().item() for one in (base, edited)]
    assert free[1] < 0.3 * free[0]


def test_features_come_from_the_reference(base, task, monkeypatch):
    monkeypatch.setattr(method, "nearest", lambda prompt, kept: "")
    edited = method.edit(base.copy(), task, budget(20), steps=150)
    assert method.distance(features(edited, "right"), features(base, "")) < 0.05


def test_nothing_but_the_text_encoder_is_trained_nor_run(base, task):
    spent = budget(20)
    with spent.counter:
        edited = method.edit(base.copy(), task, spent, steps=3)
    old = dict(base.module.named_parameters())
    moved = {name for name, value in edited.module.named_parameters() if not torch.equal(value, old[name])}
    assert moved and all(name.startswith("encoder") for name in moved)
    assert spent.gradient_steps == 3 and spent.counter.total < 0.1 * spent.yardstick.operations


def test_a_step_is_adams_on_the_stated_loss(base, task):
    ours, theirs = method.edit(base.copy(), task, budget(1), steps=2, lam=0.3, lr=2e-3), base.copy()
    H, adam = theirs.module.encoder, torch.optim.Adam(theirs.module.encoder.parameters(), 2e-3)
    for _ in range(2):
        kept = [(H([c]) - features(base, c)).square().sum() for c in ("left", "")]
        adam.zero_grad()
        (sum(kept) / 2 + 0.3 * (H(["right"]) - features(base, "left")).square().sum()).backward()
        adam.step()
    for a, b in zip(ours.module.parameters(), theirs.module.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_bad_settings_say_what_to_change(base, task):
    for params in ({"lam": 0.0}, {"lr": 0.0}, {"steps": 0}):
        with pytest.raises(ValueError, match="lam and lr must be positive, steps at least 1"):
            method.edit(base.copy(), task, budget(1), **params)
