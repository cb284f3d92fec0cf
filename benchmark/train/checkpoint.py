"""The state of an unfinished training: a file that is whole or absent."""

import pickle
from pathlib import Path
from typing import Any

import torch


def write(folder: Path, state: dict[str, Any]) -> None:
    """Put `state`, tensors and plain values, into FOLDER/state.pt in one step."""
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / "state.pt.part"
    torch.save(state, draft)
    draft.replace(folder / "state.pt")


def read(folder: Path, device: torch.device) -> dict[str, Any] | None:
    """What `write` left in FOLDER, its tensors on `device`; None where there is nothing.

    Raises:
        ValueError: a damaged file.
    """
    path = folder / "state.pt"
    try:
        return torch.load(path, map_location=device, weights_only=True) if path.exists() else None
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise ValueError(f"{path} is damaged ({error}); remove it, and the training begins again") from None
