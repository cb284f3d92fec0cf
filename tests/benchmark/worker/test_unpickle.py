"""Pickled weights: converted in the sandbox where their owner says so, and never opened outside it."""

import pickle

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from toy_runs import needs_sandbox

from retouch.benchmark.worker import sandbox
from retouch.benchmark.worker.unpickle import convert, states

STATE = {"weight": torch.ones(2, 3), "bias": torch.zeros(2)}


class Evil:
    """Writes a file where it is opened, if it can."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return (open, (str(self.file), "w"))


@pytest.mark.parametrize(
    ("loaded", "names"),
    [
        (STATE, ["g"]),
        (nn.Linear(3, 2), ["g"]),
        ({"module.weight": torch.ones(1), "step": 3}, ["g"]),
        ({"state_dict": STATE, "epoch": 3}, ["g"]),
        ({"generator": STATE, "discriminator": STATE, "lr": 0.1}, ["generator", "discriminator"]),
        ({"epoch": 3}, []),
        ([STATE], []),
    ],
)
def test_the_sets_of_weights_of_a_pickle(loaded, names):
    found = list(states(loaded, "g"))
    assert [name for name, _ in found] == names
    assert all(isinstance(value, torch.Tensor) for _, state in found for value in state.values())
    assert not [key for _, state in found for key in state if key.startswith("module.")]


def test_without_a_sandbox_no_pickle_is_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(sandbox, "name", lambda: (_ for _ in ()).throw(ValueError("needs bubblewrap")))
    (tmp_path / "g.pt").write_bytes(pickle.dumps(Evil(tmp_path / "touched")))
    with pytest.raises(ValueError, match="needs bubblewrap"):
        convert(tmp_path, tmp_path / "out")
    assert not (tmp_path / "touched").exists()


@pytest.mark.slow
@needs_sandbox
def test_pickles_become_safetensors_in_the_sandbox(tmp_path):
    source, out = tmp_path / "source", tmp_path / "out"
    (source / "unet").mkdir(parents=True)
    torch.save({"generator": STATE, "discriminator": STATE}, source / "both.pt")
    torch.save(STATE, source / "unet/model.bin")
    assert len(convert(source, out)) == 3
    for name in ("generator", "discriminator", "unet/model"):
        assert torch.equal(load_file(out / f"{name}.safetensors")["weight"], STATE["weight"])
    touched = tmp_path / "touched"
    (source / "evil.pkl").write_bytes(pickle.dumps(Evil(touched)))
    with pytest.raises(ValueError, match="its pickles were not converted in the sandbox: "):
        convert(source, tmp_path / "again")
    assert not touched.exists() and not (tmp_path / "again").exists()
