"""Paired differences against a line at 0."""

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
        colour = of.series[i]
        clear = (part["low"] > 0) | (part["high"] < 0)
        figure.add_scatter(
            x=part["value"],
            y=[rows.index(row) + 0.18 * (2 * i - 1) for row in part["row"]],
            mode="markers",
            name=axis,
            error_x={
                "type": "data",
                "symmetric": False,
                "array": part["high"] - part["value"],
                "arrayminus": part["value"] - part["low"],
                "thickness": 1.3,
                "width": 0,
                "color": theme.fade(colour, 0.7),
            },
            marker={
                "symbol": [("circle" if i == 0 else "diamond") + ("" if c else "-open") for c in clear],
                "size": 10,
                "color": colour,
                "line": {"width": 1.5, "color": colour},
            },
            hovertext=[
                f"{esc(axis)} {v:+.3f} " + ("(one seed: no interval)" if np.isnan(lo) else f"[{lo:+.3f}, {hi:+.3f}]")
                for v, lo, hi in part[["value", "low", "high"]].to_numpy()
            ],
            hovertemplate="%{hovertext}<extra></extra>",
        )
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
