"""What the programs of this folder share: a submission's method, and an edit in this process."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any

from retouch.benchmark import submission
from retouch.benchmark.notebook import Workbench
from retouch.benchmark.submission import Submission
from retouch.benchmark.support import plugins


def method(name: str) -> tuple[Any, Submission]:
    """The function and the manifest of a submission: its name, or a path to its folder."""
    folder = submission.find(name, Path("submissions"))
    manifest = submission.read(folder)
    return plugins.named(manifest.entry, folder), manifest


def edited(task: Workbench, generator: Any, edit: Any, params: dict[str, Any], budget: Any) -> Any:
    """What an edit makes of a generator; what it prints goes to standard error, away from the table."""
    with contextlib.redirect_stdout(sys.stderr):
        return edit(generator, task, budget, **params)
