"""Scores over time: a mark a submission, a step line along the best of each edition."""

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from retouch.leaderboard.draw import axes
from retouch.leaderboard.look import theme
from retouch.leaderboard.look.markup import esc
from retouch.leaderboard.look.numbers import scaled

HEIGHT = 320


def history(rows: pd.DataFrame, *, marks: Mapping[str, theme.Mark], titles: Mapping[str, str],
            dark: bool = False) -> go.Figure:  # fmt: skip
    """`rank.history.history` as a figure; what is not ranked is open."""
    look = theme.look(dark)
    figure = axes.layout(go.Figure(), dark, HEIGHT)
    for i, (edition, part) in enumerate(rows.groupby("edition", sort=False)):
        best = part[part["best"].notna()]
        figure.add_scatter(x=best["time"], y=best["best"], mode="lines", hoverinfo="skip", name=esc(edition or "now"),
                           line={"color": theme.fade(look.ink, 0.55), "width": 2.5, "shape": "hv"})  # fmt: skip
        if rows["edition"].nunique() > 1:
            place = {
                "x": part["time"].iloc[0],
                "y": 1.02,
                "yshift": 14 * (i % 2),
                "xanchor": "left",
                "yanchor": "bottom",
            }
            font = {"size": 12, "color": look.faint}
            figure.add_annotation(text=esc(edition or "now"), showarrow=False, font=font, **place)
    for name, part in rows.groupby("submission", sort=False):
        mark, ranked = marks[name], part["standing"] == "ranked"
        says = [f"<b>{esc(titles.get(name, name))}</b> · {esc(r.point)}<br>score {scaled(r.score)}, {esc(r.standing)}"
                f"<br>{esc(r.time[:10])} {esc(r.edition)}" for r in part.itertuples()]  # fmt: skip
        shapes = [mark.shape.removesuffix("-open") + ("" if one else "-open") for one in ranked]
        figure.add_scatter(
            x=part["time"], y=part["score"], mode="markers", name=esc(titles.get(name, name)), hovertext=says,
            hovertemplate="%{hovertext}<extra></extra>",
            marker={"symbol": shapes, "size": 11, "color": mark.colour, "line": {"width": 1.5, "color": mark.colour}},
        )  # fmt: skip
    figure.update_xaxes(title={"text": "newest record"}, type="date")
    return figure.update_yaxes(title={"text": "Score ↑"}, range=(-0.04, 1.12))
