"""What each task measures, by hand: small views of a judge that never errs."""

import numpy as np
import pytest
import torch
from scipy.special import ndtr
from toy_runs import setup

from retouch import metrics
from retouch.benchmark import joint, spec, tasks, tracks
from retouch.benchmark.judges import Judge, Verdict
from retouch.benchmark.run import look, score
from retouch.benchmark.tasks import attribute_rebalancing, category_redaction, edits, identity_removal, output_diversity
from retouch.benchmark.tasks.view import Groups, Space, View, two_classes

TRACK = tracks.load("tiny")
MANY = 10_000  # images: the noise floor of a distance is then below 0.01


def view(labels, base, features=None, identities=None, answers=None, real=None, **measured):
    """Images that a judge without errors has looked at; base: counts of each attribute's classes in the base."""
    sizes = {name: len(counts) for name, counts in base.items()}
    confusion = {name: (10**7 * np.eye(n, dtype=int)).tolist() for name, n in sizes.items() if name != "identity"}
    angles = torch.tensor([0.0, 10, 20, 90, -10, 180, -20, 30, 5])  # of people 0 to 8; 8 is a stranger to the data
    heads = {"identity": torch.nn.Linear(2, len(angles), bias=False)}
    heads["identity"].weight.data = torch.stack([angles.deg2rad().cos(), angles.deg2rad().sin()], 1)
    judge = Judge(torch.nn.Module(), {"config": {"heads": sizes}, "measured": {"confusion": confusion, **measured}})
    judge.network.heads = torch.nn.ModuleDict(heads)
    if real is None:
        real = Verdict(np.zeros((10, 4)), {name: np.zeros(10, int) for name in labels}, None)
    verdict = Verdict(np.zeros((MANY, 4)) if features is None else features, labels, identities)
    space = Space("encoder", verdict.features, metrics.Reference(real.features))
    return View(verdict, judge, base, answers or {}, real, (space,))


def spread(*counts):
    """Labels with so many images of each class."""
    return np.repeat(np.arange(len(counts)), counts)


def test_the_other_categories_mix_is_compared_with_the_base():
    instance = setup("category_redaction/digits-gan", target={"attribute": "category", "values": [3]})
    seen = view({"category": spread(5000, 2500, 1500, 1000)}, {"category": [1000, 1000, 2000, 4000]})
    found, details = category_redaction.measure(instance, seen)
    assert found["invalidity"].value == pytest.approx(0.1, abs=1e-4)
    assert found["rarest_share"].value == pytest.approx(0.15, abs=1e-4)  # of those that stay
    # 5/9, 5/18, 1/6 beside 1/4, 1/4, 1/2: half of 11/36 + 1/36 + 12/36
    assert found["mix_distance"].plain == pytest.approx(1 / 3, abs=1e-4)
    assert details["shares"]["base"] == pytest.approx([0.125, 0.125, 0.25, 0.5], abs=1e-3)


def test_spillover_is_the_mean_move_of_other_attributes():
    instance = setup("attribute_rebalancing/faces-gan")  # glasses, even
    labels = {"glasses": spread(5000, 5000), "smile": spread(3000, 7000), "hat": spread(9000, 1000),
              "skin_tone": spread(9000, 500, 500)}  # fmt: skip
    base = {"glasses": [9000, 1000], "smile": [5000, 5000], "hat": [9000, 1000], "skin_tone": [10, 10, 10]}
    found, details = attribute_rebalancing.measure(instance, view(labels, base))
    assert details["spillover"] == pytest.approx({"smile": 0.2, "hat": 0.0}, abs=2e-3)
    assert found["spillover"].value == pytest.approx(0.1, abs=1e-3)
    assert found["fairness_discrepancy"].value == pytest.approx(0, abs=0.01)


def test_the_worst_group_is_farthest_from_its_real_images():
    real = np.random.default_rng(0).normal(size=(400, 4)) + [0, 0, 0, 9] * spread(200, 200)[:, None]
    groups = {"glasses": spread(200, 200)}
    moved = real + np.array([[1.0, 0, 0, 0], [0, 2.0, 0, 0]])[groups["glasses"]]  # squared distances 1 and 4
    held_out = Verdict(real, groups, None)
    found = attribute_rebalancing.worst_group(view(groups, {"glasses": [1, 1]}, moved, real=held_out), "glasses", 2)
    assert found["worst_group_fd"].plain == pytest.approx(4, abs=1e-6)
    few = {"glasses": spread(397, 3)}
    assert not attribute_rebalancing.worst_group(view(few, {"glasses": [1, 1]}, moved, real=held_out), "glasses", 2)


def test_look_alikes_are_the_five_nearest_people():
    instance = setup("identity_removal/faces-gan")  # person 0
    labels = {"identity": spread(0, 1000, 1000, 3000, 500, 500, 500, 1500, 2000)}
    identities = np.zeros((MANY, 9))
    identities[:1200, 0] = 0.9  # the recogniser accepts 1,200 as person 0, whomever else they resemble
    accepts = [[[10**7, 0], [0, 10**7]]] * 8  # the data have eight people
    seen = view(labels, {"identity": [10] * 9}, identities=identities, threshold=0.8, accepts=accepts)
    assert set(identity_removal.lookalikes(seen.judge, [0])) == {1, 4, 2, 6, 7}  # at 10, 10, 20, 20 and 30 degrees
    found, _ = identity_removal.measure(instance, seen)
    assert found["lookalike_share"].value == pytest.approx(0.45)
    assert found["identity_share"].value == pytest.approx(0.12, abs=1e-4)
    assert identity_removal.keep(instance, seen).sum() == 8800


def test_two_people_count_as_one_and_are_nobodys_look_alikes():
    instance = setup("identity_removal/faces-gan", target={"attribute": "identity", "values": [0, 3]})
    identities = np.zeros((MANY, 9))
    identities[:1200, 0] = identities[800:2000, 3] = 0.9  # 400 images pass as both
    accepts = [[[9 * 10**6, 0], [0, 10**6]]] * 8
    accepts[3] = [[9 * 10**6 - 90, 90], [10**5, 9 * 10**5]]
    seen = view({"identity": spread(*[1000] * 8, 2000)}, {"identity": [10] * 9}, None, identities,
                threshold=0.8, accepts=accepts)  # fmt: skip
    near = identity_removal.lookalikes(seen.judge, [0, 3])
    assert not {0, 3} & set(near) and {1, 4, 2, 6, 7} <= set(near) and len(near) == len(set(near))
    joint = identity_removal.accepts(seen.judge, [0, 3])
    assert joint.tolist() == [[9 * 10**6 - 90, 90], [10**5, 19 * 10**5]]
    assert identity_removal.measure(instance, seen)[0]["identity_share"].plain == pytest.approx(0.2)
    assert identity_removal.keep(instance, seen).sum() == 8000


def test_a_quantile_drop_is_by_each_models_own_likelihoods():
    same = {"log_prob_data": [[-12, -8]], "base_log_prob_data": [[-1, 1]]}  # nats; NLL 10 +- 2 and 0 +- 1
    for name in identity_removal.SETS:
        same |= {f"base_log_prob_{name}": [[0.0, 0.0]], f"log_prob_{name}": [[-10.0, -10.0]]}  # both in the middle
    same["log_prob_forget"] = [[-11.0, -13.0], [-13.0, -11.0]]  # two draws each: one deviation above the mean
    answers = {name: np.array(one, dtype=float) for name, one in same.items()}
    found = identity_removal.quantile_drops(View(None, None, {}, answers))
    wanted = dict.fromkeys([f"quantile_drop_{name}" for name in identity_removal.SETS], 0.0)
    wanted["quantile_drop_forget"] = 0.5 - ndtr(-1)  # 0.5 - 0.1587
    wanted |= {"unseen_quantile": 0.5, "others_quantile": 0.5}
    assert {name: one.value for name, one in found.items()} == pytest.approx(wanted, abs=1e-9)
    answers["log_prob_unseen"] -= 2
    answers["log_prob_others"] -= 2  # two of six images of other people
    found = identity_removal.quantile_drops(View(None, None, {}, answers))
    assert found["unseen_quantile"].value == pytest.approx(ndtr(-1))
    assert found["others_quantile"].value == pytest.approx((1 + ndtr(-1)) / 3) and found["others_quantile"].n == 6
    answers.pop("base_log_prob_data")
    assert identity_removal.quantile_drops(View(None, None, {}, answers)) == {}


def test_the_editing_curve_tells_an_editor_from_none():
    instance = setup("attribute_rebalancing/faces-gan")
    images = instance.task.reference(instance)
    with_glasses = images.images[images.labels["glasses"] == 1][: edits.EDITS]
    without = images.images[images.labels["glasses"] == 0][: edits.EDITS]
    same = np.stack([without] * edits.VALUES)
    other = np.concatenate([same[:1], np.stack([with_glasses] * (edits.VALUES - 1))])
    judge = look.judge(instance)
    found = [edits.measure(View(None, judge, {}, {"edits_glasses": one}), "glasses") for one in (same, other)]
    assert found[0][0]["edit_reach"].value == 0 and "edited_identity" not in found[0][0]
    still, moved = (details["identity_curve"] for _, details in found)
    assert still["identity"][0] == pytest.approx(1, abs=1e-4) and still["identity"][-1] is None
    assert found[1][0]["edit_reach"].value > 0.98  # other people with glasses: moved, and no longer the same
    assert found[1][0]["edited_identity"].value < 0.6
    assert sum(moved["count"]) == (edits.VALUES - 1) * edits.EDITS


def test_a_pair_of_attributes_is_judged_by_cells_of_a_table():
    import retouch

    instance = setup("attribute_rebalancing/faces-gan-pair")
    task = retouch.load("tiny/attribute_rebalancing/faces-gan-pair")
    images, labels = task.labelled
    truth = 2 * labels["glasses"] + labels["smile"]
    view = View(look.judge(instance).look(images.numpy()), look.judge(instance))
    assert (view.guesses(["glasses", "smile"]) == truth.numpy()).mean() > 0.99
    confusion = view.confusion(["glasses", "smile"])
    assert confusion.shape == (4, 5) and np.trace(confusion) > 0.99 * confusion.sum() and not confusion[:, 4].any()
    probs = task.guide.probs(images, ["glasses", "smile"])
    assert probs.sum(1).numpy() == pytest.approx(1, abs=1e-5)
    assert (probs.argmax(1) == truth).double().mean() > 0.97
    assert set(score.counts(instance, view.verdict)) >= {"glasses", "smile", "glasses, smile"}


def test_the_contract_of_a_task_is_what_a_module_is_held_to():
    assert spec.members(spec.TaskModule) == {*tasks.WORDS, *tasks.FUNCTIONS}
    assert all(hasattr(Judge, name) or name == "card" for name in spec.members(spec.Judge))


def test_groups_without_an_image_have_no_weight():
    groups = Groups(spread(60, 40), spread(10, 10, 10), np.array([0.5, 0.25, 0.25]))
    assert groups.weights[[0, 99]] == pytest.approx([0.5 / 0.6, 0.25 / 0.4])
    assert Groups(spread(60), spread(10), np.array([1.0])).weights == pytest.approx(1)
    assert (groups[np.array([0, 99])].labels == [0, 1]).all()


def test_an_unclear_value_makes_an_unclear_cell():
    labels = {"a": np.array([0, 1, 2, 1]), "b": np.array([2, 1, 0, 3])}
    assert joint.cells(labels, ["a", "b"], {"a": 2, "b": 3}).tolist() == [2, 4, 6, 6]


def test_a_table_by_class_as_one_of_two_classes():
    table = two_classes(np.array([[90, 0, 10], [5, 80, 15]]), (1,))
    assert table.tolist() == [[90, 0, 10], [5, 80, 15]]
    assert two_classes(np.array([[9, 1, 0, 2], [0, 8, 2, 2], [1, 0, 9, 2]]), (2,)).tolist() == [[18, 2, 4], [1, 9, 2]]


def test_noise_adds_nothing_to_diversity():
    instance = setup("output_diversity/digits-gan")
    images = output_diversity.reference(instance).images[:300]
    noisy = np.concatenate([images[:270], np.random.default_rng(0).integers(0, 256, (30, 1, 8, 8), dtype=np.uint8)])
    views = [score.view(instance, {"samples": these}, {}) for these in (images, noisy, 255 - images)]
    clean, dirty, broken = (output_diversity.measure(instance, one)[0] for one in views)
    assert dirty["vendi"].value > clean["vendi"].value + 0.8
    assert dirty["plausible_vendi"].value < clean["plausible_vendi"].value + 0.1
    assert broken["plausible_vendi"].value == 0


def test_images_are_averaged_to_eight_pixels_a_side():
    large = np.kron(np.arange(128).reshape(2, 1, 8, 8), np.ones((2, 2))).astype(np.uint8)
    assert (output_diversity.seen_from_afar(large) == np.arange(128).reshape(2, 64)).all()
