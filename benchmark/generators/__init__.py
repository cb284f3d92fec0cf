"""One module a family: flow, gan, diffusion, diffusion by prompt, sampler, and what comes from elsewhere.

A family's module defines TITLE, its name for people, and one subclass of `Generator` whose `family` is its name.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from retouch.benchmark.support import plugins

if TYPE_CHECKING:
    from retouch.benchmark.generators.base import Generator

OWN = ("flow", "gan", "diffusion", "conditional_diffusion", "sampler")


def _sources() -> dict[str, str]:
    return plugins.modules("families", __name__, OWN)


def names() -> list[str]:
    """The families that there are, the package's own first."""
    return list(_sources())


def source(name: str) -> str:
    """Where a family's module is: its dotted name, or the path of a .py file; see `family` for errors."""
    if name not in _sources():
        raise ValueError(f"no family {name!r}; there are {', '.join(names())}")
    return _sources()[name]


def title(name: str) -> str:
    """What people call a family: "Flows"; its libraries are not imported. The name itself where it is unknown."""
    return plugins.constant(_sources()[name], "TITLE") if name in _sources() else name


def family(name: str) -> type[Generator]:
    """The class of a family; imports diffusers only for diffusion.

    Raises:
        ValueError: an unknown family, or a module that defines no class of it.
    """
    module = plugins.import_source(source(name))
    for value in vars(module).values():
        if isinstance(value, type) and getattr(value, "family", None) == name:
            return value
    raise ValueError(f"{module.__file__}: no class with family = {name!r}")


def adapter(name: str, folder: Path) -> type[Generator]:
    """The class that makes a base from outside fit: "module:Class" from its folder, or one of `adapters` by name.

    Raises:
        ValueError: no such module or class.
    """
    return plugins.named(name if ":" in name else f"{__name__}.adapters.{name}:Adapter", folder)
