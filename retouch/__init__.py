"""Retouch: a benchmark for changing what a trained image generator produces without training it again.

>>> import retouch
>>> task = retouch.load("tiny/category_redaction/digits-gan")
>>> edited = my_edit(task.generator, task, task.budget())
>>> task.score(edited)

    load             an instance to work on, with generator, budget, score and picture
    load_edited      the generator that `retouch run --keep` has left
    check_generator  try every law that a generator keeps
    load_results     all records as a pandas frame
    compare          two submissions, paired

Names are loaded when they are first used, so that `import retouch` imports neither torch nor pandas.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from retouch.benchmark.laws.check import check_generator as check_generator
    from retouch.benchmark.notebook import load as load
    from retouch.benchmark.notebook import load_edited as load_edited
    from retouch.results import compare as compare
    from retouch.results import load_results as load_results

_HOME = {
    "check_generator": "retouch.benchmark.laws.check",
    "compare": "retouch.results",
    "load": "retouch.benchmark.notebook",
    "load_edited": "retouch.benchmark.notebook",
    "load_results": "retouch.results",
}
__all__ = sorted(_HOME)

if not TYPE_CHECKING:  # a type checker reads the imports above, and finds a name that is not among them

    def __getattr__(name: str) -> Any:
        if name in _HOME:
            return getattr(import_module(_HOME[name]), name)
        raise AttributeError(f"module 'retouch' has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return __all__
