"""Tracks whose weights do not ship: planned without them, made by their recipes outside the package."""

from pathlib import Path

import pytest
from toy_runs import write

from retouch.benchmark import setup, tracks, weights
from retouch.benchmark.cli.main import main
from retouch.benchmark.train import pretrain

RECIPES = """
[own-judge]
like = "digits-guide"
steps = 1

[own-judge-b]
like = "own-judge"
seed = 5
"""
TRACK = """
[track]
name = "own"
version = "1"
summary = "a track of a test"
seeds = [0]
floor = 0.3
max_minutes = 1
max_memory_mb = 4000
ships = false

[[instance]]
task = "category_redaction"
family = "gan"
base = "digits-gan"
judge = "own-judge"
encoder = "digits-encoder-a"
guide = "own-judge-b"
target = { attribute = "category", values = [8] }
share = 0.01
samples = 100
"""


@pytest.fixture
def own(tmp_path, cache, monkeypatch) -> Path:
    """A folder on RETOUCH_PATH with a track that has two recipes and no weights."""
    folder = tmp_path / "home/tracks/own"
    folder.mkdir(parents=True)
    (folder / "track.toml").write_text(TRACK)
    (folder / "recipes.toml").write_text(RECIPES)
    monkeypatch.setenv("RETOUCH_PATH", str(tmp_path / "home"))
    tracks.load.cache_clear()
    yield tmp_path / "home"
    tracks.load.cache_clear()


def test_a_tracks_weights_are_made_outside_the_package(own, capsys):
    assert pretrain.missing("own") == ["own-judge", "own-judge-b"]
    assert main(["pretrain", "--track", "own"]) == 0
    made = [weights.find(name) for name in ("own-judge", "own-judge-b")]
    assert [one.folder for one in made] == [own / "weights/own-judge", own / "weights/own-judge-b"]
    assert made[0].sha256 != made[1].sha256 and made[1].card["seed"] == 5
    assert tracks.scale_file("own") == own / "scales/own.json"
    assert pretrain.missing("own") == []
    assert main(["pretrain", "--track", "own"]) == 0  # nothing is left to make
    assert main(["pretrain", "own-judge"]) == 2 and "--overwrite" in capsys.readouterr().err


def test_pretraining_takes_a_name_or_a_track(own, capsys):
    for words in ([], ["digits-gan", "--track", "own"], ["--track", "own", "--into", "x"], ["--track", "owl"]):
        assert main(["pretrain", *words]) == 2
    assert "own" in capsys.readouterr().err


def test_without_retouch_path_they_go_into_the_cache(cache, monkeypatch):
    monkeypatch.delenv("RETOUCH_PATH", raising=False)
    assert pretrain.place("celeba64-gan") == cache / "own/weights/celeba64-gan"
    assert pretrain.place("mnist-gan") == weights.ROOT / "mnist-gan"


def test_every_network_of_the_faces_track_has_a_recipe():
    made = []
    for name in tracks.recipes_of("faces"):
        recipe = pretrain.recipe(name)
        assert {recipe[part] for part in ("judge", "encoder") if part in recipe} <= set(made), name  # made before it
        assert recipe["data"]["name"] == "celeba_faces"
        made.append(name)
    track = tracks.load("faces")
    assert {getattr(one, part) for one in track.instances for part in setup.WEIGHTS} <= {*made, None}
    assert {one.rank for one in track.instances} == {"one judge", "tuning"}
    people = [one for one in track.instances if one.name.startswith("identity_removal/celeba32-flow-")]
    assert {(one.target["values"][0], one.target["forget_images"]) for one in people} == {
        (person, images) for person in range(20) for images in (1, 4, 8, 15)
    }


def test_what_is_not_at_hand_is_planned_with_the_remedy(submissions, capsys):
    write(submissions, "m", family="diffusion", task="attribute_rebalancing")
    for track, lines in {
        "faces": ["3 of 3 runs are missing", "celeba32-diffusion: not at hand: `retouch pretrain celeba32-diffusion`"],
        "large": ["227 s on TPU v3-8", "licence Apache-2.0; data: CelebA-HQ", "GPU memory not measured",
                  "base add google/ddpm-celebahq-256"],
    }.items():  # fmt: skip
        base = {"faces": "celeba32-diffusion", "large": "ddpm-celebahq-256"}[track]
        name = f"attribute_rebalancing/{base}-male-even"
        assert main(["run", "m", "--track", track, "--instance", name, "--plan"]) == 0
        said = " ".join(capsys.readouterr().out.split())
        assert all(line in said for line in lines), said
