"""Records as pandas frames, for notebooks and papers."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from retouch.benchmark.support.places import submissions_folder

if TYPE_CHECKING:
    import pandas as pd


def load_results(folder: str | os.PathLike[str] | None = None) -> pd.DataFrame:
    """All records as a frame with one row a run.

    Columns: submission, point, track, instance, task, family, seed, status, reason, stale, edition (of stale records:
    the versions that made them), tuning; goal, quality and every raw `metric.NAME`, each with the ends of its 95%
    interval in `..._low` and `..._high`; binds (the part that decides quality); score; `cost.NAME`; params (JSON),
    access (words), paper, method; claim, time. A number that a run does not have is NaN.

    Args:
        folder: submissions, or one of them; default: ./submissions, else those that come with the package.

    Raises:
        ValueError: no record there, or pandas is not installed.
    """
    from retouch.benchmark.submit.export import table

    frame, rejected = table(Path(folder) if folder else submissions_folder())
    for file, reason in rejected.items():
        brief = reason.splitlines()[0].removeprefix(f"{file}: ")
        warnings.warn(f"left out {file}: {brief}", stacklevel=2)
    return frame


def compare(a: str, b: str, *, track: str = "tiny", folder: str | os.PathLike[str] | None = None) -> pd.DataFrame:
    """a - b, paired: on the instances and seeds that both ran, by records of the newest version.

    Columns: task, family, instance, axis (goal or quality), value (mean difference over the seeds), low, high (its 95%
    interval; NaN from a single seed), seeds. An interval that leaves out 0 is a difference.

    Args:
        a, b: a submission's name, for another operating point than "default" with it: "rejection:strict".
        folder: as in `load_results`.

    Raises:
        ValueError: a submission or point without records, with those there are; or pandas is not installed.
    """
    try:
        import pandas as pd

        from retouch.leaderboard.rank import paired
        from retouch.leaderboard.read import frame, load
    except ImportError as error:
        raise ValueError(f"compare needs {error.name}: pip install 'retouch-bench[board]'") from None
    runs = load.read_folder(Path(folder) if folder else submissions_folder()).runs
    if (runs["track"] == track).any():
        runs = frame.of_edition(runs, frame.editions(runs, track)[0])
    one, other = (paired.row(runs, name) for name in (a, b))
    tasks = sorted(runs["task"].astype(str).unique())
    axes = ("goal", "quality")
    return pd.concat([paired.pairs(runs, track, one, other, axis, tasks) for axis in axes], ignore_index=True)
