"""Find what comes from outside the package: folders that RETOUCH_PATH names, and modules of installed packages.

A folder on RETOUCH_PATH may hold tasks/NAME.py, families/NAME.py, tracks/NAME/ and weights/NAME/, or be a track itself.
A track's folder holds track.toml, recipes.toml, data.toml, scale.json, and its weights in bases/NAME/ and judges/NAME/.
An installed package names in entry-point groups
    retouch.tasks, retouch.families    its modules;
    retouch.data                       functions, "module:load": load(split, **choice) -> `Images`;
    retouch.features                   functions, "module:make", that make a feature space, see `benchmark.features`;
    retouch.tracks, retouch.judges     packages that are the folder of a track, or of folders of judges;
    retouch.path                       packages that are folders as RETOUCH_PATH names them.
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

PATH = "RETOUCH_PATH"


def path() -> str:
    """RETOUCH_PATH with every folder from the root on."""
    return os.pathsep.join(str(Path(root).resolve()) for root in os.environ.get(PATH, "").split(os.pathsep) if root)


def add(root: Path) -> None:
    """Put a folder in front of RETOUCH_PATH, for this process and those that it starts."""
    known = [one for one in path().split(os.pathsep) if one and one != str(root.resolve())]
    os.environ[PATH] = os.pathsep.join([str(root.resolve()), *known])


def roots() -> list[Path]:
    """The folders that RETOUCH_PATH names, in its order, and those of installed packages."""
    inside = [place for kind in ("path", "tracks") for place in _packages(kind)]
    return [*(Path(root) for root in path().split(os.pathsep) if root), *inside]


def _packages(kind: str) -> list[Path]:
    """The folders of the packages that an entry-point group names."""
    places = [find_spec(module) for module in installed(kind).values()]
    return [Path(str(place.origin)).parent for place in places if place and place.origin]


def tracks() -> list[Path]:
    """The folders of tracks from outside the package."""
    own = [root for root in roots() if (root / "track.toml").is_file()]
    return own + [file.parent for root in roots() for file in sorted(root.glob("tracks/*/track.toml"))]


def folders(kind: str) -> list[Path]:
    """The folders of a kind below those that RETOUCH_PATH names; weights also lie in a track's bases/ and judges/.

    Args:
        kind: "tasks", "families" or "weights".
    """
    places = [root / kind for root in roots()]
    if kind == "weights":
        places += [track / name for track in tracks() for name in ("bases", "judges")] + _packages("judges")
    return [place for place in places if place.is_dir()]


def home() -> Path:
    """Where weights that must not ship are made: the first folder of RETOUCH_PATH, else `own` in the cache."""
    from retouch.benchmark.support.cache import cache_folder  # imports NumPy

    first = path().split(os.pathsep)[0]
    return Path(first) if first else cache_folder() / "own"


def modules(kind: str, package: str, own: Iterable[str]) -> dict[str, str]:
    """Every module of a kind by name: the package's own first, then those on RETOUCH_PATH, then entry points.

    Args:
        kind: "tasks" or "families"; package: where the package's own modules are; own: their names.

    Returns:
        name -> dotted module, or path of a .py file.

    Raises:
        ValueError: two modules of one name.
    """
    sources = [(name, f"{package}.{name}") for name in own]
    sources += [(file.stem, str(file)) for folder in folders(kind) for file in sorted(folder.glob("[!_]*.py"))]
    sources += installed(kind).items()
    known: dict[str, str] = {}
    for name, source in sources:
        if known.setdefault(name, source) != source:
            raise ValueError(f"two {kind} are called {name!r}: {known[name]} and {source}; rename one of them")
    return known


@cache
def installed(kind: str) -> dict[str, str]:
    """What installed packages name in a group: name -> module, or "module:function"."""
    from importlib.metadata import entry_points

    return {point.name: point.value for point in entry_points(group=f"retouch.{kind}")}


@cache
def import_source(source: str) -> ModuleType:
    """Import a module that `modules` found, once."""
    if not source.endswith(".py"):
        return import_module(source)
    file = Path(source)
    name = f"retouch_path.{file.parent.name}.{file.stem}"
    spec = spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ValueError(f"{file} cannot be imported: no Python module")
    module = module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def named(reference: str, folder: Path) -> Any:
    """What "module:name" names: in FOLDER/module.py, else in an installed module.

    Raises:
        ValueError: no such module, or no such name in it.
    """
    module, _, name = reference.partition(":")
    own = folder / f"{module}.py"
    try:
        return getattr(import_source(str(own) if own.is_file() else module), name)
    except ModuleNotFoundError as error:
        raise ValueError(f"{reference!r}: {error}; put {module}.py into {folder}, or install the module") from None
    except AttributeError:
        raise ValueError(f"{reference!r}: {module} has no {name!r}") from None


@cache
def constant(source: str, name: str) -> str:
    """A string that a module assigns to `name`, read from its text: the module and its libraries are not imported."""
    spec = None if source.endswith(".py") else find_spec(source)
    file = str(spec.origin) if spec else source
    for node in ast.parse(Path(file).read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == name:
            return ast.literal_eval(node.value)
    raise ValueError(f'{file}: no {name} = "..." at the top of the module; docs/writing.md says what belongs there')
