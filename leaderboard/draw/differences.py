"""Paired differences against a line at 0."""

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from retouch.leaderboard.draw import axes
from retouch.leaderboard.look import theme
from retouch.leaderboard.look.markup import esc


def differences(pairs: pd.DataFrame, sides: tuple[str, str], *, dark: bool = False) -> go.Figure:
    """Paired differences with intervals against a line at 0: rows are problems, filled marks exclude 0.

    sides: who is ahead right of the line, and who left of it.
    """
    of = theme.look(dark)
    figure = axes.layout(go.Figure(), dark, 118 + 40 * max(1, pairs["row"].nunique()))
    rows = list(dict.fromkeys(pairs["row"]))
    for i, (axis, part) in enumerate(pairs.groupby("axis", sort=False)):
        places = [rows.index(row) + 0.18 * (2 * i - 1) for row in part["row"]]
        figure.add_scatter(y=places, **_marks(part, str(axis), of.series[i], "circle" if i == 0 else "diamond"))
    figure.add_vline(x=0, line={"color": of.faint, "width": 1})
    for text, x, side in ((f"← {sides[1][:28]} is ahead", 0, "left"), (f"{sides[0][:28]} is ahead →", 1, "right")):
        figure.add_annotation(text=esc(text), x=x, xref="paper", xanchor=side, y=0, yref="paper", yanchor="top",
                              yshift=-22 - 16 * x, showarrow=False)  # fmt: skip
    figure.update_layout(margin={"b": 62})
    return figure.update_yaxes(
        tickmode="array",
        tickvals=list(range(len(rows))),
        ticktext=[esc(row).replace(" · ", "<br>") for row in rows],
        range=(len(rows) - 0.4, -0.6),
        showline=False,
        ticks="",
        tickfont={"color": of.ink},
    )


def _marks(part: pd.DataFrame, axis: str, colour: str, shape: str) -> dict[str, Any]:
    """The differences of one axis; marks whose interval holds 0 are open."""
    clear = (part["low"] > 0) | (part["high"] < 0)
    says = [f"{esc(axis)} {v:+.3f} " + ("(one seed: no interval)" if np.isnan(lo) else f"[{lo:+.3f}, {hi:+.3f}]")
            for v, lo, hi in part[["value", "low", "high"]].to_numpy()]  # fmt: skip
    return {
        "x": part["value"], "mode": "markers", "name": axis, "hovertext": says,
        "hovertemplate": "%{hovertext}<extra></extra>",
        "error_x": {"type": "data", "symmetric": False, "array": part["high"] - part["value"],
                    "arrayminus": part["value"] - part["low"], "thickness": 1.3, "width": 0,
                    "color": theme.fade(colour, 0.7)},
        "marker": {"symbol": [shape + "-open" * (not c) for c in clear], "size": 10, "color": colour,
                   "line": {"width": 1.5, "color": colour}},
    }  # fmt: skip
