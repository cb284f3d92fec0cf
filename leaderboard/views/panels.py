"""The figures of the trade-offs, drawn once for the same view and filters.

Streamlit runs a page's script from its start for every visitor and choice: what is kept must live in another module.
"""

from functools import partial

import pandas as pd
import plotly.graph_objects as go

from retouch.leaderboard.draw.tradeoff import tradeoff
from retouch.leaderboard.look import theme, words
from retouch.leaderboard.rank import tables
from retouch.leaderboard.rank.board import View
from retouch.leaderboard.read.sweeps import sweeps
from retouch.leaderboard.views import shell

NUMBERS = ("goal", "quality", "score", "share", "sampling_cost", "sampling_relative", "seconds", "peak_memory_mb")


def points(view: View, by: tables.Filter, task: str, x: str, y: str) -> pd.DataFrame:
    """The rows of a task that filters leave in and that have both numbers."""
    return view.memo(("points", by, task, x, y), partial(_points, view, by, task, x, y))


def _points(view: View, by: tables.Filter, task: str, x: str, y: str) -> pd.DataFrame:
    rows = tables.keep(view.scores, view.records, by)
    rows = tables.with_numbers(rows[rows["task"] == task], view.runs, [x, y])
    return rows[rows[x].notna() & rows[y].notna()]


def panel(view: View, by: tables.Filter, task: str, x: str, y: str, family: str, panels: int, dark: bool) -> go.Figure:
    """The figure of a family."""
    rows = points(view, by, task, x, y)
    draw = partial(
        tradeoff, rows[rows["family"] == family], x, y, view.records.controls,
        marks=shell.marks(view, theme.look(dark)), titles=view.titles(), sweeps=sweeps(view.records.manifests),
        dark=dark, title=words.family_title(family), panels=panels, over=rows,
    )  # fmt: skip
    return view.memo(("panel", by, task, x, y, family, panels, dark), draw)
