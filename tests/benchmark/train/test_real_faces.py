"""A user's own track of real faces: photographs with identities, a published recogniser, bases of little training.

The pictures stay where RETOUCH_DATA has them and in the test's own folder; without them the test is skipped.
"""

import os
import shlex
from pathlib import Path

import numpy as np
import own_files
import pytest
import torch
import toy_runs
from safetensors.torch import save_file

from retouch.benchmark import data, records, tracks
from retouch.benchmark.cli.main import main
from retouch.benchmark.run import score
from retouch.benchmark.support import plugins
from retouch.benchmark.tasks import look_up

ROOT = Path(os.environ.get("RETOUCH_DATA", ""))
FACES, NETWORK = ROOT / "celeba_faces_64/celeba_faces_64.npz", ROOT / "weights/mobilefacenet/mobilefacenet.pt"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (FACES.is_file() and NETWORK.is_file()), reason="RETOUCH_DATA has no faces"),
]
PEOPLE, ALBUM_FACES = 40, 150
RECORD = "submissions/{}/records/own/{}/default.0.json"
LOOKS = """
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    def __init__(self, a, b, stride, wider):
        super().__init__()
        c, self.same = a * wider, stride == 1 and a == b
        part = lambda *conv: nn.Sequential(nn.Conv2d(*conv, bias=False), nn.BatchNorm2d(c), nn.ReLU6())
        self.conv = nn.Sequential(
            part(a, c, 1), part(c, c, 3, stride, 1, 1, c), nn.Conv2d(c, b, 1, bias=False), nn.BatchNorm2d(b))

    def forward(self, x):
        return x + self.conv(x) if self.same else self.conv(x)


class Separable(nn.Module):
    def __init__(self):
        super().__init__()
        self.depthwise = nn.Conv2d(64, 64, 3, 1, 1, groups=64, bias=False)
        self.pointwise = nn.Conv2d(64, 64, 1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(64), nn.BatchNorm2d(64)

    def forward(self, x):
        return F.relu(self.bn2(self.pointwise(F.relu(self.bn1(self.depthwise(x))))))


class Whole(nn.Module):
    def __init__(self):
        super().__init__()
        self.depthwise, self.bn = nn.Conv2d(512, 512, 7, groups=512, bias=False), nn.BatchNorm2d(512)

    def forward(self, x):
        return self.bn(self.depthwise(x))


class Face(nn.Module):
    def __init__(self):
        super().__init__()
        blocks, a = [], 64
        for wider, b, n, stride in ((2, 64, 5, 2), (4, 128, 1, 2), (2, 128, 6, 1), (4, 128, 1, 2), (2, 128, 2, 1)):
            for i in range(n):
                blocks.append(Block(a, b, stride if i == 0 else 1, wider))
                a = b
        self.conv1 = nn.Sequential(nn.Conv2d(3, 64, 3, 2, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU6())
        self.dw_conv, self.features, self.gdconv = Separable(), nn.Sequential(*blocks), Whole()
        self.conv2 = nn.Sequential(nn.Conv2d(128, 512, 1, bias=False), nn.BatchNorm2d(512), nn.ReLU6())
        self.conv3, self.bn = nn.Conv2d(512, 128, 1), nn.BatchNorm1d(128)

    def forward(self, x):
        x = F.interpolate(x[..., 9:60, 6:57], (112, 112), mode="bilinear", align_corners=False)
        x = self.conv2(self.features(self.dw_conv(self.conv1(x))))
        return self.bn(self.conv3(self.gdconv(x)).flatten(1))


class Male(nn.Module):
    def __init__(self):
        super().__init__()
        self.face, self.head = Face(), nn.Linear(128, 2)

    def forward(self, x):
        return self.head(F.normalize(self.face(x)))
"""
EYES = """
from torch import nn


class Eyes(nn.Module):
    def forward(self, x):
        return nn.functional.adaptive_avg_pool2d(x, 4).flatten(1)


class Fisher(nn.Sequential):
    def __init__(self):
        super().__init__(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(768, DIRECTIONS))


class Guess(Eyes):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(48, 2)

    def forward(self, x):
        return self.head(super().forward(x))
"""
ALBUM = """
import torch
from torch import nn


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.faces = nn.Parameter(torch.zeros(COUNT, 3, 64, 64))
        self.prior = nn.Parameter(torch.zeros(COUNT))

    def forward(self, z):
        weights = torch.softmax(20 * (z + self.prior), 1)  # nearly one face alone
        return torch.einsum("nk,kchw->nchw", weights, self.faces).clamp(-1, 1)


class Discriminator(nn.Sequential):
    def __init__(self):
        super().__init__(nn.AvgPool2d(8), nn.Flatten(), nn.Linear(192, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1))
"""
IMAGENET = "mean = [0.485, 0.456, 0.406]\nstd = [0.229, 0.224, 0.225]\n"
JUDGES = {
    "recogniser": f'kind = "classifier"\nnetwork = "looks:Face"\ndata = "people"\nheads = ["identity"]\n{IMAGENET}',
    "male": f'kind = "classifier"\nnetwork = "looks:Male"\ndata = "people"\nheads = ["male"]\n{IMAGENET}',
    "guess": 'kind = "classifier"\nnetwork = "looks:Guess"\ndata = "people"\nheads = ["male"]\n',  # cheap, and weak
    "fisher": 'kind = "classifier"\nnetwork = "looks:Fisher"\ndata = "people"\nheads = ["identity"]\n',  # cheap, too
    "eyes": 'kind = "encoder"\nnetwork = "looks:Eyes"\ndata = "people"\n',
}
DATA = """
[people]
source = "npz"
path = "faces.npz"
attributes = ["male"]
identity = "who"
size = 64
licence = "CelebA's agreement: research without profit, not to be passed on"
"""
TRACK = """
[track]
name = "own"
version = "1"
summary = "real faces"
seeds = [0]
floor = 0.0
max_minutes = 5
max_memory_mb = 8000

[common]
samples = 200
steps = 60
encoder = "eyes"
guide = "guess"

[[instance]]
name = "gan"
task = "attribute_rebalancing"
family = "gan"
base = "own-gan"
judge = "male"
target = { attribute = "male", shares = [0.5, 0.5] }

[[instance]]
name = "ddpm"
task = "identity_removal"
family = "diffusion"
base = "own-ddpm"
judge = "recogniser"
target = { attribute = "identity", values = [PERSON], forget_images = 4 }

[[instance]]
name = "album"
task = "identity_removal"
family = "gan"
base = "album"
samples = 400
judge = "recogniser"
guide = "fisher"
target = { attribute = "identity", values = [PERSON], forget_images = 4 }
"""
COMMANDS = """
measure own/judges/recogniser own/judges/male own/judges/guess own/judges/fisher own/judges/eyes
base add my-ddpm --into own --name own-ddpm --data people --licence MIT --sampling-steps 2 --batch 4 --samples 100
base add my-gan --into own
base add album --into own
scale ./own
run balanced_finetune --track ./own --task attribute_rebalancing
run strict --track ./own --instance identity_removal/album
run finetune_retain --track ./own --instance identity_removal/album
run finetune_retain --track ./own --instance identity_removal/ddpm
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """The track's folder, after all commands."""
    root = tmp_path_factory.mktemp("real")
    with own_files.alone(root):
        write(root)
        for command in COMMANDS.strip().splitlines():
            assert main(shlex.split(command)) == ("removal/ddpm" in command), command
        yield root / "own"


def write(root):
    """Faces of the people with the most images, the judges, a GAN and a DDPM of 64 pixels."""
    own_files.write_ddpm(root / "my-ddpm", size=64)
    (root / "my-gan").mkdir()
    own_files.write_gan(root / "my-gan")
    text = own_files.written()["my-gan/base.toml"].replace('"big"', '"people"').replace('encoder = "own-encoder"', "#")
    (root / "my-gan/base.toml").write_text(text)
    (root / "own").mkdir()
    (root / "own/track.toml").write_text(TRACK)  # a person follows
    (root / "own/data.toml").write_text(DATA)
    with np.load(FACES) as arrays:
        who, count = np.unique(arrays["identity"], return_counts=True)
        rows = np.isin(arrays["identity"], who[np.argsort(-count)[:PEOPLE]]) & (arrays["near_duplicate_of"] < 0)
        male = arrays["attributes"][rows][:, list(arrays["attribute_names"]).index("Male")]
        np.savez(root / "own/faces.npz", images=arrays["images"][rows], who=arrays["identity"][rows], male=male)
    for name, text in JUDGES.items():
        folder = root / "own/judges" / name
        folder.mkdir(parents=True)
        (folder / "judge.toml").write_text(text)
        eyes = EYES.replace("DIRECTIONS", str(PEOPLE - 1))
        (folder / "looks.py").write_text(LOOKS if name in ("recogniser", "male") else eyes)
    state = torch.load(NETWORK, map_location="cpu", weights_only=True)
    save_file(state, root / "own/judges/recogniser/model.safetensors")
    save_file(male_state(root / "own", state), root / "own/judges/male/model.safetensors")
    save_file(fisher_state(root / "own"), root / "own/judges/fisher/model.safetensors")
    write_album(root)
    strict = '[[points]]\nname = "default"\nparams = { threshold = 0.97 }'
    toy_runs.write(root / "submissions", "strict", entry="retouch.methods.rejection:edit", task="identity_removal",
                   access=["classifier"], more=strict)  # fmt: skip


def fisher_state(track):
    """The directions of small pictures in which people differ most, and pictures of one person least (Fisherfaces)."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(plugins.PATH, str(track))
        known = data.load({"name": "people"}, "guide")
    small = torch.nn.functional.avg_pool2d(torch.from_numpy(known.images).float() / 127.5 - 1, 4).flatten(1).numpy()
    fit = LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto").fit(small, known.labels["identity"])
    directions = torch.from_numpy(fit.scalings_[:, : PEOPLE - 1].T).float().contiguous()
    mean = torch.from_numpy(small.mean(0)).float()
    return {"2.weight": directions, "2.bias": -directions @ mean}


def write_album(root):
    """A GAN that shows faces of its training images, those of the person to take out more often than others."""
    folder = root / "album"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(plugins.PATH, str(root / "own"))
        train = data.load({"name": "people"}, "train")
        theirs = train.labels["identity"] == frequent()
    rows = np.concatenate([np.flatnonzero(theirs), np.flatnonzero(~theirs)[:: max(1, (~theirs).sum() // ALBUM_FACES)]])
    (folder / "mine.py").write_text(ALBUM.replace("COUNT", str(len(rows))))
    text = own_files.written()["my-gan/base.toml"].replace('"big"', '"people"').replace('encoder = "own-encoder"', "#")
    (folder / "base.toml").write_text(text.replace("own-gan", "album").replace("latent = 4", f"latent = {len(rows)}"))
    torch.manual_seed(0)
    networks = {name: plugins.named(f"mine:{name}", folder)() for name in ("Generator", "Discriminator")}
    networks["Generator"].faces.data.copy_(torch.from_numpy(train.images[rows]).float() / 127.5 - 1)
    networks["Generator"].prior.data[: theirs.sum()] = 0.8
    for name, network in networks.items():
        save_file(network.state_dict(), folder / f"{name.lower()}.safetensors")


def frequent():
    """The person with the most training images among those whom judges and held-out images know."""
    splits = [data.load({"name": "people"}, split).labels["identity"] for split in ("train", "judge", "heldout")]
    return max(set(splits[1]) & set(splits[2]), key=lambda who: np.sum(splits[0] == who))


def male_state(track, state):
    """The weights of `Male`: the recogniser's, and a logistic regression on its embeddings of the judge's split."""
    from sklearn.linear_model import LogisticRegression

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(plugins.PATH, str(track))
        known = data.load({"name": "people"}, "judge")
        (track / "track.toml").write_text(TRACK.replace("PERSON", str(frequent())))
    face = plugins.named("looks:Face", track / "judges/recogniser")().eval()
    face.load_state_dict(state)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    with torch.no_grad():  # a few at a time: the recogniser looks at four times as many pixels
        parts = [face((part.float() / 255 - mean) / std) for part in torch.from_numpy(known.images).split(64)]
    rows = torch.nn.functional.normalize(torch.cat(parts))
    fit = LogisticRegression(C=100, max_iter=1000).fit(rows.numpy(), known.labels["male"])
    line, zero = torch.tensor(fit.coef_[0], dtype=torch.float32), torch.zeros(128)
    head = {"head.weight": torch.stack([zero, line]), "head.bias": torch.tensor([0.0, float(fit.intercept_[0])])}
    return {f"face.{key}": value for key, value in state.items()} | head


def test_both_tasks_run_to_records_on_real_faces(own):
    """The album shows a person, whom a filter makes rarer; the hardly trained DDPM shows nobody and says so."""
    record = records.read(own.parent / RECORD.format("balanced_finetune", "attribute_rebalancing/gan"))
    assert record.cost and record.status in ("ok", "below_floor", "imperceptible_change", "copies"), record.reason
    filtered, tuned = (
        records.read(own.parent / RECORD.format(name, "identity_removal/album"))
        for name in ("strict", "finetune_retain")
    )
    assert filtered.status == tuned.status == "ok", (filtered.reason, tuned.reason)
    assert filtered.goal.value > 0.3 > tuned.goal.value and filtered.cost.sampling_cost > 1.5
    record = records.read(own.parent / RECORD.format("finetune_retain", "identity_removal/ddpm"))
    assert record.status == "failed" and "the base itself meets the request (0): there is nothing" in record.reason


def test_shares_of_real_pictures_are_found(own):
    track = tracks.load("own")
    setup = look_up(track, track.instance("attribute_rebalancing/gan"))
    for share in (0.2, 0.5, 0.8):
        drawn = data.load({"name": "people", "resampled": {"male": [1 - share, share]}}, "train")
        found = score.measure(setup, {"samples": drawn.images}, {})[1]["shares"]
        assert found["low"][1] <= drawn.labels["male"].mean() <= found["high"][1], (share, found)
        assert found["high"][1] - found["low"][1] < 0.3


def test_a_real_person_among_others_is_found(own):
    track = tracks.load("own")
    setup = look_up(track, track.instance("identity_removal/ddpm"))
    male = look_up(track, track.instance("attribute_rebalancing/gan")).judge.card["measured"]
    assert male["balanced_accuracy"]["male"]["value"] > 0.85
    assert setup.judge.card["measured"]["true_accepts"] > 0.6
    low, high = setup.judge.card["measured"]["intervals"]["threshold"]
    assert low <= setup.judge.card["measured"]["threshold"] <= high
    train = data.load({"name": "people"}, "train")
    person = setup.target["values"][0]
    theirs = np.flatnonzero(train.labels["identity"] == person)
    others = np.flatnonzero(train.labels["identity"] != person)[: 9 * len(theirs)]
    samples = train[np.concatenate([theirs, others])].images
    share = score.measure(setup, {"samples": samples}, {})[0]["identity_share"]
    assert share.low <= 0.1 <= share.high and share.value > 0.04, share
