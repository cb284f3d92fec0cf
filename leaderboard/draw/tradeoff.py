"""One number against another: intervals, operating points joined, the Pareto front, controls as reference marks."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from retouch.leaderboard.draw import axes
from retouch.leaderboard.look import labels, numbers, theme
from retouch.leaderboard.look.markup import esc
from retouch.leaderboard.look.numbers import number, percent
from retouch.leaderboard.rank.tables import pareto

MANY = 14  # submissions beyond which only those on the front are labelled


def area(panels: int = 1, height: int = axes.HEIGHT) -> tuple[float, float]:
    """The plot area in pixels that labels are placed for, where so many figures share a line of the page."""
    return {1: 1000.0, 2: 480.0}.get(panels, 285.0), height - 88.0


def tradeoff(rows: pd.DataFrame, x: str, y: str, controls: Collection[str] = (), *,
             marks: Mapping[str, theme.Mark] | None = None, titles: Mapping[str, str] | None = None,
             dark: bool = False, title: str = "", panels: int = 2, height: int = axes.HEIGHT,
             over: pd.DataFrame | None = None) -> go.Figure:  # fmt: skip
    """One number against another: intervals, operating points joined, the Pareto front, controls as reference marks.

    Args:
        rows: one a point (submission, point, family, x, y and their .low and .high, share).
        marks: a colour and shape for each submission; titles: what to call each.
        panels: how many figures share the line; over: the rows that the axes cover, so that panels can share a scale.
    """
    of = theme.look(dark)
    rows = rows[rows[x].notna() & rows[y].notna()]
    marks = marks or theme.marks(sorted(rows["submission"].unique()), set(controls), of)
    titles = titles or {}
    figure = axes.layout(go.Figure(), dark, height, title)
    own = rows[~rows["submission"].isin(controls)]
    _front(figure, own, x, y, of)
    largest = float(own["share"].max()) if "share" in own and len(own) else 0.0
    for (name, _), part in rows.groupby(["submission", "family"], observed=True, sort=True):
        _series(figure, part, x, y, marks[name], titles.get(name, name), name in controls, largest)
    ranges = [axes.span(rows if over is None else over, name) for name in (x, y)]
    _label(figure, rows, (x, y), ranges, marks, titles, own, area(panels, height), of)
    for axis, name, span in (("xaxis", x, ranges[0]), ("yaxis", y, ranges[1])):
        ticks = {"dtick": 0.25 if span[1] - span[0] > 0.7 else 0.1, "tick0": 0} if name in axes.UNIT else {}
        figure.update_layout({axis: {"title": {"text": esc(numbers.title(name))}, "range": span, "nticks": 6, **ticks}})
        if name == "share":
            figure.update_layout({axis: {"tickformat": ".1~%"}})
    return figure


def _front(figure: go.Figure, own: pd.DataFrame, x: str, y: str, of: theme.Look) -> None:
    x_up, y_up = (numbers.entry(name).direction != "down" for name in (x, y))
    best = pareto(own, x, y, x_up, y_up).sort_values([x, y])
    if len(best) > 1:
        figure.add_scatter(x=best[x], y=best[y], mode="lines", hoverinfo="skip", name="Pareto front",
                           line={"color": theme.fade(of.ink, 0.35), "width": 1.5, "dash": "dot",
                                 "shape": "vh" if x_up else "hv"})  # fmt: skip


def _series(figure: go.Figure, part: pd.DataFrame, x: str, y: str, mark: theme.Mark, title: str, control: bool,
            largest: float) -> None:  # fmt: skip
    part = part.sort_values("point")
    cost = part["share"] if "share" in part else pd.Series(0.0, index=part.index)
    size = np.full(len(part), 13.0) if control else _sizes(cost, largest)
    figure.add_scatter(
        x=part[x],
        y=part[y],
        name=esc(title),
        mode="markers" if control or len(part) < 2 else "lines+markers",
        line={"color": theme.fade(mark.colour, 0.5), "width": 1.5},
        error_x=axes.whiskers(part, x, mark.colour),
        error_y=axes.whiskers(part, y, mark.colour),
        marker={
            "symbol": mark.shape,
            "size": size,
            "color": mark.colour,
            "opacity": 0.95,
            "line": {"width": 2 if control else 1, "color": mark.colour if control else "rgba(255,255,255,.55)"},
        },
        customdata=part[["submission", "point", "family"]].astype(str).to_numpy(),
        hovertext=[hover(row, x, y, title) for row in part.to_dict("records")],
        hovertemplate="%{hovertext}<extra></extra>",
    )


def hover(row: Mapping[str, Any], x: str, y: str, title: str) -> str:
    """What a point says; every name is escaped, since Plotly reads tags."""

    def says(name: str) -> str:
        low, high = row.get(f"{name}.low", np.nan), row.get(f"{name}.high", np.nan)
        range_ = f"  [{number(low)}, {number(high)}]" if np.isfinite([low, high]).all() else ""
        return f"{esc(numbers.entry(name).title)} <b>{number(row[name])}</b>{range_}"

    lines = [f"<b>{esc(title)}</b> · {esc(row['point'])}", says(x), says(y)]
    if np.isfinite(row.get("share", np.nan)):
        lines.append(f"cost {percent(row['share'])} of pre-training")
    if row.get("problems"):
        lines.append(esc(row["problems"]))
    return "<br>".join(lines)


def _sizes(cost: pd.Series, largest: float) -> np.ndarray:
    """Marker diameters whose area grows with cost, from 8 pixels."""
    share = np.clip(np.nan_to_num(cost.to_numpy(float)) / largest, 0, 1) if largest > 0 else np.zeros(len(cost))
    return np.sqrt(64 + 420 * share)


def _label(figure: go.Figure, rows: pd.DataFrame, pair: tuple[str, str], ranges: list[tuple[float, float]],
           marks: Mapping[str, theme.Mark], titles: Mapping[str, str], own: pd.DataFrame,
           size: tuple[float, float], of: theme.Look) -> None:  # fmt: skip
    """Names beside the points; beyond MANY only those on the front."""
    x, y = pair

    def pixels(table: pd.DataFrame) -> list[tuple[float, float]]:
        return [
            tuple(
                (row[n] - span[0]) / (span[1] - span[0]) * extent
                for n, span, extent in zip((x, y), ranges, size, strict=True)
            )
            for row in table.to_dict("records")
        ]

    shown = rows
    if own["submission"].nunique() > MANY:
        x_up, y_up = (numbers.entry(name).direction != "down" for name in (x, y))
        shown = rows[rows.index.isin(pareto(own, x, y, x_up, y_up).index) | ~rows["submission"].isin(own["submission"])]
    by = "score" if "score" in shown else y
    ordered = shown.sort_values(by, ascending=False, na_position="last")
    groups = [part for _, part in ordered.groupby(["submission", "family"], observed=True)]
    texts = [titles.get(name, name) for name in (part["submission"].iloc[0] for part in groups)]
    texts = [text if len(text) <= 26 else text[:25] + "…" for text in texts]
    placed = labels.place([pixels(part) for part in groups], texts, pixels(_drawn(rows, x, y)), size)
    for part, text, (which, place) in zip(groups, texts, placed, strict=True):
        row = part.iloc[which]
        figure.add_annotation(
            x=row[x],
            y=row[y],
            text=esc(text),
            **place,
            bgcolor=theme.fade(of.ground, 0.6),
            borderpad=0,
            arrowcolor=of.faint,
            font={"size": 12, "color": theme.readable(marks[row["submission"]].colour, of)},
        )


def _drawn(rows: pd.DataFrame, x: str, y: str) -> pd.DataFrame:
    """Everything that a label must not cover: the points, their intervals' ends, and the lines between them."""
    parts = [rows[[x, y]]]
    for end in (".low", ".high"):
        for name in (x, y):
            for step in (0.5, 1.0) if name + end in rows else ():
                parts.append(rows[[x, y]].assign(**{name: rows[name] * (1 - step) + rows[name + end] * step}).dropna())
    for _, part in rows.sort_values("point").groupby(["submission", "family"], observed=True):
        for step in np.linspace(0.1, 0.9, 9):
            parts.append((part[[x, y]] * step + part[[x, y]].shift() * (1 - step)).dropna())
    return pd.concat(parts)
