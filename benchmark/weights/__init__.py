"""The bases, controls, judges and guides that ship: a folder each, with safetensors and a card."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retouch.benchmark.support import plugins
from retouch.benchmark.support.cache import fetch_folder
from retouch.benchmark.support.files import State, state

if TYPE_CHECKING:
    from retouch.benchmark.generators.base import Generator

ROOT = Path(__file__).parent
BESIDE = ("*.pt", "*.pth", "*.py", "ensemble.json", "judge.toml")  # what decides a network beside safetensors
VERSION = 1  # of a card's form; one that states none has this
FIELDS = ("sha256", "config")  # that every card has
CHUNK = 1 << 20  # bytes of a file that are hashed at a time


class WeightsError(ValueError):
    """Weights that are missing, or are not those that the card describes."""


@dataclass(frozen=True)
class Weights:
    """A weights folder whose hash has been checked against its card."""

    name: str
    folder: Path
    card: dict[str, Any]

    def load(self, device: str = "cpu") -> Generator:
        """The generator, on a device."""
        from retouch.benchmark.generators import adapter, family

        config, name = self.config, self.card.get("adapter")
        if name:  # a base from outside, whose code may lie in its folder
            config = {**config, "folder": str(self.folder)}
        kind = adapter(name, self.folder) if name else family(self.card["family"])
        return kind(config, self.recipe["lr"]).restore(self.folder).to(device)

    @property
    def sha256(self) -> str:
        """Hash of the folder's safetensors."""
        return self.card["sha256"]

    @property
    def config(self) -> dict[str, Any]:
        """Keyword arguments of the network."""
        return self.card["config"]

    @property
    def recipe(self) -> dict[str, Any]:
        """How it was trained."""
        return self.card["recipe"]


def find(name: str) -> Weights:
    """The weights called `name`: of the package, on RETOUCH_PATH, made here (see `plugins.home`) or in the store.

    Raises:
        WeightsError: no such weights, with the nearest names; or a damaged folder, see `card`.
    """
    path = folder(name)
    return Weights(name, path, card(path))


def folder(name: str) -> Path:
    """Where the weights called `name` are; an error names the nearest known ones."""
    roots = [ROOT, *plugins.folders("weights"), plugins.home() / "weights"]
    for root in roots:
        if (root / name / "card.json").is_file():
            return root / name
    if shared := fetch_folder(f"weights/{name}", "card.json"):
        return shared
    known = sorted(file.parent.name for root in roots for file in root.glob("*/card.json"))
    near = get_close_matches(name, known, n=3) or known
    raise WeightsError(f"no weights {name!r}; did you mean {', '.join(near)}? `retouch pretrain {name}` makes them "
                       "where a track's recipes.toml has the recipe")  # fmt: skip


def sha256(path: Path) -> str:
    """Hash of a folder's weights, names included, or of one file; an unchanged file is read once a process.

    Weights: safetensors, files of torch, the list of an ensemble's members, a judge.toml, and code beside them.
    Unchanged: see `support.files.state`.
    """
    beside = [file for pattern in BESIDE for file in path.glob(pattern)]
    files = [path] if path.is_file() else sorted([*path.rglob("*.safetensors"), *beside])
    return _sha256(path, tuple(map(state, files)))


@lru_cache(maxsize=4096)
def _sha256(path: Path, files: tuple[State, ...]) -> str:
    digest = hashlib.sha256()
    for name, *_ in files:
        digest.update(Path(name).relative_to(path).as_posix().encode() + b"\0")
        with open(name, "rb") as stream:
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
    return digest.hexdigest()


def card(path: Path) -> dict[str, Any]:
    """The card of a weights folder, after its hash has been checked, and those of an ensemble's members.

    Raises:
        WeightsError: no card, no weights, or weights with another sha256.
    """
    try:
        contents = json.loads((path / "card.json").read_text())
    except FileNotFoundError:
        raise WeightsError(f"{path} has no card.json: not a weights folder") from None
    except json.JSONDecodeError as error:
        raise WeightsError(f"{path / 'card.json'} is not JSON ({error}); restore it from the release") from None
    if (version := contents.get("version", VERSION)) != VERSION:
        raise WeightsError(f"{path / 'card.json'}: version {version}, but this package reads {VERSION}: update one of "
                           "them, or write the card anew (`retouch base add`, `retouch measure`)")  # fmt: skip
    if lacking := [field for field in FIELDS if field not in contents]:
        raise WeightsError(f"{path / 'card.json'}: {lacking[0]} is missing: `retouch base add`, `retouch measure` and "
                           "`retouch pretrain` write whole cards")  # fmt: skip
    actual = sha256(path)
    if actual != contents["sha256"]:
        tensors = (file for suffix in (".safetensors", ".pt", ".pth") for file in path.rglob(f"*{suffix}"))
        what = "are missing" if not any(tensors) else f"have sha256 {actual}"
        raise WeightsError(f"the weights in {path} {what}; the card says {contents['sha256']}. Restore them from the "
                           f"release or run `retouch pretrain {path.name} --overwrite`")  # fmt: skip
    if (path / "ensemble.json").is_file():
        for name in json.loads((path / "ensemble.json").read_text())["members"]:
            card(folder(name))
    return contents


def load(path: Path, device: str = "cpu") -> Generator:
    """The generator in a weights folder whose hash is checked first, on a device."""
    return Weights(path.name, path, card(path)).load(device)
