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
    places = {key: place for place, key in enumerate(rows)}
    keys = list(zip(runs["submission"].astype(str), runs["point"].astype(str), strict=True))
    table = runs[["seed", *names]].assign(_place=[places[key] for key in keys],
                                          _colour=[marks[s].colour for s, _ in keys],
                                          _shape=[marks[s].shape.removesuffix("-open") for s, _ in keys])  # fmt: skip
    for column, name in enumerate(names, 1):
        figure.add_traces(_panel(table[table[name].notna()], name, of), rows=1, cols=column)
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


def _panel(table: pd.DataFrame, name: str, look: theme.Look) -> list[go.Scatter]:
    """A line from the lowest to the highest seed of each row, the seeds, and their means."""
    means = table.groupby("_place").agg(low=(name, "min"), mean=(name, "mean"), high=(name, "max"),
                                        colour=("_colour", "first"), shape=("_shape", "first"))  # fmt: skip
    gaps = [None] * len(means)
    ends = [end for row in zip(means["low"], means["high"], gaps, strict=True) for end in row]
    lines = go.Scatter(x=ends, y=[place for place in means.index for _ in range(3)], mode="lines", hoverinfo="skip",
                       line={"color": theme.fade(look.faint, 0.6), "width": 1})  # fmt: skip
    says = [f"seed {seed}: {number(value, 3)}" for seed, value in zip(table["seed"], table[name], strict=True)]
    dots = go.Scatter(
        x=table[name], y=table["_place"], mode="markers", hovertext=says, hovertemplate="%{hovertext}<extra></extra>",
        marker={"symbol": "circle-open", "size": 7, "color": table["_colour"].tolist(), "opacity": 0.8},
    )  # fmt: skip
    shapes = {"symbol": means["shape"].tolist(), "size": 11, "color": means["colour"].tolist()}
    middle = go.Scatter(x=means["mean"], y=means.index, mode="markers", hoverinfo="skip", marker=shapes)
    return [lines, dots, middle]
