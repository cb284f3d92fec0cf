"""Find what comes from outside the package: folders that RETOUCH_PATH names, and modules of installed packages.

A folder on RETOUCH_PATH may hold tasks/NAME.py, families/NAME.py, tracks/NAME/ and weights/NAME/. An installed package
names its modules in the entry-point groups `retouch.tasks` and `retouch.families`.
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

PATH = "RETOUCH_PATH"


def path() -> str:
    """RETOUCH_PATH with every folder from the root on."""
    return os.pathsep.join(str(Path(root).resolve()) for root in os.environ.get(PATH, "").split(os.pathsep) if root)


def folders(kind: str) -> list[Path]:
    """The folders called `kind` below those that RETOUCH_PATH names, in its order."""
    roots = [Path(root) for root in path().split(os.pathsep) if root]
    return [root / kind for root in roots if (root / kind).is_dir()]


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
    sources += _installed(kind).items()
    known: dict[str, str] = {}
    for name, source in sources:
        if known.setdefault(name, source) != source:
            raise ValueError(f"two {kind} are called {name!r}: {known[name]} and {source}; rename one of them")
    return known


@cache
def _installed(kind: str) -> dict[str, str]:
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


@cache
def constant(source: str, name: str) -> str:
    """A string that a module assigns to `name`, read from its text: the module and its libraries are not imported."""
    spec = None if source.endswith(".py") else find_spec(source)
    file = str(spec.origin) if spec else source
    for node in ast.parse(Path(file).read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == name:
            return ast.literal_eval(node.value)
    raise ValueError(f'{file}: no {name} = "..." at the top of the module; docs/writing.md says what belongs there')
