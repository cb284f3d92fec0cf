"""The machine as records name it: device, processor, versions of packages, and the commit of this one."""

from __future__ import annotations

import contextlib
import getpass
import importlib.metadata
import os
import platform
import resource
import subprocess
from functools import cache
from pathlib import Path

import psutil

from retouch.benchmark.support.places import checkout


def usable(name: str) -> str:
    """The device's name unchanged; a ValueError if torch cannot compute there."""
    if name == "cpu":
        return name
    import torch

    kind, _, number = name.partition(":")
    if kind not in ("cuda", "mps"):
        raise ValueError(f"--device {name} is none of cpu, cuda, cuda:1, ..., mps")
    count = torch.cuda.device_count() if kind == "cuda" else int(torch.backends.mps.is_available())
    if not (number or "0").isdigit() or int(number or 0) >= count:
        what = {"cuda": "CUDA device", "mps": "Metal device"}[kind] + (f" {number}" if number and count else "")
        raise ValueError(f"--device {name}: torch {torch.__version__} sees no {what}; use --device cpu")
    return name


@cache
def device(name: str) -> str:
    """The device as records name it."""
    if name.startswith("cuda"):
        import torch

        return torch.cuda.get_device_name(name)
    return f"{platform.machine()} CPU, one thread"


def peak_memory_mb(name: str = "cpu") -> float:
    """Peak MB so far: of the accelerator where `name` is one, else of this process."""
    if name.startswith("cuda"):
        import torch

        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@cache
def packages() -> dict[str, str]:
    """Python and packages with their versions, and the processor, on which the rounding of sums depends."""
    import torch

    names = ("torch", "diffusers", "numpy", "scikit-learn", "safetensors")
    versions = {name: importlib.metadata.version(name) for name in names}
    processor = f"{_processor()}, {torch.backends.cpu.get_cpu_capability()}"
    return {"python": platform.python_version(), **versions, "processor": processor}


def _processor() -> str:
    with contextlib.suppress(OSError, IndexError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line for line in lines if line.startswith("model name")).split(":")[1].strip()
    return platform.processor() or platform.machine()


@cache
def host(name: str = "cpu") -> dict[str, str]:
    """The machine in words: processor, cores, memory, system, and the accelerator where `name` is one."""
    words = {
        "processor": _processor(),
        "cores": str(os.cpu_count() or 1),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": platform.platform(),
    }
    return words | ({"accelerator": device(name)} if name.startswith("cuda") else {})


@cache
def own_version() -> dict[str, str]:
    """The version of this package."""
    return {"retouch": importlib.metadata.version("retouch-bench")}


def user() -> str:
    """Who works here: git's user.name, else the login's."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        command = ["git", "config", "user.name"]
        name = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout.strip()
        if name:
            return name[:100]
    return getpass.getuser()


@cache
def commit() -> str:
    """The git commit of this package; empty where there is none."""
    root = checkout()
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        if root:
            process = subprocess.run(
                ["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, timeout=5, check=True
            )
            return process.stdout.strip()
    return ""
