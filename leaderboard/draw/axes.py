"""What all figures share: height, ranges, whiskers."""

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from retouch.leaderboard.look import theme
from retouch.leaderboard.look.markup import esc
from retouch.leaderboard.read import frame

UNIT = ("goal", "quality", "score")  # numbers between 0 and 1
HEIGHT = 430  # pixels


def layout(figure: go.Figure, dark: bool, height: int, title: str = "") -> go.Figure:
    """The figure in the board's look, its title at the left above the plot."""
    head = (
        {"text": esc(title), "x": 0, "xanchor": "left", "y": 0.985, "yanchor": "top", "font": {"size": 15}}
        if title
        else None
    )
    return figure.update_layout(template=theme.template(dark), height=height, title=head)


def span(rows: pd.DataFrame, name: str) -> tuple[float, float]:
    """An axis range with air around points and intervals; scaled values keep 0 to 1."""
    values = pd.concat([rows[column] for column in frame.with_ends(name) if column in rows])
    known = values.replace([np.inf, -np.inf], np.nan).dropna()
    if name in UNIT:
        return (float(known.min()) - 0.1 if len(known) and known.min() > 0.25 else -0.04), 1.06
    if known.empty:
        return 0.0, 1.0
    low, high = float(known.min()), float(known.max())
    air = 0.09 * (high - low) or 0.1 * abs(high) or 1.0
    return low - air, high + air


def whiskers(part: pd.DataFrame, name: str, colour: str) -> dict[str, Any] | None:
    """The intervals of a number as Plotly's error bars; None where it has none."""
    if f"{name}.low" not in part:
        return None
    up, down = part[f"{name}.high"] - part[name], part[name] - part[f"{name}.low"]
    return {"type": "data", "symmetric": False, "array": up.fillna(0), "arrayminus": down.fillna(0), "thickness": 1,
            "width": 0, "color": theme.fade(colour)}  # fmt: skip
