"""Ensembles of judges: one member is that member, agreement is never unclear, a hash binds the members."""

import json
import shutil

import numpy as np
import pytest
import torch

from retouch.benchmark import data, purify, weights
from retouch.benchmark.cli.main import main
from retouch.benchmark.data import population
from retouch.benchmark.ensemble import Judges, Votes
from retouch.benchmark.generators.gan import to_float
from retouch.benchmark.judges import Classifier, Judge, below
from retouch.benchmark.train import measure_ensemble, pretrain


@pytest.fixture(scope="module")
def judge():
    return Judge.load(weights.folder("digits-judge"))


@pytest.fixture(scope="module")
def guide():
    return Judge.load(weights.folder("digits-guide"))


@pytest.fixture(scope="module")
def held():
    return data.load({"name": "digits"}, "heldout")


def test_an_ensemble_of_one_equals_its_member(judge, held):
    votes, seen = Judges([judge], ["plain"], {}).look(held.images), judge.look(held.images)
    assert (votes.labels["category"] == seen.labels["category"]).all()
    assert votes.probs["category"][0] == pytest.approx(judge.probs(seen, "category"), abs=1e-5)
    assert (votes.guess("category") == seen.guess("category")).all()
    again = Votes.of(votes.arrays())
    assert (again.members("category") == seen.members("category")).all() and again.thresholds is None


def test_a_recogniser_of_one_equals_its_member(cache):
    judge = Judge.load(weights.folder("faces-judge"))
    images = data.load({"name": "faces", "size": 16, "people": 24, "n": 30}, "heldout").images
    limit = judge.card["measured"]["threshold"]
    votes = Judges([judge], ["plain"], {"measured": {"thresholds": [limit]}}).look(images)
    seen = judge.look(images)
    assert votes.similarity[0] == pytest.approx(seen.identities, abs=1e-5)
    for person in range(3):
        assert (votes.accepts(person) == (seen.identities[:, person] >= limit)).all()
        assert (votes.accepting(person) == judge.accepting(seen, person)).all()
    unit = seen.features / np.linalg.norm(seen.features, axis=1, keepdims=True)
    assert votes.features @ votes.features[0] == pytest.approx(unit @ unit[0], abs=1e-5)
    assert (votes.labels["identity"] == seen.labels["identity"]).all()


def test_nothing_is_unclear_where_members_agree(judge, guide, held):
    assert (Judges([judge, judge], ["plain"], {}).look(held.images).labels["category"] < 10).all()
    votes = Judges([judge, guide], ["plain"], {}).look(held.images)
    labels, (one, two) = votes.labels["category"], votes.members("category")
    assert 0 < (labels == 10).mean() < 0.2
    assert ((labels == 10) == (one != two)).all() and (labels[one == two] == one[one == two]).all()


def test_one_dissenting_member_makes_an_image_unclear():
    probs = np.zeros((3, 4, 2), np.float32)
    for image, votes in enumerate([(0, 0, 0), (1, 1, 1), (0, 0, 1), (1, 0, 1)]):
        probs[np.arange(3), image, votes] = 1
    assert Votes({"hat": probs}).labels["hat"].tolist() == [0, 1, 2, 2]
    similarity = np.array([[[0.9], [0.1], [0.9]], [[0.7], [0.1], [0.5]]])
    assert Votes({}, None, similarity, np.array([0.8, 0.6])).accepts(0).tolist() == [1, 0, 2]


def test_what_is_no_ensemble_is_refused(judge):
    other = Judge(Classifier("plain", 1, 8, {"category": 3}), {"config": {"heads": {"category": 3}}})
    for members, views, message in (
        ([], ["plain"], "at least one member"), ([judge], [], "one view"), ([judge], ["sharpen"], "no view 'sharpen'"),
        ([judge, other], ["plain"], "same attributes"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            Judges(members, views, {})


@pytest.mark.parametrize("name", purify.VIEWS)
def test_views_keep_even_images_and_work_on_each_alone(name):
    view, even = purify.VIEWS[name], torch.linspace(-1, 1, 8).view(8, 1, 1, 1).expand(8, 3, 9, 9)
    assert view(even) == pytest.approx(even, abs=1e-5)
    x = torch.rand(5, 3, 16, 16) * 2 - 1
    assert torch.allclose(view(x)[2:3], view(x[2:3]), atol=1e-6) and view(x).shape == x.shape


@pytest.mark.parametrize("name", [name for name in purify.VIEWS if name != "plain"])
def test_purifying_takes_fine_patterns_out_of_an_image(name, held):
    x = to_float(torch.from_numpy(held.images[:50]))
    pattern = 0.05 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0)).sign()
    view = purify.VIEWS[name]
    assert (view(x + pattern) - view(x)).square().mean() < pattern.square().mean() or name == "squeeze"
    if name == "squeeze":  # nothing below half a step is left
        assert (view(x) == view(view(x) + 0.9 / 7)).all()


def test_the_attack_fools_the_guide_within_its_levels(guide, held):
    x, truth = to_float(torch.from_numpy(held.images[:50])), torch.from_numpy(held.labels["category"][:50])
    wanted = (truth + 1) % 10
    moved = measure_ensemble.attack(guide.network, "category", x, wanted, levels=64)
    assert (moved - x).abs().max() <= 64 / 127.5 + 1e-6 and moved.abs().max() <= 1
    before, after = (guide.network(one)["category"].argmax(1) == wanted for one in (x, moved))
    assert before.sum() <= 2 and after.float().mean() > 0.8


def test_an_ensemble_is_measured_and_bound_to_its_members(tmp_path, monkeypatch):
    for name in ("digits-judge", "digits-guide"):
        shutil.copytree(weights.folder(name), tmp_path / name)
    monkeypatch.setattr(weights, "ROOT", tmp_path)
    plan = {"kind": "ensemble", "data": {"name": "digits"}, "members": ["digits-judge", "digits-guide"], "steps": 0,
            "views": ["plain", "resize"], "heads": ["category"], "guide": "digits-guide"}  # fmt: skip
    monkeypatch.setattr(pretrain, "recipe", lambda name: plan)
    folder = pretrain.pretrain("digits-judges")
    card = json.loads((folder / "card.json").read_text())
    table, held = np.array(card["measured"]["confusion"]["category"]), data.load({"name": "digits"}, "heldout")
    assert table.shape == (10, 11) and (table.sum(1) == np.bincount(held.labels["category"])).all()
    votes = Judges.load(folder).look(held.images)
    assert (votes.labels["category"] == 10).sum() == table[:, 10].sum() > 0
    attacked = card["measured"]["attacks"]["13"]
    assert attacked["unclear"] > 0.05 and sum(attacked.values()) <= 1.001
    changed = json.loads((tmp_path / "digits-guide" / "card.json").read_text())
    tensors = tmp_path / "digits-guide" / "model.safetensors"
    tensors.write_bytes(tensors.read_bytes()[:-2] + b"\0\0")
    changed["sha256"] = weights.sha256(tmp_path / "digits-guide")
    (tmp_path / "digits-guide" / "card.json").write_text(json.dumps(changed))
    with pytest.raises(weights.WeightsError, match=r"digits-guide is not the member.*pretrain digits-judges"):
        Judges.load(folder)
    (folder / "ensemble.json").write_text("{}")
    with pytest.raises(weights.WeightsError, match="the card says"):
        Judges.load(folder)


def test_recognisers_get_thresholds_at_the_stated_false_accepts(monkeypatch):
    monkeypatch.setattr(measure_ensemble, "HELD_OUT", 200)
    judge = Judge.load(weights.folder("faces-judge"))
    plan = {"data": {"name": "faces", "size": 16, "people": 24, "n": 200}}
    found = measure_ensemble.measure_ensemble(Judges([judge, judge], ["plain"], {}), plan)
    accepts = np.array(found["accepts"])
    assert accepts.shape == (24, 2, 3) and (accepts.sum((1, 2)) == 200).all() and not accepts[..., 2].any()
    assert found["together"]["unclear"] == 0 <= found["together"]["false"] <= 0.0011
    assert found["thresholds"][0] == found["thresholds"][1] > judge.card["measured"]["threshold"]
    assert found["members"][0]["true_accepts"] == found["together"]["true"] > 0.8
    assert found["false_accepts_strangers"] == pytest.approx([0.001, 0.001], abs=2e-4)


def test_people_who_set_the_threshold_were_in_no_training():
    plan = {"data": {"name": "faces", "size": 16, "people": 24, "n": 9}}
    seen = data.load({**plan["data"], "n": 60}, "strangers").images
    assert not any(
        (image == seen).all((1, 2, 3)).any() for image in measure_ensemble.unknown_people(plan, 24).images[:9]
    )
    everyone, few = population.population(0, 30), population.population(0, 4)
    assert all((values[:4] == few[name]).all() for name, values in everyone.items())  # nobody depends on who follows


def test_a_gate_names_what_misses_it():
    heads = {"hat": {"value": 0.97}, "smile": {"value": 0.91}}
    card = {"name": "a-judge", "measured": {"balanced_accuracy": heads, "true_accepts": 0.8}}
    assert below(card, {"balanced_accuracy": 0.9, "true_accepts": 0.7}) == []
    assert below(card, {"balanced_accuracy": 0.95, "true_accepts": 0.9}) == [
        "a-judge: balanced accuracy of smile is 0.910, the gate asks for 0.95",
        "a-judge: true accepts of identity is 0.800, the gate asks for 0.9",
    ]
    ensemble = {"name": "judges", "measured": {"members": [card["measured"], {"balanced_accuracy": {}}]}}
    assert below(ensemble, {"balanced_accuracy": 0.95})[0].startswith("member 0 of judges: balanced accuracy of smile")
    with pytest.raises(ValueError, match="a-judge has no auc: `retouch measure a-judge`"):
        below(card, {"auc": 0.9})


def test_a_card_is_brought_up_to_date_without_training(tmp_path, capsys):
    folder = shutil.copytree(weights.folder("digits-guide"), tmp_path / "digits-guide")
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | {"measured": {}}))
    assert main(["measure", str(folder)]) == 0
    again = weights.card(folder)
    assert again.pop("measured")["confusion"] == card.pop("measured")["confusion"] and again == card
    assert main(["measure", "digits-guid"]) == 2 and "did you mean digits-guide" in capsys.readouterr().err
