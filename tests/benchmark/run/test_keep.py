"""Edited generators are kept: the weights that were scored, in the base's own form, or nothing and the reason."""

import io
import zipfile
from dataclasses import replace

import pytest
import torch
from toy_runs import INSTANCE, KEEPS, REJECTS, TRAINS, both, planned, write

import retouch
from retouch.benchmark import weights
from retouch.benchmark.question import answer
from retouch.benchmark.run import grid, reveal
from retouch.benchmark.run.answers import Answers
from retouch.benchmark.run.keep import keep, kept, place_of
from retouch.benchmark.run.resolve import resolve
from retouch.benchmark.worker.main import _zipped

TINY = f"tiny/{INSTANCE}"


def moved(folder, monkeypatch, by=0.1):
    """A run on the digits' GAN, its questions, and an edited generator with the answers that it gives."""
    monkeypatch.chdir(folder.parents[1])
    resolved = resolve(replace(planned(folder), keep=True))
    generator = resolved.setup.base.load()
    generator.module.out[2].bias.data += by
    questions = reveal.questions(resolved)
    paired = next(question for question in questions if question.name == "paired")
    return resolved, questions, generator, Answers({"paired": answer(generator, paired.message(), {})})


def zipped(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_what_was_scored_is_what_is_loaded(submissions, monkeypatch):
    resolved, questions, generator, answers = moved(write(submissions, "m"), monkeypatch)
    answers.weights = _zipped(generator)
    assert not kept(resolved.run)
    folder = keep(resolved, answers, questions)
    assert folder == place_of(resolved.run) and kept(resolved.run)
    loaded = retouch.load_edited("m", TINY)
    for own, theirs in zip(generator.module.state_dict().values(), loaded.module.state_dict().values(), strict=True):
        assert torch.equal(own, theirs)
    card = weights.card(folder)
    assert card["edited"]["submission"] == "m" and card["edited"]["base"] == resolved.setup.base.sha256
    (submissions / "m/method.py").write_text(KEEPS)  # another method would give another generator
    assert not kept(resolved.run)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (lambda generator: b"", "has no weights of its own"),
        (lambda generator: b"no zip", "no zip"),
        (lambda generator: zipped({"../../model.safetensors": b"x"}), "other files of weights than its base"),
        (lambda generator: zipped({"model.safetensors": b"junk"}), "do not fit the base's form"),
        (lambda generator: _zipped(weights.load(weights.folder("digits-gan-without-8"))), "draw other images"),
    ],
)
def test_what_cannot_be_kept_says_why(submissions, monkeypatch, payload, reason):
    resolved, questions, generator, answers = moved(write(submissions, "m"), monkeypatch, by=1.0)
    answers.weights = payload(generator)
    with pytest.raises(ValueError, match=reason):
        keep(resolved, answers, questions)
    assert not list(submissions.parent.rglob("model.safetensors"))
    with pytest.raises(ValueError, match=f"retouch run m --track tiny --instance {INSTANCE} --point default --seed 0"):
        retouch.load_edited("m", TINY)


@pytest.mark.slow
@both
def test_runs_keep_their_generators(submissions, sandboxed):
    said = []
    for name, body in {"trains": TRAINS, "rejects": REJECTS}.items():
        run = replace(planned(write(submissions, name, body), samples=300, sandboxed=sandboxed), keep=True)
        grid.execute(run, grid.Events(say=said.append))
    assert said[0].endswith("holds the edited generator and its card") and "has no weights" in said[1]
    edited = retouch.load_edited("trains", TINY)
    assert not torch.equal(edited.module.out[2].bias, weights.find("digits-gan").load().module.out[2].bias)
