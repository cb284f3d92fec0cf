"""Retouch: a benchmark for changing what a trained image generator produces without training it again.

>>> import retouch
>>> task = retouch.load("tiny/category_redaction/digits-gan")
>>> edited = my_edit(task.generator, task, task.budget())
>>> task.score(edited)

Names are loaded when they are first used, so that `import retouch` imports neither torch nor pandas.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from retouch.benchmark.notebook import load as load

_HOME = {"check_generator": "retouch.benchmark.laws.check", "load": "retouch.benchmark.notebook"}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'retouch' has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return __all__
