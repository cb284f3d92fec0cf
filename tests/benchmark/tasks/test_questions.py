"""What each task reveals and asks: runs of the smallest size."""

import numpy as np
import pytest
from toy_runs import REPOSITORY, planned, run, setup, write

from retouch.benchmark import tracks
from retouch.benchmark.run import copying, reveal
from retouch.benchmark.run.base_answers import base_answers
from retouch.benchmark.run.resolve import resolve
from retouch.benchmark.setup import goal
from retouch.benchmark.tasks import identity_removal

TRACK = tracks.load("tiny")
DISTINCT = {(one.task, one.base, len(one.target.get("values", []))): one for one in TRACK.instances}.values()
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
MUTE = """
class Mute:
    def __init__(self, flow):
        self.flow = flow

    def sample(self, n, rng):
        return self.flow.sample(n, rng)


def edit(generator, task, budget):
    return Mute(generator)
"""


def test_a_target_goes_by_what_its_task_knows():
    assert goal(identity_removal, {}) == ("identity_share", 0.0)
    assert goal(identity_removal, {"by": "likelihood"}) == ("unseen_quantile", 0.01)
    with pytest.raises(ValueError, match="by is 'smell'; identity removal knows likelihood"):
        goal(identity_removal, {"by": "smell"})


def test_a_flows_likelihoods_drop_where_it_forgets(tmp_path, monkeypatch):
    monkeypatch.setattr(identity_removal, "SETS", dict.fromkeys(identity_removal.SETS, 12))
    monkeypatch.setattr(identity_removal, "DATA", 60)
    monkeypatch.setattr(copying, "TRAINING", 1000)
    folder = write(tmp_path, "m", FORGETFUL, family="flow", task="identity_removal", access=["forget_images"])
    found = run(folder, "identity_removal/faces-flow", samples=200, floor=0.0)  # so few cover less
    assert found.status == "ok", found.reason
    drops = {name.removeprefix("quantile_drop_"): one for name, one in found.metrics.items() if "quantile_" in name}
    assert drops.keys() == identity_removal.SETS.keys() and {one.n for one in drops.values()} == {12}
    assert drops.pop("forget").value > 0.2  # all that they had
    assert [one.value for one in drops.values()] == pytest.approx([0] * 4, abs=1e-5)  # asked with the base's own noise


@pytest.mark.slow
def test_identity_by_likelihood(tmp_path):
    instance = "identity_removal/rendered-flow-by-likelihood"
    kept = write(tmp_path, "kept", entry="retouch.methods.unchanged:edit", family="flow", task="identity_removal")
    found = run(kept, instance)
    assert found.status == "ok", found.reason
    assert found.goal.low <= 0 <= found.goal.high and found.quality.low <= 1 <= found.quality.high
    assert found.metrics["unseen_quantile"].value == pytest.approx(0.755, abs=0.02)
    mute = write(tmp_path, "mute", MUTE, family="flow", task="identity_removal")
    found = run(mute, instance)
    assert found.goal is None and "unseen_quantile needs log-likelihoods" in found.reason


@pytest.mark.slow
def test_a_diffusion_model_left_as_it_is_scores_like_its_base(tmp_path):
    folder = write(tmp_path, "m", entry="retouch.methods.unchanged:edit", family="diffusion")
    found = run(folder, "category_redaction/digits-diffusion", samples=300)
    assert found.status == "ok", found.reason
    assert found.metrics["drift"].value == 0 and found.goal.low <= 0 <= found.goal.high and found.quality.high > 0.9


@pytest.mark.parametrize("instance", DISTINCT, ids=lambda one: one.name)
def test_an_instance_reveals_nothing_held_out(instance):
    looked_up = setup(instance.name)
    shown = looked_up.task.reveal(looked_up)
    kinds = {"identity_removal": {"forget", "retain"}, "category_redaction": {"forget", "retain"},
             "attribute_rebalancing": {"retain", "labelled"}, "output_diversity": {"retain"}}  # fmt: skip
    assert set(shown) == kinds[instance.task]
    held = {image.tobytes() for image in looked_up.task.reference(looked_up).images}
    for name, images in shown.items():
        assert len(images) > 0, name
        overlap = sum(image.tobytes() in held for image in images.images)
        assert overlap <= 0.02 * len(images), name  # a few 8x8 digits are alike to the last grey level
    if instance.task == "identity_removal":
        people, counts = np.unique(shown["forget"].labels["identity"], return_counts=True)
        assert (
            people.tolist() == sorted(instance.target["values"])
            and not np.isin(people, shown["retain"].labels["identity"]).any()
        )
        assert set(counts) == {instance.target["forget_images"]}


def test_a_base_answers_about_the_instances_own_images(monkeypatch):
    monkeypatch.setattr(identity_removal, "SETS", dict.fromkeys(identity_removal.SETS, 20))
    monkeypatch.setattr(identity_removal, "DATA", 20)
    for images in (4, 1):
        name = f"identity_removal/faces-flow-{images}-image{'s' * (images > 1)}"
        resolved = resolve(planned(REPOSITORY / "submissions" / "unchanged", name))
        answers = base_answers(resolved.setup, reveal.questions(resolved))
        assert answers["base_log_prob_forget"].shape == (5, images)
