"""What each task reveals and asks: runs of the smallest size."""

import numpy as np
import pytest
from toy_runs import REPOSITORY, planned, run, setup, write

from retouch.benchmark import tracks
from retouch.benchmark.run import copying, reveal
from retouch.benchmark.run.base_answers import base_answers
from retouch.benchmark.run.resolve import resolve
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


def test_a_flows_likelihoods_drop_where_it_forgets(tmp_path, monkeypatch):
    monkeypatch.setattr(identity_removal, "SETS", dict.fromkeys(identity_removal.SETS, 12))
    monkeypatch.setattr(identity_removal, "DATA", 60)
    monkeypatch.setattr(copying, "TRAINING", 1000)
    folder = write(tmp_path, "m", FORGETFUL, family="flow", task="identity_removal", access=["forget_images"])
    found = run(folder, "identity_removal/faces-flow", samples=200, floor=0.0)  # so few cover less
    assert found.status == "ok", found.reason
    drops = {name.removeprefix("quantile_drop_"): one for name, one in found.metrics.items() if "quantile" in name}
    assert drops.keys() == identity_removal.SETS.keys() and {one.n for one in drops.values()} == {12}
    assert drops.pop("forget").value > 0.2  # all that they had
    assert [one.value for one in drops.values()] == pytest.approx([0] * 4, abs=1e-5)  # asked with the base's own noise


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
