"""Identity at equal change: of images from the same noise, of edits along each attribute, of real images."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from toy_runs import run, setup, write

from retouch.benchmark.question import Question, answer
from retouch.benchmark.run import copying, equal_change, look
from retouch.benchmark.tasks import edits
from retouch.benchmark.tasks.view import View

PAIR = "attribute_rebalancing/faces-gan-pair"


def with_labels(instance, glasses, smile, n=40):
    """Held-out images with these labels, uint8 (n, 3, 16, 16)."""
    images = instance.held_out()
    return images.images[(images.labels["glasses"] == glasses) & (images.labels["smile"] == smile)][:n]


def test_change_is_of_all_attributes_jointly():
    instance = setup(PAIR)
    judge, neither = look.judge(instance), with_labels(setup(PAIR), 0, 0)
    one, both = with_labels(instance, 1, 0, len(neither)), with_labels(instance, 1, 1, len(neither))
    seen = [edits.looks(judge, judge.look(images), ["glasses", "smile"]) for images in (neither, one, both)]
    assert seen[0].chance.shape == (len(neither), 4) and seen[0].chance.sum(1) == pytest.approx(1, abs=1e-5)
    assert seen[2].chance[:, 3].mean() > 0.9  # the last cell has both
    assert min(edits.moves(seen[0], other).change.mean() for other in seen[1:]) > 0.85
    still = edits.moves(seen[0], seen[0], whose=seen[1])
    assert not still.change.any() and still.identity == pytest.approx(edits.moves(seen[0], seen[1]).identity)


def test_change_is_against_the_middle_identity_to_whom_is_asked():
    instance = setup(PAIR)
    judge, without = look.judge(instance), with_labels(setup(PAIR), 0, 0, 10)
    glasses = with_labels(instance, 1, 0, 10)
    found = edits.of_answer(judge, np.stack([without, without, glasses]), "glasses")
    assert found.change[:10].max() < 1e-6 and found.identity[:10] == pytest.approx(1, abs=1e-5)
    assert found.change[10:].min() > 0.8
    whose = edits.looks(judge, judge.look(glasses), "glasses")
    other = edits.of_answer(judge, np.stack([without, without, glasses]), "glasses", whose)
    assert other.change == pytest.approx(found.change) and other.identity[10:] == pytest.approx(1, abs=1e-5)


def test_unchanged_images_keep_identity_shuffled_ones_do_not():
    instance = setup("attribute_rebalancing/faces-gan")
    images = instance.held_out().images[:300]
    judge = look.judge(instance)
    for samples, shuffled in ((images, False), (images[::-1].copy(), True)):
        view = View(judge.look(samples), judge, {}, {"samples": samples, "base_samples": images})
        found, details = equal_change.same_noise(instance, view)
        assert (found["moved_share"].value > 0.05) == shuffled and ("moved_identity" in found) == shuffled
        assert sum(details["moved_curve"]["count"]) == 300
        assert (details["moved_curve"]["identity"][0] == pytest.approx(1, abs=1e-3)) != shuffled
    assert equal_change.same_noise(instance, View(view.verdict, judge, {}, {"samples": images})) == ({}, {})


def test_real_images_are_inverted_once(monkeypatch):
    instance = setup("attribute_rebalancing/faces-gan")
    z, base = equal_change.inverted(instance), instance.base.load()
    images = torch.from_numpy(instance.held_out().images[: equal_change.REAL]).float()
    near, far = (base.decode(latents).float() for latents in (torch.from_numpy(z), torch.from_numpy(z).flip(0)))
    gap = (near - images).square().flatten(1).mean(1)
    assert (
        z.shape == (equal_change.REAL, 64) and (gap < (far - images).square().flatten(1).mean(1)).float().mean() > 0.9
    )
    monkeypatch.setattr(equal_change, "_search", None)
    assert np.array_equal(equal_change.inverted(instance), z)


def test_editors_of_gans_are_asked_of_every_attribute():
    instance = setup(PAIR)
    z = equal_change.inverted(instance)
    asked, again, other = (equal_change.questions(instance, seed, 5) for seed in (1, 1, 2))
    assert [question.name for question in asked] == ["real_glasses", "real_smile"]
    assert all(np.array_equal(question.arrays["latents"], z) for question in asked)
    values = [part[0].arrays["values"] for part in (asked, again, other)]
    assert np.array_equal(values[0], values[1]) and not np.array_equal(values[0], values[2])
    for name in ("attribute_rebalancing/faces-diffusion", "category_redaction/digits-gan"):
        assert equal_change.questions(setup(name), 1, 5) == []
    assert equal_change.measure(setup("category_redaction/digits-gan"), None) == ({}, {})


def test_latents_are_kept_by_their_base_and_images(monkeypatch, tmp_path):
    searched = []
    monkeypatch.setenv("RETOUCH_CACHE", str(tmp_path))
    monkeypatch.setattr(equal_change, "_search", lambda setup, images: searched.append(images) or np.zeros((50, 1)))
    first = np.zeros((60, 3, 2, 2), np.uint8)
    other = np.concatenate([first[:1], first[1:] + 1])
    for sha, images in (("a", first), ("a", first), ("b", first), ("a", other)):
        held_out = lambda images=images: SimpleNamespace(images=images)  # noqa: E731
        equal_change.inverted(SimpleNamespace(base=SimpleNamespace(sha256=sha), where=[], held_out=held_out))
    assert len(searched) == 3 and len(searched[0]) == equal_change.REAL == 50


def test_real_edits_move_each_attribute_from_the_real_image():
    instance = setup(PAIR)
    judge, images = look.judge(instance), instance.held_out().images[: equal_change.REAL]
    turned = images[::-1]
    answers = {"real_glasses": np.stack([images, images, turned]), "real_smile": np.stack([images, turned, turned])}
    found, details = equal_change.real(instance, View(None, judge, {}, answers))
    whose = edits.looks(judge, judge.look(images), "glasses")

    def by_hand(answers):
        parts = [edits.of_answer(judge, answers[f"real_{name}"], name, whose) for name in ("glasses", "smile")]
        return edits.joined(parts)

    whole = by_hand(answers)
    assert found["inverted_identity"].value == pytest.approx(1, abs=1e-5)
    assert found["real_reach"].n == 4 * equal_change.REAL
    assert found["real_reach"].value == pytest.approx((whole.change >= edits.MOVED).mean())
    assert details["real_curve"] == edits.curve(whole)
    shifted = {name: np.concatenate([turned[None], answer[1:]]) for name, answer in answers.items()}
    moved, curves = equal_change.real(instance, View(None, judge, {}, shifted))
    assert moved["inverted_identity"].value < 0.9  # what the middle value shows, against the real image
    assert curves["real_curve"] == edits.curve(by_hand(shifted))
    assert equal_change.real(instance, View(None, judge)) == ({}, {})


@pytest.mark.slow
def test_an_editor_moves_each_attribute_of_a_pair(tmp_path, monkeypatch):
    monkeypatch.setattr(edits, "EDITS", 60)
    monkeypatch.setattr(copying, "TRAINING", 1000)
    folder = write(tmp_path, "m", entry="retouch.methods.boundary_walk:edit", task="attribute_rebalancing")
    found = run(folder, PAIR, samples=300)
    assert found.status == "ok", found.reason
    assert found.metrics["edit_reach"].n == 2 * 4 * 30 and found.metrics["real_reach"].n == 2 * 4 * equal_change.REAL
    curves = found.details["identity_curve_by_attribute"]
    assert set(curves) == {"glasses", "smile"} and sum(curves["smile"]["count"]) == 4 * 30
    assert found.metrics["inverted_identity"].value > found.metrics["real_identity"].value > 0
    assert sum(found.details["moved_curve"]["count"]) == 300 and found.metrics["moved_share"].value > 0.2
    assert found.goal.value > 0.4


def test_an_editor_of_one_attribute_is_not_asked_for_another():
    class First:
        def edit_attribute(self, z, value):
            return torch.zeros(len(z), 1, 8, 8, dtype=torch.uint8)

    z, values = np.zeros((2, 8), np.float32), np.full((3, 2), 0.5, np.float32)
    first, second = (Question.edit_attribute("edits_a", z, values, (1, 8, 8), 0, k) for k in (0, 1))
    assert first.check(answer(First(), first.message(), first.arrays)).shape == (3, 2, 1, 8, 8)
    assert answer(First(), second.message(), second.arrays) is None
