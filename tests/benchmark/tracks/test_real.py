"""A small base on each real set: trained for a few steps, edited, scored; skipped where RETOUCH_DATA lacks the set."""

import json
import os
from pathlib import Path

import pytest
from toy_runs import TRAINS, write

from retouch.benchmark import data, records, tracks
from retouch.benchmark.cli.main import main
from retouch.benchmark.train import anchors, measure_base, measure_encoder, measure_judge

SETS = {  # data set -> (its file or folder, task, attribute, target, channels, size)
    "mnist": ("MNIST", "category_redaction", "category", {"values": [8]}, 1, 32),
    "fashion_mnist": ("FashionMNIST", "category_redaction", "category", {"values": [8]}, 1, 32),
    "cifar10": ("cifar10_subset", "category_redaction", "category", {"values": [0, 2, 4, 6, 8]}, 3, 32),
    "celeba_faces": ("celeba_faces_64", "attribute_rebalancing", "male", {"shares": [0.5, 0.5]}, 3, 32),
}
RECIPES = """
[{own}-judge]
kind = "classifier"
data = {data}
split = "judge"
heads = ["{attribute}"]
trunk = "plain"
width = 4
steps = 200
batch = 32
lr = 2e-3

[{own}-encoder]
kind = "encoder"
data = {data}
split = "judge"
trunk = "plain"
width = 4
features = 8
views = {{ turn = 5, scale = 0.1, shift = 0.05, colour = 0.1, noise = 0.0, flip = false }}
steps = 5
batch = 32
lr = 2e-3

[{own}-gan]
kind = "gan"
data = {data}
judge = "{own}-judge"
encoder = "{own}-encoder"
steps = 20
batch = 16
lr = 1e-3
config = {{ channels = {channels}, size = {size}, latent = 8, widths = [8, 8, 8], patch = 2 }}
"""
TRACK = """
[track]
name = "real"
version = "1"
summary = "a track of a test"
seeds = [0]
floor = 0.0
max_minutes = 1
max_memory_mb = 8000
ships = false

[[instance]]
task = "{task}"
family = "gan"
base = "{own}-gan"
judge = "{own}-judge"
encoder = "{own}-encoder"
guide = "{own}-judge"
target = {{ attribute = "{attribute}", {target} }}
share = 3.0
samples = 200
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", SETS)
def test_a_base_on_real_data_is_trained_edited_and_scored(name, submissions, monkeypatch):
    place, task, attribute, target, channels, size = SETS[name]
    if not (Path(os.environ.get("RETOUCH_DATA") or "?") / place).exists():
        pytest.skip(f"needs {place} in RETOUCH_DATA")
    own = "real-" + name.replace("_", "-")  # networks are loaded once a process, by name
    home = submissions.parent / "home"
    (home / "tracks/real").mkdir(parents=True)
    spec = f'{{ name = "{name}", size = {size} }}' if name == "celeba_faces" else f'{{ name = "{name}" }}'
    (home / "tracks/real/recipes.toml").write_text(
        RECIPES.format(own=own, data=spec, attribute=attribute, channels=channels, size=size)
    )
    words = ", ".join(f"{key} = {json.dumps(value)}" for key, value in target.items())
    (home / "tracks/real/track.toml").write_text(TRACK.format(own=own, task=task, attribute=attribute, target=words))
    monkeypatch.setenv("RETOUCH_PATH", str(home))
    for module in (measure_judge, measure_encoder, measure_base):
        monkeypatch.setattr(module, "HELD_OUT", 400)
    monkeypatch.setattr(measure_base, "SAMPLES", 300)
    for cached in (tracks.load, tracks.scale):
        cached.cache_clear()
    assert main(["pretrain", "--track", "real"]) == 0
    anchors.main("real")
    tracks.scale.cache_clear()
    folder = write(submissions, "m", TRAINS, task=task)
    command = ["run", "m", "--track", "real", "--seed", "0"]
    assert main(command) == 0
    record = records.read(folder / f"records/real/{task}/{own}-gan/default.0.json")
    assert record.status == "ok" and record.goal is not None and record.cost.share > 0.05, record.reason
    assert data.load({"name": name}, "heldout").images.shape[1] == channels
    for cached in (tracks.load, tracks.scale):
        cached.cache_clear()
