"""Devices by name: one that torch does not have is an error before anything runs."""

import pytest
import torch

from retouch.benchmark.support import machine


def test_devices_that_there_are_pass(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    for name in ("cpu", "cuda", "cuda:1", "mps"):
        assert machine.usable(name) == name
    with pytest.raises(ValueError, match=r"--device cuda:2: torch .* sees no CUDA device 2; use --device cpu"):
        machine.usable("cuda:2")


@pytest.mark.parametrize(
    ("name", "error"),
    [("cuda", "sees no CUDA device; use"), ("mps", "sees no Metal device; use"), ("gpu", "gpu is none of cpu, cuda"),
     ("cuda:x", "sees no CUDA device; use")],
)  # fmt: skip
def test_devices_that_there_are_not_are_errors(name, error, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(ValueError, match=error):
        machine.usable(name)
