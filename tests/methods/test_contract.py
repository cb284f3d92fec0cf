"""What every submission in the repository keeps, and what each baseline is for."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from toy import budget, halves, prompted, redaction, rng

import retouch
from retouch.benchmark import notebook, submission, tracks
from retouch.benchmark.run.plan import plan
from retouch.benchmark.task import NotRevealed
from retouch.benchmark.worker.main import entry
from retouch.methods import (
    balanced_finetune,
    finetune_retain,
    gradient_ascent,
    importance_resampling,
    inverse_frequency,
    rejection,
    training,
)

ROOT = Path(__file__).parents[2] / "submissions"
FOLDERS = sorted(folder.parent for folder in ROOT.glob("*/submission.toml"))
SMALL = {"digits-gan": 0, "digits-flow": 1, "digits-diffusion": 2, "faces-gan": 3}  # the cheapest instances first

SLOW = [("latent_shift", "faces-gan", 6), ("weight_factorisation", "faces-gan", 6),
        ("distribution_guidance", "faces-diffusion", 30)]  # fmt: skip
THREE = [("boundary_walk", "faces-gan", 6), ("rejection", "faces-gan", 6), ("taming_flows", "faces-flow", 6),
         *(pytest.param(*case, marks=pytest.mark.slow) for case in SLOW)]  # fmt: skip


def smallest(folder, tmp_path):
    """The base, the task and the first point's parameters: of the cheapest instance, or the toy world's by prompt."""
    manifest = submission.read(folder)
    if manifest.families == ["conditional_diffusion"]:  # no base by prompt ships
        target = {"attribute": "category", "values": [1], "concept": "right"}
        task = redaction(tmp_path, target, retain=halves(0, 4))
        return prompted(1).copy(), task, manifest.params | manifest.points[0].params
    runs = plan([folder], tracks.load("tiny"), seeds=[0])
    run = min(runs, key=lambda run: SMALL.get(run.instance.name.split("/")[1], 9))
    task = retouch.load(f"tiny/{run.instance.name}")
    return task.generator, task, run.params


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_submission_edits_and_its_generator_samples(folder, tmp_path):
    method = entry(submission.read(folder).entry, folder)
    images = []
    for k in range(2):
        base, task, params = smallest(folder, tmp_path / f"{k}")
        shape = base.shape
        torch.manual_seed(0)
        edited = method(base, task, budget(6), **params)
        images.append(edited.sample(6, torch.Generator().manual_seed(1)))
    assert images[0].dtype == torch.uint8 and images[0].shape == (6, *shape)
    assert torch.equal(*images)  # the same task, seed and budget in steps: the same images


@pytest.mark.parametrize("name, base, steps", THREE)
def test_a_method_takes_three_attributes_jointly(name, base, steps):
    manifest, tiny = submission.read(ROOT / name), tracks.load("tiny")
    target = {"attribute": ["glasses", "smile", "beard"], "shares": [[[0.125] * 2] * 2] * 2}
    instance = tiny.instance(f"attribute_rebalancing/{base}").model_copy(update={"target": target})
    task = notebook.opened(tiny, instance)
    edited = entry(manifest.entry, ROOT / name)(task.generator, task, budget(steps), **manifest.params)
    assert edited.sample(6, rng()).shape == (6, *task.base().shape)
    if hasattr(edited, "edit_attribute"):
        z = task.base().latent(40, rng())
        moved = [
            edited.edit_attribute(z, 1.0, attribute=k).float() - edited.edit_attribute(z, 0.0, k) for k in range(3)
        ]
        assert all(gap.abs().mean() > 1 for gap in moved) and not torch.equal(moved[0], moved[1])


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_manifest_is_complete(folder):
    manifest = submission.read(folder)
    assert manifest.summary and manifest.licence and manifest.tuning
    assert len({point.name for point in manifest.points}) == len(manifest.points)


def test_rejection_hands_out_only_what_the_guide_accepts():
    task = retouch.load("tiny/category_redaction/digits-gan")
    filtered = rejection.edit(task.generator, task, budget(8), threshold=0.5)
    images = filtered.sample(300, torch.Generator().manual_seed(0))
    assert len(images) == 300 and (task.guide.probs(images, "category")[:, 8] < 0.5).all()
    with pytest.raises(ValueError, match="threshold"):
        rejection.edit(task.generator, task, budget(8), threshold=1.5)


def test_rejection_reaches_a_target_by_the_guides_own_measure():
    task = retouch.load("tiny/attribute_rebalancing/faces-gan")
    images = rejection.edit(task.generator, task, budget(8)).sample(400, torch.Generator().manual_seed(0))
    share = task.guide.probs(images, "glasses").argmax(1).float().mean().item()
    assert share == pytest.approx(0.5, abs=0.12)


def test_rejection_gives_up_instead_of_looping_for_ever():
    filtered = rejection.Filter(
        retouch.load("tiny/category_redaction/digits-gan").generator, lambda images, rng: torch.zeros(len(images)) > 0
    )
    with pytest.raises(RuntimeError, match="0 of"):
        filtered.sample(2, torch.Generator().manual_seed(0))


def test_importance_resampling_nears_the_target_without_repeats():
    task = retouch.load("tiny/attribute_rebalancing/faces-gan")
    base = task.guide.probs(task.generator.sample(400, torch.Generator().manual_seed(0)), "glasses")[:, 1].mean()
    edited = importance_resampling.edit(task.generator, task, budget(8), oversample=4)
    images = edited.sample(400, torch.Generator().manual_seed(0))
    assert task.guide.probs(images, "glasses")[:, 1].mean() > base + 0.1
    assert len({image.numpy().tobytes() for image in images}) == 400
    with pytest.raises(ValueError, match="at least 2"):
        importance_resampling.edit(task.generator, task, budget(8), oversample=1)


@pytest.mark.parametrize(
    ("method", "name", "target"),
    [
        (balanced_finetune, "attribute_rebalancing/faces-gan", {"attribute": "glasses", "shares": [0.3, 0.7]}),
        (balanced_finetune, "attribute_rebalancing/faces-gan",
         {"attribute": ["glasses", "smile"], "shares": [[0.1, 0.2], [0.3, 0.4]]}),
        (inverse_frequency, "output_diversity/digits-gan", {"attribute": "category"}),
    ],
)  # fmt: skip
def test_fine_tuning_draws_the_classes_by_their_target_shares(monkeypatch, method, name, target):
    task = retouch.load(f"tiny/{name}")
    task.target, drawn = target, []
    monkeypatch.setattr(method, "continue_training", lambda generator, images, p, *_: drawn.append((images, p)))
    method.edit(task.generator, task, budget(8))
    [(images, p)] = drawn
    assert images is task.retain
    labels = task.guide.probs(images, target["attribute"]).argmax(1)
    wanted = torch.tensor(target.get("shares", [0.1] * 10)).flatten()
    assert torch.allclose(torch.bincount(labels, p.double()) / p.double().sum(), wanted.double(), atol=1e-5)
    assert all(len(p[labels == k].unique()) == 1 for k in labels.unique())  # within a class all are alike


def test_continued_training_draws_by_the_weights_it_is_given():
    class Recorder:
        """A generator that keeps what it is trained on."""

        module, lr = torch.nn.Linear(1, 1), 1.0

        def train_step(self, images):
            seen.append(images)

    seen, images = [], torch.arange(100).view(-1, 1, 1, 1)
    task = SimpleNamespace(rng=rng())
    training.continue_training(Recorder(), images, (images.flatten() // 90).double(), task, budget(50), 1.0, 0.5)
    assert len(seen) == 50 and torch.cat(seen).unique().tolist() == list(range(90, 100))


def test_gradient_ascent_makes_the_forgotten_unlikely():
    task = retouch.load("tiny/category_redaction/digits-flow")
    before = task.generator.log_prob(task.forget, torch.Generator().manual_seed(0)).mean()
    edited = gradient_ascent.edit(task.generator, task, budget(8), steps=5, lr=1e-4)
    assert edited.log_prob(task.forget, torch.Generator().manual_seed(0)).mean() < before


def test_bad_settings_are_errors_that_say_what_is_wanted():
    task = retouch.load("tiny/category_redaction/digits-gan")
    with pytest.raises(ValueError, match="share"):
        finetune_retain.edit(task.generator, task, budget(8), share=1.5)
    with pytest.raises(ValueError, match="at least 1"):
        gradient_ascent.edit(task.generator, task, budget(8), steps=0)


def test_what_is_not_revealed_cannot_be_read():
    task = retouch.load("tiny/category_redaction/digits-gan")
    with pytest.raises(NotRevealed, match="does not reveal it to anyone"):
        _ = task.labelled
    with pytest.raises(AttributeError, match="no field"):
        _ = task.judge
