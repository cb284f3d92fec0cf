"""Performance profiles as steps: the share of instances against the factor of the best score."""

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from retouch.leaderboard.draw import axes
from retouch.leaderboard.look import theme
from retouch.leaderboard.look.markup import esc


def profile(table: pd.DataFrame, *, marks: Mapping[str, theme.Mark], titles: Mapping[str, str], dark: bool = False,
            title: str = "") -> go.Figure:  # fmt: skip
    """A step line for each submission of `rank.profiles.profiles`; further up and further left is better."""
    figure = axes.layout(go.Figure(), dark, axes.HEIGHT, title)
    for i, (name, part) in enumerate(table.groupby("submission", sort=True)):
        says = [f"<b>{esc(titles.get(name, name))}</b><br>within a factor {f:g} of the best on {100 * s:.0f}%"
                for f, s in part[["factor", "share"]].to_numpy()]  # fmt: skip
        figure.add_scatter(
            x=part["factor"], y=part["share"], mode="lines+markers", name=esc(titles.get(name, name)), hovertext=says,
            hovertemplate="%{hovertext}<extra></extra>", line={"color": marks[name].colour, "shape": "hv", "width": 2},
            marker={"symbol": marks[name].shape, "size": 8, "maxdisplayed": 4 + i % 3},
        )  # fmt: skip
    figure.update_xaxes(
        type="log", title={"text": "within this factor of the best score ←"}, tickvals=[1, 1.5, 2, 3, 5, 10]
    )
    return figure.update_yaxes(title={"text": "share of instances ↑"}, tickformat=".0%", range=(-0.03, 1.05))
