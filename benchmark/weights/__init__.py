"""The bases, controls, judges and guides that ship: a folder each, with safetensors and a card."""

import hashlib
import json
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from retouch.benchmark.generators.base import Generator

ROOT = Path(__file__).parent


class WeightsError(ValueError):
    """Weights that are missing, or are not those that the card describes."""


def folder(name: str) -> Path:
    """Where the weights called `name` are; an error names the nearest known ones."""
    path = ROOT / name
    if not (path / "card.json").is_file():
        known = sorted(p.parent.name for p in ROOT.glob("*/card.json"))
        near = get_close_matches(name, known, n=3) or known
        raise WeightsError(f"no weights {name!r}; did you mean {', '.join(near)}? `retouch pretrain {name}` makes them "
                           "where a track's recipes.toml has the recipe")  # fmt: skip
    return path


def sha256(path: Path) -> str:
    """Hash of a folder's safetensors files and of the list of an ensemble's members, names included, or of one file."""
    digest = hashlib.sha256()
    for file in [path] if path.is_file() else sorted([*path.rglob("*.safetensors"), *path.glob("ensemble.json")]):
        digest.update(file.relative_to(path).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def card(path: Path) -> dict[str, Any]:
    """The card of a weights folder, after its hash has been checked.

    Raises:
        WeightsError: no card, no weights, or weights with another sha256.
    """
    try:
        read = json.loads((path / "card.json").read_text())
    except FileNotFoundError:
        raise WeightsError(f"{path} has no card.json: not a weights folder") from None
    except json.JSONDecodeError as error:
        raise WeightsError(f"{path / 'card.json'} is not JSON ({error}); restore it from the release") from None
    found = sha256(path)
    if found != read["sha256"]:
        what = "are missing" if not any(path.rglob("*.safetensors")) else f"have sha256 {found}"
        raise WeightsError(f"the weights in {path} {what}; the card says {read['sha256']}. Restore them from the "
                           f"release or run `retouch pretrain {path.name} --overwrite`")  # fmt: skip
    return read


def load(path: Path, device: str = "cpu") -> "Generator":
    """The generator in a weights folder, on a device."""
    from retouch.benchmark.generators import family

    read = card(path)
    return family(read["family"])(read["config"], read["recipe"]["lr"]).restore(path).to(device)
