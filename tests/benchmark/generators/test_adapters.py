"""Bases from outside: a GAN of one's own, flows of libraries, a function that only samples."""

import pytest
import torch
from safetensors.torch import save_file
from toy import rng

from retouch import check_generator
from retouch.benchmark import weights
from retouch.benchmark.budget import yardstick
from retouch.benchmark.generators import adapter
from retouch.benchmark.operations import IMAGE, operations_of
from retouch.benchmark.support import plugins
from retouch.benchmark.support.files import write_json

GAN = """
import torch
from torch import nn


class Generator(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.start = nn.Linear(8, width * 64)
        self.body = nn.Sequential(nn.ConvTranspose2d(width, 3, 8, 8), nn.Tanh())

    def forward(self, z):
        return self.body(self.start(z).view(len(z), -1, 8, 8))


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 8, 8), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(512, 1))

    def forward(self, x):
        return self.body(x)
"""
FLOWS = {
    "zuko": """
import zuko


def flow():
    return zuko.flows.NSF(features=16, transforms=2, hidden_features=[16])
""",
    "normflows": """
import normflows as nf


def flow():
    layers = [nf.flows.AffineCouplingBlock(nf.nets.MLP([8, 16, 16])), nf.flows.Permute(16)]
    return nf.NormalizingFlow(nf.distributions.DiagGaussian(16, trainable=False), layers)
""",
}
IMAGES = torch.randint(0, 256, (16, 1, 4, 4), dtype=torch.uint8, generator=rng(3))


def base(folder, name, config, states, **card):
    """A weights folder with a card and safetensors of these states."""
    for part, state in states.items():
        save_file(state, folder / f"{part}.safetensors")
    write_json(folder / "card.json", {"adapter": name, "config": config, "recipe": {"lr": 1e-3}, **card,
                                      "sha256": weights.sha256(folder)})  # fmt: skip
    return weights.load(folder)


@pytest.fixture
def gan_folder(tmp_path):
    (tmp_path / "mine.py").write_text(GAN)
    return tmp_path


def own_gan(folder, **more):
    torch.manual_seed(0)
    networks = {name: plugins.named(f"mine:{name}", folder)() for name in ("Generator", "Discriminator")}
    config = {"channels": 3, "size": 64, "latent": 8, "generator": "mine:Generator", **more}
    states = {name.lower(): network.state_dict() for name, network in networks.items()}
    return networks, base(folder, "gan", config, states)


def test_a_gan_of_ones_own_keeps_the_laws(gan_folder):
    networks, gan = own_gan(gan_folder, discriminator="mine:Discriminator")
    with torch.no_grad():
        theirs = networks["Generator"](torch.randn(2, 8, generator=rng()))
    assert ((theirs + 1) * 127.5 - gan.sample(2, rng())).abs().max() <= 0.5
    assert "what_is_saved_comes_back" in check_generator(gan)


def test_a_generator_alone_says_why_it_does_not_train(gan_folder):
    _, gan = own_gan(gan_folder)
    assert yardstick(gan, 4).operations > 0
    with pytest.raises(ValueError, match=r"no discriminator: name one in base.toml"):
        gan.train_step(IMAGES)
    assert torch.equal(gan.copy().sample(2, rng()), gan.sample(2, rng()))


def test_changed_code_beside_the_weights_is_noticed(gan_folder):
    own_gan(gan_folder)
    (gan_folder / "mine.py").write_text(GAN + "\n# changed\n")
    with pytest.raises(weights.WeightsError, match="have sha256"):
        weights.load(gan_folder)


@pytest.mark.parametrize("library", FLOWS)
@pytest.mark.filterwarnings("ignore")
def test_flows_of_libraries_keep_the_laws(library, tmp_path):
    pytest.importorskip(library)
    (tmp_path / "mine.py").write_text(FLOWS[library])
    torch.manual_seed(0)
    network = plugins.named("mine:flow", tmp_path)()
    state = {key: value.clone().contiguous() for key, value in network.state_dict().items()}
    flow = base(tmp_path, library, {"channels": 1, "size": 4, "flow": "mine:flow", "bits": 4}, {"flow": state})
    assert "flows_invert" in check_generator(flow)
    x, ours = flow.dequantise(IMAGES, rng()), flow.log_prob(IMAGES, rng())
    rows = (2 * x - 1).flatten(1)
    theirs = network().log_prob(rows) if library == "zuko" else network.log_prob(rows)
    constant = 16 * torch.tensor(2.0 / flow.bins).log()
    assert torch.allclose(ours, theirs + constant, atol=1e-3)


def test_a_function_that_samples_has_a_budget_of_images(tmp_path):
    (tmp_path / "remote.py").write_text(
        "import numpy as np\n\n\ndef draw(n, seed):\n"
        "    return np.random.default_rng(seed).integers(0, 256, (n, 1, 8, 8)).astype('uint8')\n"
    )
    config = {"channels": 1, "size": 8, "draw": "remote:draw", "images": 50, "folder": str(tmp_path)}
    remote = adapter("sampler", tmp_path)(config)
    assert torch.equal(remote.sample(20, rng()), remote.sample(20, rng()))
    assert operations_of(lambda: remote.sample(3, rng())) == yardstick(remote, 3).operations == 3 * IMAGE
    with pytest.raises(ValueError, match="20 images asked for, 7 left of the budget of 50"):
        remote.sample(20, rng())
    config["size"] = 16
    with pytest.raises(ValueError, match=r"gave uint8 \(5, 1, 8, 8\), not uint8 \(5, 1, 16, 16\)"):
        adapter("sampler", tmp_path)(config).sample(5, rng())


def test_missing_code_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"put absent.py into"):
        plugins.named("absent:Generator", tmp_path)
    with pytest.raises(ValueError, match="json has no 'Generator'"):
        plugins.named("json:Generator", tmp_path)
