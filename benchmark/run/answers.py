"""The answers of a run: arrays by name, their cost, and their place in the cache."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from retouch.benchmark.run.resolve import Resolved
from retouch.benchmark.support.cache import content_key, keep, keep_bytes, kept


@dataclass
class Answers:
    """A worker's answers.

    Attributes:
        arrays: by question; cost: what edit and answers took, empty for images that were made elsewhere.
        printed: the end of what the method printed; weights: those of the edited generator, a zip of safetensors,
            where the run keeps them.
    """

    arrays: dict[str, np.ndarray]
    cost: dict[str, Any] = field(default_factory=dict)
    printed: str = ""
    weights: bytes = b""

    @property
    def sha256(self) -> str:
        """Hash of the arrays by name, form and content."""
        names = sorted(self.arrays)
        return content_key(" ".join(names), *(self.arrays[name] for name in names))


def cached(resolved: Resolved) -> Answers | None:
    """The answers of an earlier run in the cache; None if there are none."""
    arrays = kept(resolved.answers_file)
    if arrays is None:
        return None
    cost = {name[5:]: arrays.pop(name).item() for name in list(arrays) if name.startswith("cost_")}
    return Answers(arrays, cost)


def keep_answers(resolved: Resolved, answers: Answers) -> None:
    """Put the answers of a run into the cache."""
    keep(
        resolved.answers_file,
        answers.arrays | {f"cost_{name}": np.array(value) for name, value in answers.cost.items()},
    )


def keep_log(resolved: Resolved, printed: str) -> None:
    """Keep what a method printed."""
    keep_bytes(resolved.log_file, printed.encode())
