"""Methods of the package on bases that it did not make: each runs to a record, or is left out with what the base lacks.

A GAN of 64x64 pixels, a DDPM that diffusers wrote and a function that only samples, in one track of a user's own.
"""

import json
import tomllib
from pathlib import Path

import own_files
import pytest
import torch
import toy_runs
from safetensors.torch import save_file

from retouch.benchmark import records, submission, tracks, weights
from retouch.benchmark.cli.main import main
from retouch.benchmark.run import plan
from retouch.benchmark.support import plugins

pytestmark = pytest.mark.slow
SUBMISSIONS = Path(__file__).parents[3] / "submissions"
ENDINGS = ("ok", "below_floor", "imperceptible_change", "copies", "replaced", "over_sampling", "over_budget")
RICH = """
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(8, 32 * 16)
        self.body = nn.Sequential(
            nn.BatchNorm2d(32), nn.ReLU(), nn.Upsample(scale_factor=4), nn.Conv2d(32, 8, 3, padding=1),
            nn.BatchNorm2d(8), nn.ReLU(), nn.Upsample(scale_factor=4), nn.Conv2d(8, 3, 3, padding=1), nn.Tanh(),
        )

    def first(self, z):
        return self.linear(z).view(len(z), 32, 4, 4)

    def rest(self, h):
        return self.body(h)

    def forward(self, z):
        return self.rest(self.first(z))


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        layer = lambda a, b: [spectral_norm(nn.Conv2d(a, b, 4, stride=4)), nn.LeakyReLU(0.2)]
        self.trunk, self.feature_dim = nn.Sequential(*layer(3, 8), *layer(8, 16), nn.Flatten()), 256
        self.head = spectral_norm(nn.Linear(256, 1))

    def features(self, x):
        return self.trunk(x)

    def forward(self, x):
        return self.head(self.features(x)).squeeze(1)
"""
BASE = """
name = "rich-gan"
family = "gan"
adapter = "gan"
data = "big"
licence = "MIT"
batch = 16
samples = 200

[config]
channels = 3
size = 64
latent = 8
generator = "rich:Generator"
discriminator = "rich:Discriminator"
"""
REMOTE = """
name = "remote"
family = "sampler"
adapter = "sampler"
data = "big"
licence = "MIT"
batch = 16
samples = 100

[config]
channels = 3
size = 64
draw = "remote:draw"
"""
DRAW = """
import numpy as np


def draw(n, seed):
    rng = np.random.default_rng(seed)
    right = (rng.random(n) < 0.3)[:, None, None, None]
    bright = np.arange(64) >= 32
    return np.where(right == bright, 180, 60).repeat(3, 1).repeat(64, 2).astype("uint8") + rng.integers(
        0, 40, (n, 3, 64, 64), dtype="uint8")
"""
MORE = """
[[instance]]
name = "rich"
task = "attribute_rebalancing"
family = "gan"
base = "rich-gan"
judge = "own-judge"
guide = "own-judge"
target = { attribute = "side", shares = [0.5, 0.5] }

[[instance]]
name = "rich"
task = "category_redaction"
family = "gan"
base = "rich-gan"
judge = "own-judge"
guide = "own-judge"
target = { attribute = "side", values = [1] }

[[instance]]
name = "ddpm"
task = "attribute_rebalancing"
family = "diffusion"
base = "own-ddpm"
judge = "small-judge"
encoder = "small-encoder"
guide = "small-judge"
target = { attribute = "side", shares = [0.5, 0.5] }

[[instance]]
name = "remote"
task = "attribute_rebalancing"
family = "sampler"
base = "remote"
judge = "own-judge"
guide = "own-judge"
target = { attribute = "side", shares = [0.5, 0.5] }
"""


@pytest.fixture(scope="module")
def track(tmp_path_factory):
    """The folder of a track with three bases of the user's own, measured."""
    root = tmp_path_factory.mktemp("foreign")
    with own_files.alone(root):
        own = own_files.make(root)
        for name in ("judge", "encoder"):  # of the smaller images
            text = (own / f"judges/own-{name}/judge.toml").read_text().replace('"big"', '"small"')
            folder = own / f"judges/small-{name}"
            folder.mkdir()
            (folder / "judge.toml").write_text(text)
            (folder / "looks.py").write_text((own / f"judges/own-{name}/looks.py").read_text())
        write_bases(root)
        head = (own / "track.toml").read_text().split("[[instance]]")[0]
        (own / "track.toml").write_text(
            head.replace("samples = 200", "samples = 100").replace("steps = 8 ", "steps = 150 ") + MORE
        )
        judges = [str(folder) for folder in sorted((own / "judges").iterdir()) if "recogniser" not in folder.name]
        added = ("my-ddpm", "--name", "own-ddpm", "--data", "small", "--licence", "MIT", "--sampling-steps", "2",
                 "--batch", "8", "--samples", "100")  # fmt: skip
        for words in (["measure", *judges], ["base", "add", *added], ["base", "add", "rich"], ["base", "add", "remote"],
                      ["scale", "./own"]):  # fmt: skip
            assert main([*words, "--into", "own"] if words[0] == "base" else words) == 0, words
        yield own


def write_bases(root):
    """A GAN with all that the package's methods ask for by name, and a function that draws."""
    for name, files in {"rich": {"rich.py": RICH, "base.toml": BASE},
                        "remote": {"remote.py": DRAW, "base.toml": REMOTE}}.items():  # fmt: skip
        (root / name).mkdir()
        for file, text in files.items():
            (root / name / file).write_text(text)
    torch.manual_seed(0)
    for name in ("Generator", "Discriminator"):
        state = plugins.named(f"rich:{name}", root / "rich")().state_dict()
        save_file({key: value.contiguous() for key, value in state.items()}, root / f"rich/{name.lower()}.safetensors")


def methods():
    """Submissions whose code is the package's own and which need no trained control."""
    for file in sorted(SUBMISSIONS.glob("*/submission.toml")):
        manifest = tomllib.loads(file.read_text())
        if "retrained" not in manifest.get("access", []) and "retraining" not in manifest.get("access", []):
            yield file.parent.name


@pytest.mark.parametrize("name", list(methods()))
def test_each_method_runs_or_says_what_is_lacking(track, name, monkeypatch, capsys):
    monkeypatch.chdir(track.parent)
    runs = plan.plan([submission.find(name, Path("submissions"))], tracks.load("own"))
    runs = [run for run in runs if run.point == run.submission.points[0].name]
    if not runs:
        pytest.skip("none of its tasks and families")
    fitting, lines = plan.able(runs)
    code = main(["run", name, "--track", "./own", "--point", runs[0].point, "--workers", "1", "--no-sandbox"])
    said = capsys.readouterr().err
    assert all(line in said for line in lines)
    place = Path("submissions") / name / "records/own"
    for run in fitting:
        record = records.read(place / run.instance.name / f"{run.point}.0.json")
        assert record.status in ENDINGS, f"{run.label}: {record.status}: {record.reason}"
    assert (code == 2) == (not fitting)


def test_what_the_bases_can_do_is_on_their_cards(track):
    able = {name: set(weights.find(name).card["capabilities"]) for name in ("rich-gan", "own-ddpm", "remote")}
    rich = {"training", "latents", "discriminator", "discriminator_features", "first_layer", "first_weights"}
    assert able["rich-gan"] == rich and not able["remote"]
    assert able["own-ddpm"] >= {"training", "latents", "middle_block", "noise_prediction"}
    scale = json.loads((track / "scale.json").read_text())
    assert scale.keys() == {one.name for one in tracks.load("own").instances}


def test_a_function_that_only_samples_is_filtered_to_a_score(track, monkeypatch):
    monkeypatch.chdir(track.parent)
    assert main(["run", "rejection", "--track", "./own", "--instance", "attribute_rebalancing/remote"]) == 0
    record = records.read(Path("submissions/rejection/records/own/attribute_rebalancing/remote/default.0.json"))
    assert record.status == "ok" and record.goal.value > 0.7 and record.quality.value > 0.5, record.reason
    assert 1 < record.cost.sampling_cost < 3 and record.cost.gradient_steps == 0  # images drawn for one that passes


def test_a_recipes_forms_are_timed(track, capsys):
    assert main(["pretrain", "digits-gan", "--tune"]) == 0
    said = capsys.readouterr().out
    assert said.count("ms a step") + said.count("Error") == 8 and "as it is" in said
    assert "the fastest, for the recipe:\nbfloat16 = " in said


STABLE = """
name = "own-sd"
data = "small"
licence = "MIT"
sampling_steps = 2
batch = 8
samples = 40

[config]
prompts = ["left", "right"]
guidance_scale = 2.0
"""
PROMPTED = """
[[instance]]
name = "sd"
task = "category_redaction"
family = "conditional_diffusion"
base = "own-sd"
judge = "small-judge"
encoder = "small-encoder"
guide = "small-judge"
target = { attribute = "side", values = [1], concept = "right", prompts = ["left", "right"] }
"""


def test_a_folder_of_stable_diffusion_is_edited_to_a_record(track, monkeypatch, capsys):
    monkeypatch.chdir(track.parent)
    own_files.write_stable_diffusion(track.parent / "sd", {"_class_name": "DDIMScheduler", "clip_sample": False})
    (track.parent / "sd/base.toml").write_text(STABLE)
    assert main(["base", "add", "sd", "--into", "own"]) == 0
    (track / "track.toml").write_text((track / "track.toml").read_text() + PROMPTED)
    tracks.load.cache_clear()
    assert main(["scale", "./own", "category_redaction/sd"]) == 0
    folder = toy_runs.write(track.parent, "esd", entry="retouch.methods.concept_erasing:edit", access=[],
                            family="conditional_diffusion", more="[params]\nbatch = 4\n")  # fmt: skip
    main(["run", "./esd", "--track", "./own", "--instance", "category_redaction/sd", "--no-sandbox"])
    [record] = records.read_all(folder)[0]
    assert record.status in ENDINGS, record.reason
    assert "prompted_goal" in record.metrics and record.cost.gradient_steps > 0
