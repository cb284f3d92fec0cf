"""The large track's checkpoints, as small stand-ins in their published layouts: found, loaded, planned."""

import shutil

import pytest
import torch
from toy import CONFIGS, rng
from toy_runs import write

from retouch.benchmark import tracks, weights
from retouch.benchmark.cli.main import main
from retouch.benchmark.generators import family
from retouch.benchmark.support.files import write_json

UNET = CONFIGS["diffusion"] | {"channels": 3, "scheduler": {"_class_name": "DDPMScheduler"}}
LATENT = UNET | {
    "in_channels": 3, "out_channels": 3, "sample_size": 4,
    "autoencoder": {
        "_class_name": "VQModel", "in_channels": 3, "out_channels": 3, "latent_channels": 3,
        "down_block_types": ["DownEncoderBlock2D"] * 2, "up_block_types": ["UpDecoderBlock2D"] * 2,
        "block_out_channels": [4, 4], "norm_num_groups": 2, "num_vq_embeddings": 8,
    },
}  # fmt: skip


def published(folder, config, at_root):
    """Write a stand-in with its card into a folder, the UNet and its scheduler at the root or below; returns it."""
    torch.manual_seed(0)
    made = family("diffusion")(config, 1e-4)
    made.save(folder, half=False)
    if at_root:  # as google/ddpm-celebahq-256 and google/ddpm-ema-church-256 lie on the hub
        for part in ("unet", "scheduler"):
            for file in (folder / part).iterdir():
                shutil.move(file, folder / file.name)
            (folder / part).rmdir()
    recipe = {"lr": 1e-4, "steps": 1000, "batch": 2, "data": {"name": "celeba_faces"}}
    card = {"name": folder.name, "family": "diffusion", "config": config, "recipe": recipe, "seconds": 3600.0}
    write_json(folder / "card.json", card | {"sha256": weights.sha256(folder)})
    return made


@pytest.mark.parametrize(
    ("name", "config", "at_root"),
    [("ddpm-celebahq-256", UNET, True), ("ddpm-ema-church-256", UNET, True), ("ldm-celebahq-256", LATENT, False)],
)
def test_a_checkpoint_in_its_layout_is_loaded_and_planned(name, config, at_root, submissions, monkeypatch, capsys):
    home = submissions.parent / "home"
    monkeypatch.setenv("RETOUCH_PATH", str(home))
    made = published(home / "weights" / name, config, at_root)
    loaded = weights.find(name).load()
    images = loaded.sample(2, rng())
    assert images.shape == (2, 3, 8, 8) and torch.equal(images, made.sample(2, rng()))
    instance = next(one for one in tracks.load("large").instances if one.base == name and not one.tuning)
    write(submissions, "m", family="diffusion", task=instance.task)
    assert main(["run", "m", "--track", "large", "--instance", instance.name, "--seed", "0", "--plan"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "not at hand" not in said and "?" not in said and "licence Apache-2.0" in said


def test_no_instance_of_the_large_track_has_a_control():
    assert not any(instance.retrained for instance in tracks.load("large").instances)
    assert all(instance.source and instance.licence for instance in tracks.load("large").instances)
