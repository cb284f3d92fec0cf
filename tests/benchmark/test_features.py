"""Feature extraction: batches, cache, local weights. The networks here are small files that the tests make."""

import numpy as np
import pytest
import torch

from retouch.benchmark import features

IMAGES = np.random.default_rng(0).integers(0, 256, (10, 3, 16, 16)).astype(np.uint8)


def counting() -> tuple[features.Extractor, list[int]]:
    """An extractor that notes the size of every batch it sees."""
    seen = []

    def compute(images: torch.Tensor) -> torch.Tensor:
        seen.append(len(images))
        return images.float().flatten(2).mean(2)

    return features.Extractor("means-1", compute), seen


def test_batches_make_no_difference():
    extractor, seen = counting()
    whole, parts = features.extract(IMAGES, extractor), features.extract(IMAGES, extractor, batch=3)
    np.testing.assert_array_equal(whole, parts)
    assert seen == [10, 3, 3, 3, 1] and whole.dtype == np.float32 and whole.shape == (10, 3)


def test_grey_images_are_shown_in_three_channels():
    found = features.extract(IMAGES[:, :1], counting()[0])
    assert found.shape == (10, 3) and np.ptp(found, axis=1).max() == 0


def test_cache_is_by_content_and_extractor(tmp_path):
    extractor, seen = counting()
    first = features.extract(IMAGES, extractor, cache=tmp_path)
    np.testing.assert_array_equal(features.extract(IMAGES.copy(), extractor, cache=tmp_path), first)
    assert len(seen) == 1
    changed = IMAGES.copy()
    changed[0, 0, 0, 0] ^= 1
    features.extract(changed, extractor, cache=tmp_path)
    features.extract(IMAGES, features.Extractor("means-2", extractor.compute), cache=tmp_path)
    assert len(seen) == 3 and len(list(tmp_path.iterdir())) == 3  # no draft is left behind


@pytest.mark.parametrize(
    ("images", "message"),
    [(IMAGES.astype(np.float32), "wanted uint8"), (IMAGES.transpose(0, 2, 3, 1), "channels seem to come last")],
)
def test_bad_images(images, message):
    with pytest.raises(ValueError, match=message):
        features.extract(images, counting()[0])


def test_missing_weights_are_named(monkeypatch, tmp_path):
    monkeypatch.setenv("RETOUCH_WEIGHTS", str(tmp_path))
    assert features.available() == []
    with pytest.raises(FileNotFoundError, match=r"inception needs pt_inception-2015-12-05-6726825d\.pth"):
        features.load("inception")
    with pytest.raises(ValueError, match="found 'resnet', wanted one of inception"):
        features.load("resnet")
    monkeypatch.delenv("RETOUCH_WEIGHTS")
    assert features.weights_folder() is None


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


@pytest.mark.filterwarnings("ignore")
def test_clean_inception_resizes_and_normalises(monkeypatch, tmp_path):
    pytest.importorskip("cleanfid")
    monkeypatch.setenv("RETOUCH_WEIGHTS", str(tmp_path))
    torch.jit.script(Script()).save(str(tmp_path / "inception-2015-12-05.pt"))
    extractor = features.load("inception-clean")
    found = features.extract(np.full((2, 3, 16, 16), 192, np.uint8), extractor)
    assert found.shape == (2, 2048) and extractor.name.startswith("inception-clean-")
    np.testing.assert_allclose(found, (192 - 128) / 128, atol=1e-5)


@pytest.mark.filterwarnings("ignore")
def test_dinov2_comes_from_a_local_clone(monkeypatch, tmp_path):
    monkeypatch.setenv("RETOUCH_WEIGHTS", str(tmp_path))
    (tmp_path / "dinov2").mkdir()
    (tmp_path / "dinov2" / "hubconf.py").write_text(
        "import torch\ndef dinov2_vits14(pretrained=True):\n"
        "    return torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(3, 384))\n"
    )
    network = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(3, 384))
    torch.save(network.state_dict(), tmp_path / "dinov2_vits14_pretrain.pth")
    assert features.available() == ["dinov2"]
    found = features.extract(np.full((2, 3, 20, 30), 100, np.uint8), features.load("dinov2"))
    mean, deviation = features.IMAGENET[:, :, 0, 0]
    expected = network[2]((100 / 255 - mean) / deviation).detach().numpy()
    np.testing.assert_allclose(found[0], expected, atol=1e-5)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_inception_of_torch_fidelity_from_a_file(monkeypatch, tmp_path):
    """The real architecture with random weights: the route, the file and the batches, not the published numbers."""
    inception = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3").FeatureExtractorInceptionV3
    path = tmp_path / features.FILES["inception"]
    with monkeypatch.context() as patch:
        patch.setattr(inception, "load_state_dict", lambda self, state: None)
        torch.save({}, path)
        torch.manual_seed(0)
        network = inception("inception-v3-compat", ["2048"], feature_extractor_weights_path=str(path))
    torch.save(network.state_dict(), path)
    monkeypatch.setenv("RETOUCH_WEIGHTS", str(tmp_path))
    found = features.extract(IMAGES[:3], features.load("inception"), batch=2)
    with torch.inference_mode():
        expected = network(torch.from_numpy(IMAGES[:3]))[0].numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
