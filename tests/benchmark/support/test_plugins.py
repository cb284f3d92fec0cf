"""A task and a family from a folder outside the package: listed, run, scored and checked like the package's own."""

import shutil
from textwrap import dedent

import numpy as np
import pytest
import torch

from retouch.benchmark import generators, records, tasks, tracks, weights
from retouch.benchmark.cli.main import main
from retouch.benchmark.support.files import write_json
from retouch.benchmark.tasks import look_up
from retouch.benchmark.train.anchors import anchors
from retouch.leaderboard.look import words

FAMILY = '''
"""A family that keeps a few images and shows them with noise."""

import torch
from torch import nn

from retouch.benchmark.generators.base import Generator

TITLE = "Albums"


class Album(Generator):
    family = "album"

    def build(self, *, channels, size, pages):
        self.shape = (channels, size, size)
        self.module = nn.ParameterDict({"pages": nn.Parameter(torch.zeros(pages, channels, size, size))})

    def latent(self, n, rng):
        return torch.rand(n, 1 + self.module["pages"][0].numel(), generator=rng)

    def decode(self, z):
        pages = self.module["pages"]
        page = pages[(z[:, 0] * len(pages)).long()]
        return (page + 40 * (z[:, 1:].view(page.shape) - 0.5)).clamp(0, 255).round().to(torch.uint8)

    def loss(self, images):
        return (images.float()[:, None] - self.module["pages"]).square().mean()
'''
TASK = '''
"""darkening: the images should become darker."""

import numpy as np

from retouch import metrics
from retouch.benchmark.tasks import Start

TITLE, SUMMARY, REQUEST = "Darkening", "images should become darker", "Make them darker. Keep all else."
REVEALS, ASKS = "training images", {"album": "nothing more"}
GOAL, GOAL_TEXT, AHEAD = "brightness", "goal: how dark the images are", "is darker"
IDEAL = 0.0
TRADEOFF = ("Brightness against Fréchet distance", "brightness", "fd")
START = Start("Continues the pre-training.", ("training_data",))


def reveal(setup):
    return {"retain": setup.training()}


def reference(setup):
    return setup.held_out()


def questions(setup, judge, seed, noise):
    return []


def keep(setup, view):
    return np.ones(len(view.features))


def measure(setup, view):
    light = view.answers["samples"].reshape(len(view.features), -1).mean(1) / 255
    half = 1.96 * light.std() / len(light) ** 0.5
    return {"brightness": metrics.Estimate(light.mean(), light.mean() - half, light.mean() + half, len(light))}, {}
'''
TRACK = """
[track]
name = "dark"
version = "1"
summary = "a track outside the package"
seeds = [0]
floor = 0.0
max_minutes = 1
max_memory_mb = 4000

[[instance]]
name = "digits-album"
task = "darkening"
family = "album"
base = "digits-album"
judge = "digits-judge"
encoder = "digits-encoder-a"
guide = "digits-guide"
target = { attribute = "category" }
samples = 300
share = 0.1
tuning = true
"""
MANIFEST = """
title = "Nothing"
authors = ["the tests"]
families = ["album"]
tasks = ["darkening"]
entry = "retouch.methods.unchanged:edit"
"""


@pytest.fixture
def outside(tmp_path, cache, monkeypatch):
    """A folder on RETOUCH_PATH with a task, a family, a track and a base, and a submission beside it."""
    root = tmp_path / "outside"
    for place, text in (("families/album.py", FAMILY), ("tasks/darkening.py", TASK), ("tracks/dark/track.toml", TRACK)):
        (root / place).parent.mkdir(parents=True)
        (root / place).write_text(text)
    monkeypatch.setenv("RETOUCH_PATH", str(root))
    monkeypatch.chdir(tmp_path)
    album = generators.family("album")({"channels": 1, "size": 8, "pages": 200}, 1e-3)
    spec = {"name": "digits"}
    pages = torch.from_numpy(np.load(shipped_digits(tmp_path)))[:200]
    album.module["pages"].data.copy_(pages)
    folder = root / "weights/digits-album"
    album.save(folder)
    recipe = {"data": spec, "steps": 50, "batch": 16, "lr": 1e-3}
    card = {"family": "album", "config": album.config, "recipe": recipe, "seconds": 10.0}
    write_json(folder / "card.json", card | {"sha256": weights.sha256(folder)})
    (root / "tracks/dark/scale.json").write_text("{}")
    setup = look_up(tracks.load("dark"), tracks.load("dark").instances[0])
    write_json(root / "tracks/dark/scale.json", {setup.instance.name: anchors(setup)})
    tracks.scale.cache_clear()
    (tmp_path / "submissions/nothing").mkdir(parents=True)
    (tmp_path / "submissions/nothing/submission.toml").write_text(MANIFEST)
    yield tmp_path
    tracks.load.cache_clear()
    tracks.scale.cache_clear()


def shipped_digits(folder):
    """The training digits in a file, as a user would have them."""
    from retouch.benchmark import data

    np.save(folder / "digits.npy", data.load({"name": "digits"}, "train").images[::5].astype(np.float32))
    return folder / "digits.npy"


def test_a_task_and_a_family_from_outside_run(outside, capsys):
    assert tasks.names()[-1] == "darkening" and generators.names()[-1] == "album"
    assert main(["tasks", "dark"]) == 0
    assert "300 samples; nothing more" in " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert main(["run", "nothing", "--track", "dark", "--tuning"]) == 0
    record = records.read(outside / "submissions/nothing/records/dark/darkening/digits-album/default.0.json")
    assert record.status == "ok", record.reason
    assert record.goal.value == pytest.approx(0, abs=0.1) and record.metrics["brightness"].value > 0.1
    assert words.task_title("darkening") == "Darkening" and words.family_title("album") == "Albums"
    assert main(["new", "mine", "--task", "darkening", "--family", "album"]) == 0
    assert main(["check", "submissions/nothing"]) == 0, capsys.readouterr().out


def test_what_lacks_a_part_or_takes_a_name_is_said(outside, capsys):
    file = outside / "outside/tasks/halves.py"
    file.write_text(dedent(TASK).replace("AHEAD", "AFTER"))
    with pytest.raises(ValueError, match=r"halves.py: lacks AHEAD"):
        tasks.module("halves")
    shutil.copy(file, file.with_name("output_diversity.py"))
    with pytest.raises(ValueError, match="two tasks are called 'output_diversity'"):
        tasks.names()
    assert main(["new", "mine", "--task", "redaction"]) == 2
    assert "two tasks" in capsys.readouterr().err


def test_unknown_tasks_and_families_name_the_known():
    with pytest.raises(ValueError, match="did you mean category_redaction"):
        tasks.module("redaction")
    with pytest.raises(ValueError, match="flow, gan, diffusion"):
        generators.family("vae")
    assert generators.title("vae") == "vae"
