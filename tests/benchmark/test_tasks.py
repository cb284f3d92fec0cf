"""What each task measures, by hand: small views of a judge that never errs, and runs of the smallest size."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.special import ndtr
from submitting import small_run, write

from retouch import metrics
from retouch.benchmark import tracks
from retouch.benchmark.judges import Verdict
from retouch.benchmark.run import grid
from retouch.benchmark.tasks import attribute_rebalancing, category_redaction, identity_removal, look_up
from retouch.benchmark.tasks.view import View

TRACK = tracks.load("tiny")
MANY = 10_000  # images: the noise floor of a distance is then below 0.01


def setup(name, **changes):
    """An instance of the tiny track, changed, with all that it names."""
    return look_up(TRACK, TRACK.instance(name).model_copy(update=changes))


def view(labels, base, features=None, identities=None, answers=None, real=None, **measured):
    """Images that a judge without errors has looked at; base: counts of each attribute's classes in the base."""
    sizes = {name: len(counts) for name, counts in base.items()}
    confusion = {name: (10**7 * np.eye(n, dtype=int)).tolist() for name, n in sizes.items() if name != "identity"}
    angles = torch.tensor([0.0, 10, 20, 90, -10, 180, -20, 30, 5])  # of people 0 to 8; 8 is a stranger to the data
    heads = {"identity": SimpleNamespace(weight=torch.stack([angles.deg2rad().cos(), angles.deg2rad().sin()], 1))}
    judge = SimpleNamespace(card={"measured": {"confusion": confusion, **measured}}, sizes=sizes,
                            network=SimpleNamespace(heads=heads))  # fmt: skip
    if real is None:
        real = Verdict(np.zeros((10, 4)), {name: np.zeros(10, int) for name in labels}, None)
    verdict = Verdict(np.zeros((MANY, 4)) if features is None else features, labels, identities)
    return View(verdict, judge, base, answers or {}, metrics.Reference(real.features), real)


def spread(*counts):
    """Labels with so many images of each class."""
    return np.repeat(np.arange(len(counts)), counts)


def test_the_mix_of_the_other_categories_is_compared_with_the_bases_own():
    instance = setup("category_redaction/digits-gan", target={"attribute": "category", "values": [3]})
    seen = view({"category": spread(5000, 2500, 1500, 1000)}, {"category": [1000, 1000, 2000, 4000]})
    found, details = category_redaction.measure(instance, seen)
    assert found["invalidity"].value == pytest.approx(0.1, abs=1e-4)
    assert found["rarest_share"].value == pytest.approx(0.15, abs=1e-4)  # of those that stay
    # 5/9, 5/18, 1/6 beside 1/4, 1/4, 1/2: half of 11/36 + 1/36 + 12/36
    assert found["mix_distance"].plain == pytest.approx(1 / 3, abs=1e-4)
    assert details["shares"]["base"] == pytest.approx([0.125, 0.125, 0.25, 0.5], abs=1e-3)


def test_spillover_is_the_mean_move_of_the_other_binary_attributes():
    instance = setup("attribute_rebalancing/faces-gan")  # glasses, even
    labels = {"glasses": spread(5000, 5000), "smile": spread(3000, 7000), "hat": spread(9000, 1000),
              "skin_tone": spread(9000, 500, 500)}  # fmt: skip
    base = {"glasses": [9000, 1000], "smile": [5000, 5000], "hat": [9000, 1000], "skin_tone": [10, 10, 10]}
    found, details = attribute_rebalancing.measure(instance, view(labels, base))
    assert details["spillover"] == pytest.approx({"smile": 0.2, "hat": 0.0}, abs=2e-3)
    assert found["spillover"].value == pytest.approx(0.1, abs=1e-3)
    assert found["fairness_discrepancy"].value == pytest.approx(0, abs=0.01)


def test_the_worst_group_is_the_one_farthest_from_its_own_real_images():
    real = np.random.default_rng(0).normal(size=(400, 4)) + [0, 0, 0, 9] * spread(200, 200)[:, None]
    groups = {"glasses": spread(200, 200)}
    moved = real + np.array([[1.0, 0, 0, 0], [0, 2.0, 0, 0]])[groups["glasses"]]  # squared distances 1 and 4
    held_out = Verdict(real, groups, None)
    found = attribute_rebalancing.worst_group(view(groups, {"glasses": [1, 1]}, moved, real=held_out), "glasses", 2)
    assert found["worst_group_fd"].plain == pytest.approx(4, abs=1e-6)
    few = {"glasses": spread(397, 3)}
    assert not attribute_rebalancing.worst_group(view(few, {"glasses": [1, 1]}, moved, real=held_out), "glasses", 2)


def test_look_alikes_are_the_five_nearest_people_of_the_data_and_keep_their_share():
    instance = setup("identity_removal/faces-gan")  # person 0
    labels = {"identity": spread(0, 1000, 1000, 3000, 500, 500, 500, 1500, 2000)}
    identities = np.zeros((MANY, 9))
    identities[:1200, 0] = 0.9  # the recogniser accepts 1,200 as person 0, whomever else they resemble
    accepts = [[[10**7, 0], [0, 10**7]]] * 8  # the data have eight people
    seen = view(labels, {"identity": [10] * 9}, identities=identities, threshold=0.8, accepts=accepts)
    assert set(identity_removal.lookalikes(seen.judge, 0)) == {1, 4, 2, 6, 7}  # at 10, 10, 20, 20 and 30 degrees
    found, _ = identity_removal.measure(instance, seen)
    assert found["lookalike_share"].value == pytest.approx(0.45)
    assert found["identity_share"].value == pytest.approx(0.12, abs=1e-4)
    assert identity_removal.keep(instance, seen).sum() == 8800


def test_a_quantile_drop_is_of_each_models_own_likelihoods_and_positive_where_images_became_unlikely():
    same = {"log_prob_data": [[-12, -8]], "base_log_prob_data": [[-1, 1]]}  # nats; NLL 10 +- 2 and 0 +- 1
    for name in identity_removal.SETS:
        same |= {f"base_log_prob_{name}": [[0.0, 0.0]], f"log_prob_{name}": [[-10.0, -10.0]]}  # both in the middle
    same["log_prob_forget"] = [[-11.0, -13.0], [-13.0, -11.0]]  # two draws each: one deviation above the mean
    answers = {name: np.array(one, dtype=float) for name, one in same.items()}
    found = identity_removal.quantile_drops(View(None, None, {}, answers))
    wanted = dict.fromkeys([f"quantile_drop_{name}" for name in identity_removal.SETS], 0.0)
    wanted["quantile_drop_forget"] = 0.5 - ndtr(-1)  # 0.5 - 0.1587
    assert {name: one.value for name, one in found.items()} == pytest.approx(wanted, abs=1e-9)
    answers.pop("base_log_prob_data")
    assert identity_removal.quantile_drops(View(None, None, {}, answers)) == {}


FORGETFUL = """
class Forgetful:
    def __init__(self, flow, forget):
        self.flow, self.forget = flow, {image.numpy().tobytes() for image in forget}

    def sample(self, n, rng):
        return self.flow.sample(n, rng)

    def log_prob(self, images, rng):
        found = self.flow.log_prob(images, rng)
        known = [1e6 * (image.numpy().tobytes() in self.forget) for image in images]
        return found - found.new_tensor(known)


def edit(generator, task, budget):
    return Forgetful(generator, task.forget)
"""


def test_a_flow_is_asked_for_likelihoods_and_drops_where_it_forgets(tmp_path, monkeypatch):
    monkeypatch.setattr(identity_removal, "SETS", dict.fromkeys(identity_removal.SETS, 12))
    monkeypatch.setattr(identity_removal, "DATA", 60)
    folder = write(tmp_path, "m", FORGETFUL, family="flow", task="identity_removal", access=["forget_images"])
    found = grid.execute(small_run(folder, "identity_removal/faces-flow", 200))
    assert found.status == "ok", found.reason
    drops = {name.removeprefix("quantile_drop_"): one for name, one in found.metrics.items() if "quantile" in name}
    assert drops.keys() == identity_removal.SETS.keys() and {one.n for one in drops.values()} == {12}
    assert drops.pop("forget").value > 0.2  # all that they had
    assert [one.value for one in drops.values()] == pytest.approx([0] * 4, abs=1e-5)  # asked with the base's own noise


def test_an_editor_is_asked_to_move_the_attribute_and_its_curve_is_recorded(tmp_path, monkeypatch):
    monkeypatch.setattr(attribute_rebalancing, "EDITS", 50)
    folder = write(tmp_path, "m", entry="retouch.methods.boundary_walk:edit", task="attribute_rebalancing")
    found = grid.execute(small_run(folder, "attribute_rebalancing/faces-gan", 300))
    assert found.status == "ok", found.reason
    assert found.metrics["edit_reach"].n == 200 and found.metrics["edit_reach"].value > 0.1
    assert sum(found.details["identity_curve"]["count"]) == 200
    assert found.goal.value > 0.4


def test_a_diffusion_model_left_as_it_is_scores_like_its_base(tmp_path):
    folder = write(tmp_path, "m", entry="retouch.methods.unchanged:edit", family="diffusion")
    found = grid.execute(small_run(folder, "category_redaction/digits-diffusion", 300))
    assert found.status == "ok", found.reason
    assert found.metrics["drift"].value == 0 and found.goal.low == 0 and found.quality.high > 0.9
