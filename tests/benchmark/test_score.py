"""Laws of scoring, over every task of the tiny track: an oracle scores 1, order does not matter, the scale is exact."""

from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from retouch import metrics
from retouch.benchmark import tracks, weights
from retouch.benchmark.records import Scaled, harmonic
from retouch.benchmark.run import score
from retouch.benchmark.setup import Setup
from retouch.benchmark.tasks import look_up
from retouch.benchmark.tasks.view import View
from retouch.benchmark.train import anchors

TRACK = tracks.load("tiny")
SCORED = [instance for instance in TRACK.instances if not instance.tuning]
ONE_A_TASK = {instance.task: instance for instance in SCORED if instance.family == "gan"}  # of rebalancing, the pair


def setup(name: str) -> Setup:
    """An instance of the tiny track with all that it names."""
    return look_up(TRACK, TRACK.instance(name))


def oracle(instance: Setup) -> np.ndarray:
    """Real images as the output should be, as many as are asked for, in a fixed shuffle."""
    images = instance.task.reference(instance).images
    rng = np.random.default_rng(0)
    return images[rng.permutation(np.resize(rng.permutation(len(images)), instance.instance.samples))]


@cache
def scored(task: str, what: str) -> score.Scores:
    """The scores of real images as they should be, or of a control's with a seed that the scale has not seen."""
    instance = setup(ONE_A_TASK[task].name)
    if what == "oracle":
        return score.score(instance, {"samples": oracle(instance)})
    network = {"unchanged": instance.base, "retrained": instance.retrained}[what]
    samples = weights.load(network.folder).sample(instance.instance.samples, torch.Generator().manual_seed(5))
    return score.score(instance, {"samples": samples.numpy()})


@pytest.mark.parametrize("task", ONE_A_TASK)
def test_an_oracle_scores_one(task):
    found = scored(task, "oracle")
    assert found.goal.high == 1 and found.goal.value > 0.9
    assert found.quality.value > 0.95


@pytest.mark.parametrize("task", ONE_A_TASK)
def test_the_controls_score_zero_and_one(task):
    unchanged, retrained = scored(task, "unchanged"), scored(task, "retrained")
    assert unchanged.goal.low == 0 and unchanged.goal.value < 0.15
    assert retrained.goal.high == 1 and retrained.goal.value > 0.85
    assert min(unchanged.quality.value, retrained.quality.value) > 0.85


def test_the_scale_that_ships_is_what_the_controls_measure():
    instance = TRACK.instance("category_redaction/digits-gan")
    shipped, found = tracks.scale(TRACK.name)[instance.name], anchors.anchors(setup(instance.name))
    assert found["unit"] == pytest.approx(shipped["unit"], rel=1e-3)
    for control in ("unchanged", "retrained"):
        for name, was in shipped[control].items():
            assert found[control][name]["value"] == pytest.approx(was["value"], abs=3 * was["se"]), (control, name)
            assert found[control][name]["se"] == pytest.approx(was["se"], rel=0.5)
    for name, counts in shipped["counts"].items():  # another processor may round an image to the other side
        assert np.abs(np.subtract(found["counts"][name], counts)).sum() < 0.02 * sum(counts), name


def test_references_from_the_cache_are_those_that_were_computed(cache, monkeypatch):
    instance = setup(ONE_A_TASK["identity_removal"].name)
    monkeypatch.setattr(score, "_references", {})
    computed, seen = score.reference(instance)
    assert score.reference(setup("identity_removal/faces-flow"))[0] is computed  # the same held-out images
    monkeypatch.setattr(score, "_references", {})
    monkeypatch.setattr(score.Judge, "look", None)  # what is read back needs no judge
    read, again = score.reference(instance)
    assert (read.features == computed.features).all() and (again.identities == seen.identities).all()
    assert seen.labels.keys() == again.labels.keys()
    assert all((again.labels[name] == seen.labels[name]).all() for name in seen.labels)


@pytest.mark.parametrize("task", ONE_A_TASK)
def test_the_order_of_samples_does_not_matter_beyond_the_jackknife(task):
    """Its blocks are made in the samples' order; the value of every other metric is the same to the last digit."""
    instance = setup(ONE_A_TASK[task].name)
    first, second = scored(task, "oracle"), score.score(instance, {"samples": oracle(instance)[::-1]})
    for name, one in first.metrics.items():
        jackknifed = name in ("fd", "worst_group_fd") or name.startswith("vendi")
        slack = 0.2 * (one.high - one.low) if jackknifed else 2e-6
        assert second.metrics[name].value == pytest.approx(one.value, abs=slack), name


@pytest.mark.parametrize("instance", TRACK.instances, ids=lambda one: one.name)
def test_every_instance_reveals_what_its_task_says_and_nothing_held_out(instance):
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
        assert len(shown["forget"]) == instance.target["forget_images"]
        assert set(shown["forget"].labels["identity"]) == {instance.target["values"][0]}


@pytest.mark.parametrize("instance", TRACK.instances, ids=lambda one: one.name)
def test_the_scale_tells_the_controls_apart(instance):
    anchors = tracks.scale(TRACK.name)[instance.name]
    goal = setup(instance.name).task.GOAL
    low, high = anchors["unchanged"][goal], anchors["retrained"][goal]
    assert abs(low["value"] - high["value"]) > 4 * np.hypot(low["se"], high["se"])


@given(st.floats(-2, 2), st.floats(0, 1), st.floats(0, 1), st.booleans())
def test_goal_is_linear_between_the_anchors_and_stays_in_range(value, below, above, falling):
    unchanged, retrained = ({"value": v, "se": 0.01} for v in ((1.0, 0.0) if falling else (0.0, 1.0)))
    found = score.on_scale(metrics.Estimate(value, value - below, value + above, 100), unchanged, retrained)
    exact = 1 - value if falling else value
    assert found.value == pytest.approx(np.clip(exact, 0, 1), abs=1e-6)
    assert 0 <= found.low <= found.value <= found.high <= 1


@given(st.floats(-1, 50), st.floats(0, 10))
def test_quality_falls_with_the_distance_and_never_leaves_its_range(fd, error):
    unchanged = {"value": 2.0, "se": 0.3}
    found = score.relative_quality(metrics.Estimate(fd, fd - error, fd + error, 100), unchanged, 5.0)
    worse = score.relative_quality(metrics.Estimate(fd + 1, fd + 1 - error, fd + 1 + error, 100), unchanged, 5.0)
    assert isinstance(found, Scaled) and worse.value <= found.value
    assert found.value == pytest.approx(min(1, 7 / (max(fd, 0) + 5)), abs=1e-6)


def test_a_pair_of_attributes_is_judged_and_guided_by_the_cells_of_their_table():
    import retouch

    instance = setup("attribute_rebalancing/faces-gan-pair")
    task = retouch.load("tiny/attribute_rebalancing/faces-gan-pair")
    images, labels = task.labelled
    truth = 2 * labels["glasses"] + labels["smile"]
    view = View(score.judge(instance).look(images.numpy()), score.judge(instance))
    assert (view.labels(["glasses", "smile"]) == truth.numpy()).mean() > 0.99
    confusion = view.confusion(["glasses", "smile"])
    assert confusion.shape == (4, 4) and np.trace(confusion) > 0.99 * confusion.sum()
    probs = task.guide.probs(images, ["glasses", "smile"])
    assert probs.sum(1).numpy() == pytest.approx(1, abs=1e-5)
    assert (probs.argmax(1) == truth).double().mean() > 0.97
    assert set(score.counts(instance, view.verdict)) >= {"glasses", "smile", "glasses, smile"}


def test_the_editing_curve_tells_an_editor_from_one_that_does_nothing():
    from retouch.benchmark.tasks import attribute_rebalancing as task

    instance = setup("attribute_rebalancing/faces-gan")
    images = task.reference(instance)
    with_glasses = images.images[images.labels["glasses"] == 1][: task.EDITS]
    without = images.images[images.labels["glasses"] == 0][: task.EDITS]
    same = np.stack([without] * task.VALUES)
    other = np.concatenate([same[:1], np.stack([with_glasses] * (task.VALUES - 1))])
    judge = score.judge(instance)
    found = [task.editing_curve(View(None, judge, {}, {"edits": one}), "glasses") for one in (same, other)]
    assert found[0][0]["edit_reach"].value == 0 and "edited_identity" not in found[0][0]
    assert found[0][1]["identity"][0] == pytest.approx(1, abs=1e-4) and found[0][1]["identity"][-1] is None
    assert found[1][0]["edit_reach"].value > 0.98  # other people with glasses: moved, and no longer the same
    assert found[1][0]["edited_identity"].value < 0.6
    assert sum(found[1][1]["count"]) == (task.VALUES - 1) * task.EDITS


def test_harmonic_mean_by_hand():
    assert harmonic(0.5, 1.0) == pytest.approx(2 / 3, abs=1e-6) and harmonic(0, 1) == 0 == harmonic(0, 0)


def test_the_notebook_form_scores_like_the_harness(cache, tmp_path):
    import retouch
    from retouch.benchmark.run import grid, plan

    (tmp_path / "u").mkdir()
    manifest = 'title = "u"\nauthors = ["t"]\nfamilies = ["gan"]\ntasks = ["category_redaction"]\n'
    (tmp_path / "u" / "submission.toml").write_text(manifest + 'entry = "retouch.methods.unchanged:edit"\n')
    name = "category_redaction/digits-gan"
    record = grid.execute(plan.plan([tmp_path / "u"], TRACK, instances=[name], seeds=[0])[0])
    task = retouch.load(f"tiny/{name}")
    found = task.score(task.generator)
    assert found.metrics == record.metrics and found.goal == record.goal and found.quality == record.quality
    assert task.picture(task.generator).startswith(b"\x89PNG")
    assert grid.execute(plan.plan([tmp_path / "u"], TRACK, instances=[name], seeds=[0])[0]).metrics == record.metrics
    assert (tmp_path / "u" / f"records/tiny/{name}/default.0.png").stat().st_size <= 60_000


def test_the_notebook_form_has_the_floor_and_refuses_what_a_run_would(cache):
    import retouch

    task = retouch.load("tiny/category_redaction/digits-gan")
    destroyed = task.generator
    for parameter in destroyed.module.parameters():
        parameter.data.zero_()
    found = task.score(destroyed)
    assert found.goal is None and found.score is None and "floor" in found.reason

    class Floats:
        def sample(self, n, rng):
            return task.generator.sample(n, rng).float() / 255

    with pytest.raises(ValueError, match=r"samples: the generator gave float32 .*; wanted uint8"):
        task.score(Floats())
