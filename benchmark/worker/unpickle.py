"""Turn pickled weights into safetensors, inside the sandbox: to open a pickle is to run its author's program.

`convert` is the outside: it takes what lies in a folder afterwards, plain files of tensors, and nothing else.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from retouch.benchmark.worker import limits, sandbox, seccomp

SUFFIXES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
MEMORY_MB, SECONDS = 16_000, 600


def convert(source: Path, target: Path) -> list[Path]:
    """Write the tensors of all pickles below SOURCE into TARGET, as safetensors beside where each pickle lay.

    Raises:
        ValueError: no sandbox here, a pickle that cannot be opened in it, or that holds no tensors.
    """
    sandbox.name()  # raises where there is none
    with tempfile.TemporaryDirectory(prefix="retouch-") as temporary:
        Path(temporary).chmod(0o777)  # for the sandbox's own user
        outcome = sandbox.run_with_output(source, Path(temporary), "retouch.benchmark.worker.unpickle", SECONDS)
        files = [file for file in sorted(Path(temporary).rglob("*.safetensors")) if _plain(file)]
        if outcome.returncode or not files:
            last = (outcome.stderr.strip() or "no pickle holds tensors").splitlines()[-1]
            raise ValueError(f"{source}: its pickles were not converted in the sandbox: {last[:300]}")
        for file in files:
            place = target / file.relative_to(temporary)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place)
    return files


def _plain(file: Path) -> bool:
    return file.is_file() and not any(part.is_symlink() for part in (file, *file.parents))


def states(loaded: Any, name: str) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """The sets of weights in what a pickle gave, each with a name for its file.

    A module or a table of tensors has the pickle's own NAME; of a table of such tables each has the name of its entry,
    "generator" or "g_ema" say, and the pickle's where it is the only one.
    """
    if isinstance(loaded, nn.Module):
        loaded = loaded.state_dict()
    if not isinstance(loaded, dict):
        return
    tensors = {str(key).removeprefix("module."): one for key, one in loaded.items() if isinstance(one, Tensor)}
    if tensors:
        yield name, {key: one.detach().clone().contiguous() for key, one in tensors.items()}
        return
    inner = [(str(key), state) for key, one in loaded.items() for _, state in states(one, str(key))]
    yield from inner if len(inner) > 1 else ((name, state) for _, state in inner)


def main(source: str, target: str) -> None:
    """Inside: open every pickle below SOURCE and write its tensors into TARGET."""
    limits.apply(MEMORY_MB, limits.PROCESSES)
    seccomp.lock(())
    for file in sorted(file for file in Path(source).rglob("*") if file.suffix in SUFFIXES):
        loaded = torch.load(file, map_location="cpu", weights_only=False)
        for name, state in states(loaded, file.stem):
            place = Path(target) / file.relative_to(source).parent / f"{name}.safetensors"
            place.parent.mkdir(parents=True, exist_ok=True)
            save_file(state, place)
