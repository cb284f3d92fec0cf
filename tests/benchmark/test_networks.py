"""Judges of other libraries, from small files that the tests make: the library's own numbers, and errors in a line."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from retouch.benchmark import weights
from retouch.benchmark.judges import Judge
from retouch.benchmark.networks import network
from retouch.benchmark.support.files import write_json

X = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1


class Means(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3))


def theirs(own: nn.Module, size: int | None = None, mean: float = 0.5, std: float = 0.5) -> torch.Tensor:
    """What a library's network gives of the images, prepared as it was trained."""
    x = X if size is None else nn.functional.interpolate(X, (size, size), mode="bicubic", antialias=True).clamp(-1, 1)
    with torch.no_grad():
        return own.eval()(((x + 1) / 2 - mean) / std)


def ours(folder, **config) -> torch.Tensor:
    with torch.no_grad():
        return network(folder, config)(X)


def test_a_torchscript_is_opened_only_where_it_is_trusted(tmp_path):
    torch.jit.script(Means()).save(str(tmp_path / "judge.pt"))
    config = {"network": "torchscript:judge.pt", "mean": [0.4] * 3, "std": [0.2] * 3}
    with pytest.raises(ValueError, match=r"judge\.pt is a program: state `trust = true`"):
        network(tmp_path, config)
    assert torch.allclose(ours(tmp_path, **config, trust=True), theirs(Means(), mean=0.4, std=0.2))
    card = {"family": "classifier", "config": config | {"trust": True, "heads": {"hue": 3}, "channels": 3, "size": 32}}
    write_json(tmp_path / "card.json", card | {"sha256": weights.sha256(tmp_path)})
    judge = Judge.load(tmp_path)
    images = ((X + 1) * 127.5).round().to(torch.uint8)
    assert judge.look(images.numpy()).labels["hue"].tolist() == X.mean((2, 3)).argmax(1).tolist()
    torch.jit.script(nn.Flatten()).save(str(tmp_path / "judge.pt"))
    with pytest.raises(weights.WeightsError, match="have sha256"):  # the card covers the program
        Judge.load(tmp_path)


@pytest.mark.slow
def test_torchvisions_networks_are_read(tmp_path):
    from torchvision.models import squeezenet1_1

    torch.manual_seed(0)
    own = squeezenet1_1(num_classes=4)
    save_file(own.state_dict(), tmp_path / "model.safetensors")
    config = {"network": "torchvision:squeezenet1_1", "arguments": {"num_classes": 4}, "resize": 64}
    assert torch.allclose(ours(tmp_path, **config), theirs(own, 64), atol=1e-5)
    with pytest.raises(ValueError, match=r"model\.safetensors does not fit the network"):
        network(tmp_path, config | {"arguments": {"num_classes": 5}})
    with pytest.raises(ValueError, match=r"torchvision\.models has no 'squeezenet9'"):
        network(tmp_path, {"network": "torchvision:squeezenet9"})


@pytest.mark.slow
def test_timms_networks_are_read(tmp_path):
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    own = timm.create_model("test_resnet", num_classes=2)
    save_file(own.state_dict(), tmp_path / "model.safetensors")
    config = {"network": "timm:test_resnet", "arguments": {"num_classes": 2}, "mean": [0.1] * 3, "std": [0.3] * 3}
    assert torch.allclose(ours(tmp_path, **config), theirs(own, mean=0.1, std=0.3), atol=1e-5)


@pytest.mark.slow
def test_networks_of_transformers_are_read(tmp_path):
    transformers = pytest.importorskip("transformers")
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32,
             "image_size": 32, "patch_size": 8}  # fmt: skip
    torch.manual_seed(0)
    own = transformers.ViTForImageClassification(transformers.ViTConfig(**shape, num_labels=3))
    own.save_pretrained(tmp_path)
    found = ours(tmp_path, network="transformers:ViTForImageClassification")
    assert found.shape == (3, 3) and torch.allclose(found, theirs(logits_of(own)), atol=1e-5)


def logits_of(own: nn.Module) -> nn.Module:
    """A classifier of transformers as a module that gives its logits."""

    class Logits(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return own.eval()(x).logits

    return Logits()


def test_a_library_that_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "timm", None)
    with pytest.raises(ValueError, match="'timm:x' needs timm: pip install timm"):
        network(tmp_path, {"network": "timm:x"})
