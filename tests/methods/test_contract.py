"""What every submission in the repository keeps, and what each baseline is for."""

from pathlib import Path

import pytest
import torch

import benchmark as retouch
from benchmark import submission, tracks
from benchmark.budget import Budget
from benchmark.plan import plan
from benchmark.task import NotRevealed
from benchmark.worker import entry
from methods import finetune_retain, gradient_ascent, importance_resampling, rejection

ROOT = Path(__file__).parents[2] / "submissions"
FOLDERS = sorted(folder.parent for folder in ROOT.glob("*/submission.toml"))
SMALL = {"digits-gan": 0, "digits-flow": 1, "digits-diffusion": 2, "faces-gan": 3}  # the cheapest instances first


def smallest_run(folder):
    """The submission's first point on the cheapest instance that it fits."""
    runs = plan([folder], tracks.load("tiny"), seeds=[0])
    return min(runs, key=lambda run: SMALL.get(run.instance.name.split("/")[1], 9))


def short_budget(steps=8):
    """A budget for a handful of steps, however long they take."""
    return Budget(seconds=60, train_steps=steps, yardstick=0.01)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_submission_edits_and_its_generator_samples(folder):
    run = smallest_run(folder)
    method = entry(run.submission.entry, folder)
    images = []
    for _ in range(2):
        task = retouch.load(f"tiny/{run.instance.name}")
        torch.manual_seed(0)
        edited = method(task.generator, task, short_budget(), **run.params)
        images.append(edited.sample(6, torch.Generator().manual_seed(1)))
    assert images[0].dtype == torch.uint8 and images[0].shape == (6, *task.base().shape)
    assert torch.equal(*images)  # the same task, seed and budget in steps: the same images


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_manifest_is_complete(folder):
    manifest = submission.read(folder)
    assert manifest.summary and manifest.licence and manifest.tuning
    assert len({point.name for point in manifest.points}) == len(manifest.points)


def test_rejection_hands_out_only_what_the_guide_accepts():
    task = retouch.load("tiny/category_redaction/digits-gan")
    filtered = rejection.edit(task.generator, task, short_budget(), threshold=0.5)
    images = filtered.sample(300, torch.Generator().manual_seed(0))
    assert len(images) == 300 and (task.guide.probs(images, "category")[:, 8] < 0.5).all()
    with pytest.raises(ValueError, match="threshold"):
        rejection.edit(task.generator, task, short_budget(), threshold=1.5)


def test_rejection_reaches_a_target_by_the_guides_own_measure():
    task = retouch.load("tiny/attribute_rebalancing/faces-gan")
    images = rejection.edit(task.generator, task, short_budget()).sample(400, torch.Generator().manual_seed(0))
    share = task.guide.probs(images, "glasses").argmax(1).float().mean().item()
    assert share == pytest.approx(0.5, abs=0.12)


def test_rejection_gives_up_instead_of_looping_for_ever():
    filtered = rejection.Filtered(
        retouch.load("tiny/category_redaction/digits-gan").generator, lambda images, rng: torch.zeros(len(images)) > 0
    )
    with pytest.raises(RuntimeError, match="0 of"):
        filtered.sample(2, torch.Generator().manual_seed(0))


def test_importance_resampling_moves_towards_the_target_without_repeating_an_image():
    task = retouch.load("tiny/attribute_rebalancing/faces-gan")
    base = task.guide.probs(task.generator.sample(400, torch.Generator().manual_seed(0)), "glasses")[:, 1].mean()
    edited = importance_resampling.edit(task.generator, task, short_budget(), oversample=4)
    images = edited.sample(400, torch.Generator().manual_seed(0))
    assert task.guide.probs(images, "glasses")[:, 1].mean() > base + 0.1
    assert len({image.numpy().tobytes() for image in images}) == 400
    with pytest.raises(ValueError, match="at least 2"):
        importance_resampling.edit(task.generator, task, short_budget(), oversample=1)


def test_gradient_ascent_makes_the_forgotten_unlikely():
    task = retouch.load("tiny/category_redaction/digits-flow")
    before = task.generator.log_prob(task.forget, torch.Generator().manual_seed(0)).mean()
    edited = gradient_ascent.edit(task.generator, task, short_budget(), steps=5, lr=1e-4)
    assert edited.log_prob(task.forget, torch.Generator().manual_seed(0)).mean() < before


def test_bad_settings_are_errors_that_say_what_is_wanted():
    task = retouch.load("tiny/category_redaction/digits-gan")
    with pytest.raises(ValueError, match="share"):
        finetune_retain.edit(task.generator, task, short_budget(), share=1.5)
    with pytest.raises(ValueError, match="at least 1"):
        gradient_ascent.edit(task.generator, task, short_budget(), steps=0)


def test_what_is_not_revealed_cannot_be_read():
    task = retouch.load("tiny/category_redaction/digits-gan")
    with pytest.raises(NotRevealed, match="does not reveal it to anyone"):
        _ = task.labelled
    with pytest.raises(AttributeError, match="no field"):
        _ = task.judge
