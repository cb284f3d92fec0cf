"""Published feature spaces: their files are checked before they are opened. The networks are small ones made here."""

import shutil
import sys
from types import ModuleType

import numpy as np
import pytest
import torch

from retouch.benchmark import features, weights
from retouch.benchmark.encoders import Encoder
from retouch.benchmark.networks import network
from retouch.benchmark.support import plugins
from retouch.benchmark.support.files import sha256, write_json

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 3, 16, 16)).astype(np.uint8)


class Layers(torch.nn.Module):
    """In the place of Inception's layers: 2,048 copies of the mean."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((1, 2, 3)).view(-1, 1).expand(-1, 2048)


class Script(torch.nn.Module):
    """The shape of clean-fid's torchscript file."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = Layers()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


class Means(torch.nn.Module):
    """In the place of an extractor of torch-fidelity: uint8 images to a tuple of features."""

    def __init__(self, name: str, outputs: list[str], feature_extractor_weights_path: str) -> None:
        super().__init__()
        self.output, self.shift = outputs[0], torch.load(feature_extractor_weights_path, weights_only=True)["shift"]

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor]:
        assert images.dtype == torch.uint8
        return (images.float().mean((2, 3)) + self.shift,)


def encoder(folder, **config) -> Encoder:
    """An encoder of one's own, as a track reads it."""
    config = {"channels": 3, "size": 16, **config}
    folder.mkdir(exist_ok=True)
    write_json(folder / "card.json", {"family": "encoder", "config": config, "sha256": weights.sha256(folder)})
    return Encoder.read(folder)


@pytest.fixture
def means(monkeypatch):
    registry = pytest.importorskip("torch_fidelity.registry").FEATURE_EXTRACTORS_REGISTRY
    for name in ("inception-v3-compat", "clip-vit-b-32"):
        monkeypatch.setitem(registry, name, lambda *args, verbose=False, **kwargs: Means(*args, **kwargs))


@pytest.mark.parametrize("file", features.INCEPTION)
def test_inception_is_found_by_both_names(tmp_path, monkeypatch, means, file):
    torch.save({"shift": torch.tensor(3.0)}, tmp_path / file)
    monkeypatch.setenv("RETOUCH_WEIGHTS", str(tmp_path))
    with pytest.raises(ValueError, match=rf"{file} has sha256 [0-9a-f]{{64}}, not 6726825d; fetch it again"):
        encoder(tmp_path / "space", network="features:inception-v3-compat")
    stated = {"sha256": sha256(tmp_path / file)}
    made = encoder(tmp_path / "space", network="features:inception-v3-compat", **stated)
    np.testing.assert_allclose(made.features(IMAGES), IMAGES.mean((2, 3)) + 3, rtol=1e-5)
    assert made.network.network.output == "2048"
    grey = made.features(IMAGES[:, :1])
    assert grey.shape == (5, 3) and np.ptp(grey, axis=1).max() == 0


def test_a_file_is_not_opened_before_its_hash_is_known(tmp_path, means):
    (tmp_path / "clip.pt").write_bytes(b"anything")
    config = {"network": "features:clip-vit-b-32", "file": "clip.pt"}
    with pytest.raises(ValueError, match=r'state it as sha256 = "\.\.\." in judge.toml .* not opened before'):
        network(tmp_path, config)
    with pytest.raises(ValueError, match="not 1234"):
        network(tmp_path, config | {"sha256": "1234"})
    torch.save({"shift": torch.tensor(0.0)}, tmp_path / "clip.pt")
    assert network(tmp_path, config | {"sha256": sha256(tmp_path / "clip.pt")}).network.output == "clip"


def test_a_pickle_with_code_is_not_run(tmp_path, means):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "touched"), "w"))

    torch.save(Evil(), tmp_path / "weights.pth")
    config = {"file": "weights.pth", "sha256": sha256(tmp_path / "weights.pth")}
    with pytest.raises(Exception, match=r"weights_only|Unsupported|WeightsUnpickler"):
        network(tmp_path, config | {"network": "features:inception-v3-compat"})
    assert not (tmp_path / "touched").exists()


def test_what_is_missing_or_unknown_is_said(tmp_path, monkeypatch, means):
    monkeypatch.delenv("RETOUCH_WEIGHTS", raising=False)
    for name, error in {
        "inception-v3-compat": r"needs pt_inception.*\.pth or weights-inception.* names \(now: not set\)",
        "resnet": "name the file of its weights: `file` in",
    }.items():
        with pytest.raises(ValueError, match=error):
            network(tmp_path, {"network": f"features:{name}"})
    (tmp_path / "x.pt").write_bytes(b"x")
    config = {"network": "features:resnet", "file": "x.pt", "sha256": sha256(tmp_path / "x.pt")}
    with pytest.raises(ValueError, match="features:resnet is none of inception-clean, "):
        network(tmp_path, config)


@pytest.mark.filterwarnings("ignore")
def test_clean_inception_resizes_and_normalises(tmp_path):
    pytest.importorskip("cleanfid")
    torch.jit.script(Script()).save(str(tmp_path / "inception-2015-12-05.pt"))
    digest = sha256(tmp_path / "inception-2015-12-05.pt")
    made = encoder(tmp_path, network="features:inception-clean", sha256=digest)
    found = made.features(np.full((2, 3, 16, 16), 192, np.uint8))
    assert found.shape == (2, 2048)
    np.testing.assert_allclose(found, (192 - 128) / 128, atol=1e-5)
    shutil.copy(tmp_path / "inception-2015-12-05.pt", tmp_path / "mine.pt")
    with pytest.raises(ValueError, match=r"reads inception-2015-12-05\.pt alone; give .*mine\.pt that name"):
        network(tmp_path, {"network": "features:inception-clean", "file": "mine.pt", "sha256": digest})
    (tmp_path / "inception-2015-12-05.pt").write_bytes(b"another")
    with pytest.raises(weights.WeightsError, match="have sha256"):  # the card covers it, too
        Encoder.read(tmp_path)


@pytest.mark.filterwarnings("ignore")
def test_dinov2_comes_from_a_local_clone(tmp_path):
    pytest.importorskip("torch_fidelity")
    made = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(3, 384))
    torch.save(made.state_dict(), tmp_path / "dinov2_vits14_pretrain.pth")
    config = {"network": "features:dinov2-vit-s-14", "sha256": sha256(tmp_path / "dinov2_vits14_pretrain.pth")}
    with pytest.raises(ValueError, match="no clone of the DINOv2 repository"):
        network(tmp_path, config)
    (tmp_path / "dinov2").mkdir()
    (tmp_path / "dinov2" / "hubconf.py").write_text(
        "import torch\ndef dinov2_vits14(pretrained=True):\n"
        "    return torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(3, 384))\n"
    )
    found = encoder(tmp_path, **config).features(np.full((2, 3, 20, 30), 100, np.uint8))
    mean, deviation = features.IMAGENET[:, :, 0, 0]
    expected = made[2]((100 / 255 - mean) / deviation).detach().numpy()
    np.testing.assert_allclose(found[0], expected, atol=1e-5)


def test_an_installed_package_may_bring_a_space(tmp_path, monkeypatch):
    module = ModuleType("brought")
    module.make = lambda: torch.nn.Flatten()
    monkeypatch.setitem(sys.modules, "brought", module)
    monkeypatch.setattr(plugins, "installed", lambda kind: {"flat": "brought:make"} if kind == "features" else {})
    assert network(tmp_path, {"network": "features:flat"})(torch.zeros(2, 3, 4, 4)).shape == (2, 48)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_inception_of_torch_fidelity_from_a_file(monkeypatch, tmp_path):
    """The real architecture with random weights: the route, the file and the batches, not the published numbers."""
    inception = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3").FeatureExtractorInceptionV3
    path = tmp_path / features.INCEPTION[0]
    with monkeypatch.context() as patch:
        patch.setattr(inception, "load_state_dict", lambda self, state: None)
        torch.save({}, path)
        torch.manual_seed(0)
        made = inception("inception-v3-compat", ["2048"], feature_extractor_weights_path=str(path))
    torch.save(made.state_dict(), path)
    found = encoder(tmp_path, network="features:inception-v3-compat", sha256=sha256(path)).features(IMAGES)
    with torch.inference_mode():
        expected = made(torch.from_numpy(IMAGES))[0].numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
