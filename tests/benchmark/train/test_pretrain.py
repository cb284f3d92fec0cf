"""Training from a recipe: it goes on where it was cut, and nothing shipped is overwritten unasked."""

import json
import shutil

import numpy as np
import pytest
import torch

from retouch.benchmark import weights
from retouch.benchmark.cli.main import main
from retouch.benchmark.train import augment, classifier, pretrain


def test_what_would_fail_after_a_training_fails_before_it(tmp_path, monkeypatch):
    monkeypatch.setattr(pretrain, "_train", None)
    shipped = weights.ROOT
    monkeypatch.setattr(weights, "ROOT", tmp_path / "none")
    with pytest.raises(ValueError, match="retouch pretrain mnist-judge"):
        pretrain.pretrain("mnist-gan", folder=tmp_path)
    monkeypatch.setattr(weights, "ROOT", shipped)
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"file/weights cannot be written.*--into"):
        pretrain.pretrain("digits-gan", folder=tmp_path / "file" / "weights")


def test_a_damaged_checkpoint_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(pretrain, "CHECKPOINT", 1)
    pretrain.pretrain("digits-gan", folder=tmp_path, steps=1)
    [state] = tmp_path.glob("training/*/state.pt")
    state.write_bytes(state.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"state\.pt is damaged.*remove it"):
        pretrain.pretrain("digits-gan", folder=tmp_path, steps=1)


def test_training_goes_on_from_its_own_recipe_and_seed(tmp_path, monkeypatch):
    monkeypatch.setattr(pretrain, "CHECKPOINT", 1)
    first = weights.sha256(pretrain.pretrain("digits-gan", folder=tmp_path, steps=1))
    assert weights.sha256(pretrain.pretrain("digits-gan", folder=tmp_path, steps=1, seed=5)) != first


def test_shipped_weights_are_replaced_on_request_alone(tmp_path, monkeypatch, capsys):
    for name, without in (
        ("digits-gan", "*.safetensors"),
        ("digits-judge", "training"),
        ("digits-encoder-a", "training"),
    ):
        shutil.copytree(weights.folder(name), tmp_path / name, ignore=shutil.ignore_patterns(without))
    monkeypatch.setattr(weights, "ROOT", tmp_path)
    with pytest.raises(weights.WeightsError, match=r"are missing.*pretrain digits-gan --overwrite"):
        weights.card(tmp_path / "digits-gan")
    assert main(["pretrain", "digits-gan", "--steps", "1"]) == 2 and "--overwrite" in capsys.readouterr().err
    assert main(["pretrain", "digits-gan", "--steps", "1", "--overwrite"]) == 0
    assert weights.card(tmp_path / "digits-gan")["recipe"]["steps"] == 1


@pytest.mark.parametrize(
    ("name", "decay"),
    [("digits-gan", 0), ("digits-gan", 3), ("digits-guide", 0), ("digits-encoder-a", 0), ("digits-judge-b", 0)],
    ids=["gan", "decay", "guide", "encoder", "adversary"],
)
def test_interrupted_training_equals_whole_training(tmp_path, monkeypatch, name, decay):
    monkeypatch.setattr(pretrain, "CHECKPOINT", 2)
    recipe, calls = pretrain.recipe, []
    kind = pretrain.LEARNERS.get(recipe(name)["kind"], pretrain.GeneratorLearner)
    step = kind.step
    monkeypatch.setattr(pretrain, "recipe", lambda name: recipe(name) | {"decay": decay})
    whole = pretrain.pretrain(name, folder=tmp_path / "whole", steps=4)

    def interrupted(self):
        calls.append(len(calls))
        if len(calls) == 4:
            raise KeyboardInterrupt
        step(self)

    monkeypatch.setattr(kind, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pretrain.pretrain(name, folder=tmp_path / "parts", steps=4)
    parts = pretrain.pretrain(name, folder=tmp_path / "parts", steps=4)
    assert len(calls) == 4 + 2  # the second call went on after the checkpoint at step 2
    assert weights.sha256(whole) == weights.sha256(parts)
    card = json.loads((parts / "card.json").read_text())
    assert card["seed"] == weights.card(weights.folder(name))["seed"]
    if name == "digits-gan":
        assert len(list((parts / "training").glob("*/*.png"))) == 2
        assert np.isfinite(card["measured"]["quality"]["samples"]["fd"]["value"])
    elif name == "digits-encoder-a":
        assert card["measured"]["neighbours"]["category"]["value"] > 0.1
    else:
        assert 0 <= card["measured"]["accuracy"]["category"] <= 1


def test_a_recipe_may_ask_for_mirrored_images(monkeypatch):
    x = torch.arange(2.0).expand(1000, 1, 3, 2)
    mirrored = (augment.flipped(x) == x.flip(3)).flatten(1).all(1)
    assert 400 < mirrored.sum() < 600 and (augment.flipped(x)[:, 0, 0].sort(1).values == torch.arange(2.0)).all()
    calls = []
    monkeypatch.setattr(classifier, "flipped", lambda x: calls.append(len(x)) or x)
    for flip in (False, True):
        classifier.ClassifierLearner(pretrain.recipe("digits-guide") | {"flip": flip}).step()
    assert len(calls) == 1
