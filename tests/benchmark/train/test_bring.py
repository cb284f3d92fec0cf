"""Everything from outside, nothing forked: a track, data, bases and judges that lie in a user's own folders."""

import json
import shlex

import numpy as np
import own_files
import pytest
import torch
from diffusers import DDPMPipeline
from toy import rng

import retouch
from retouch.benchmark import data, records, tracks, weights
from retouch.benchmark.cli.main import main
from retouch.benchmark.data import outside
from retouch.benchmark.run import score
from retouch.benchmark.tasks import look_up


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """The user's folders with bases and judges brought in, from the command line."""
    root = tmp_path_factory.mktemp("own")
    with own_files.alone(root):
        track = own_files.make(root)
        for command in own_files.commands():
            assert main(shlex.split(command.removeprefix("retouch "))) == 0, command
        tracks.load.cache_clear()
        tracks.scale.cache_clear()
        yield track


def test_a_table_of_images_becomes_splits_of_labelled_images(own):
    parts = {split: data.load({"name": "big"}, split) for split in ("train", "guide", "judge", "heldout")}
    assert sum(map(len, parts.values())) == 360 and len(parts["train"]) > 2 * len(parts["heldout"])
    train = parts["train"]
    assert train.images.shape[1:] == (3, 64, 64) and train.names["side"] == ["left", "right"]
    bright = train.images[..., 32:].mean((1, 2, 3)) > train.images[..., :32].mean((1, 2, 3))
    assert (bright.astype(int) == train.labels["side"]).all()
    even = data.load({"name": "big", "target": {"side": [0.5, 0.5]}}, "heldout")
    assert np.bincount(even.labels["side"]).tolist() == [np.sum(parts["heldout"].labels["side"] == 1)] * 2
    assert 0 not in data.load({"name": "big", "exclude": [0]}, "train").labels["identity"]


def test_a_card_says_what_was_measured(own):
    card = json.loads((own / "bases/own-gan/card.json").read_text())
    assert card["data"]["licence"] == "CC0" and card["data"]["sha256"] == outside.sha256("big")
    assert card["measured"]["step_operations"] > 0 and card["measured"]["quality"]["samples"]["fd"]["value"] > 0
    assert "training" in card["capabilities"] and "first_layer" not in card["capabilities"]
    judge = json.loads((own / "judges/own-judge/card.json").read_text())["measured"]
    assert judge["balanced_accuracy"]["side"]["value"] == 1 and judge["auc"]["side"]["low"] > 0.8
    assert json.loads((own / "judges/own-recogniser/card.json").read_text())["measured"]["true_accepts"] > 0.9


def test_a_ddpm_in_root_layout_is_the_one_that_diffusers_draws(own):
    base = weights.find("own-ddpm").load()
    pipeline = DDPMPipeline(unet=base.unet, scheduler=base.sampler)
    pipeline.set_progress_bar_config(disable=True)
    z = base.latent(2, rng())
    step = base.sampler
    step.set_timesteps(3)
    x, extra = z, __import__("retouch.benchmark.generators.schedules", fromlist=["x"]).options(step, z)
    with torch.no_grad():
        for t in step.timesteps:
            x = step.step(pipeline.unet(x, t).sample, t, x, **extra).prev_sample
        ours = base.decode(z)
    assert torch.equal(((x.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8), ours)


def test_methods_of_the_package_edit_foreign_bases(own):
    pairs = {"balanced_finetune": "attribute_rebalancing/gan", "finetune_retain": "identity_removal/ddpm"}
    for name, instance in pairs.items():
        record = records.read(own.parent / f"submissions/{name}/records/own/{instance}/default.0.json")
        assert record.cost and record.cost.share is None and record.cost.operations > 0, record.reason
        assert record.status in ("ok", "below_floor", "imperceptible_change", "copies"), record.reason


def test_a_base_that_lacks_what_a_method_needs_is_named(own, capsys, monkeypatch):
    monkeypatch.chdir(own.parent)
    assert main(["run", "pca_directions", "--track", "./own"]) == 2
    assert "pca_directions needs first_layer, which own-gan does not have" in capsys.readouterr().err


def test_a_kept_model_is_one_that_diffusers_reads(own, monkeypatch):
    monkeypatch.chdir(own.parent)
    edited = retouch.load_edited("finetune_retain", "own/identity_removal/ddpm")
    folder = own.parent / "edited/finetune_retain/own/identity_removal/ddpm/default.0"
    pipeline = DDPMPipeline.from_pretrained(folder)
    assert torch.equal(pipeline.unet.conv_in.weight, edited.unet.conv_in.weight)
    assert not torch.equal(edited.unet.conv_in.weight, weights.find("own-ddpm").load().unet.conv_in.weight)


def test_an_applied_method_leaves_a_model_with_a_card(own):
    edited, base = weights.load(own.parent / "my-gan-edited"), weights.find("own-gan").load()
    card = json.loads((own.parent / "my-gan-edited/card.json").read_text())
    assert card["edited"]["method"] == "finetune_retain" and card["edited"]["operations"] > 0
    z = base.latent(4, rng())
    assert not torch.equal(edited.module(z), base.module(z))


def test_a_track_from_a_folder_lists_as_json(own, capsys):
    assert main(["tasks", "--track", str(own), "--json"]) == 0
    [track] = json.loads(capsys.readouterr().out)
    assert [one["base"] for one in track["instances"]] == ["own-gan", "own-ddpm"]


def test_a_judge_below_the_gate_is_refused_with_its_figure(own):
    track = tracks.load("own")
    strict = track.model_copy(update={"gate": {"auc": 1.01}})
    with pytest.raises(ValueError, match=r"own-judge: auc of side is 1\.000, the gate asks for 1\.01"):
        look_up(strict, track.instances[0])


def test_drawn_images_of_stated_shares_are_found(own):
    track = tracks.load("own")
    setup = look_up(track, track.instance("attribute_rebalancing/gan"))
    for right in (0.2, 0.6):
        images, sides, _ = own_files.pictures(300, right, seed=7)
        found = score.measure(setup, {"samples": images.transpose(0, 3, 1, 2)}, {})[1]["shares"]
        assert found["low"][1] <= sides.mean() <= found["high"][1]


def test_what_is_wrong_is_one_line_with_its_remedy(own, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(own.parent)

    def said(*arguments):
        assert main(list(arguments)) == 2
        lines = capsys.readouterr().err.strip().splitlines()
        assert len(lines) == 1
        return lines[0]

    (tmp_path / "pickled").mkdir()
    (tmp_path / "pickled/pytorch_model.bin").write_bytes(b"\x80")
    flags = ["--name", "x", "--data", "big", "--licence", "MIT"]
    assert "licence: field required (under which" in said("base", "add", "my-ddpm", "--into", "own", *flags[:4])
    assert "pytorch_model.bin is a pickle, which is not opened" in said(
        "base", "add", str(tmp_path / "pickled"), "--into", "own", *flags
    )
    assert "has 3 channels and size 64; the base draws 3 and 16" in said(
        "base", "add", "my-ddpm", "--into", "own", *flags
    )
    assert "is no table of own/data.toml; it has small, big" in said(
        "base", "add", "my-ddpm", "--into", "own", "--name", "x", "--data", "faces", "--licence", "MIT"
    )
    assert "holds no track.toml" in said("run", "unchanged", "--track", "./images")
    assert not list((own / "bases").glob(".*"))
