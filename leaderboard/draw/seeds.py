"""Every seed of every row: small open marks, their mean as a filled one."""

from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from retouch.leaderboard.draw import axes
from retouch.leaderboard.look import numbers, theme
from retouch.leaderboard.look.markup import esc
from retouch.leaderboard.look.numbers import number


def seeds(
    runs: pd.DataFrame,
    names: Sequence[str] = ("goal", "quality"),
    *,
    marks: Mapping[str, theme.Mark] | None = None,
    titles: Mapping[str, str] | None = None,
    dark: bool = False,
    title: str = "",
) -> go.Figure:
    """Each seed as a small open mark, the mean as a filled one: a row an operating point, a panel a number."""
    of, titles = theme.look(dark), titles or {}
    rows = list(dict.fromkeys(zip(runs["submission"].astype(str), runs["point"].astype(str), strict=True)))
    several = {s for s, _ in rows if sum(other == s for other, _ in rows) > 1}
    texts = [titles.get(s, s) + (f" · {p}" if s in several else "") for s, p in rows]
    figure = make_subplots(rows=1, cols=len(names), shared_yaxes=True, horizontal_spacing=0.05)
    marks = marks or theme.marks([s for s, _ in rows], set(), of)
    for column, name in enumerate(names, 1):
        for place, key in enumerate(rows):
            part = runs[(runs["submission"] == key[0]) & (runs["point"] == key[1])]
            _row(figure, part, name, place, marks[key[0]], column)
        unit = {"range": _unit(runs[name])} if name in axes.UNIT else {}
        figure.update_xaxes(title={"text": esc(numbers.title(name))}, showgrid=True, row=1, col=column, **unit)
    axes.layout(figure, dark, 104 + 25 * len(rows), title)
    return figure.update_yaxes(
        tickmode="array",
        tickvals=list(range(len(rows))),
        ticktext=[esc(t) for t in texts],
        range=(len(rows) - 0.4, -0.6),
        showline=False,
        ticks="",
        tickfont={"color": of.ink},
    )


def _unit(values: "pd.Series[float]") -> tuple[float, float]:
    """From 0 to 1 with air, farther where values are."""
    return min(0.0, float(values.min())) - 0.04, max(1.0, float(values.max())) + 0.04


def _row(figure: go.Figure, part: pd.DataFrame, name: str, place: int, mark: theme.Mark, column: int) -> None:
    values = part[name].dropna()
    if values.empty:
        return
    colour, shape = mark.colour, mark.shape.removesuffix("-open")
    figure.add_scatter(x=[values.min(), values.max()], y=[place, place], mode="lines", hoverinfo="skip",
                       line={"color": theme.fade(colour, 0.4), "width": 1}, row=1, col=column)  # fmt: skip
    figure.add_scatter(
        x=values,
        y=[place] * len(values),
        mode="markers",
        row=1,
        col=column,
        marker={"symbol": "circle-open", "size": 7, "color": theme.fade(colour, 0.8)},
        hovertext=[f"seed {seed}: {number(value, 3)}" for seed, value in part[["seed", name]].dropna().to_numpy()],
        hovertemplate="%{hovertext}<extra></extra>",
    )
    figure.add_scatter(x=[values.mean()], y=[place], mode="markers", row=1, col=column, hoverinfo="skip",
                       marker={"symbol": shape, "size": 11, "color": colour})  # fmt: skip
