"""One number against another, better up and to the right: intervals, sweeps joined, the Pareto front, controls."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from retouch.leaderboard.draw import axes
from retouch.leaderboard.draw.scale import Scale, scale
from retouch.leaderboard.look import labels, numbers, theme, words
from retouch.leaderboard.look.markup import esc
from retouch.leaderboard.look.numbers import number, percent
from retouch.leaderboard.rank.tables import pareto
from retouch.leaderboard.read import frame

LABELS = {1: 14, 2: 9, 3: 6}  # names written into a figure, where so many figures share a line of the page
LETTERS = 24  # of a name
Trace = dict[str, Any]  # a part of a figure, in Plotly's words
WIDTHS = {1: 880.0, 2: 400.0, 3: 236.0}  # pixels of the narrowest plot area, where so many share a line


def tradeoff(rows: pd.DataFrame, x: str, y: str, controls: Collection[str] = (), *,
             marks: Mapping[str, theme.Mark] | None = None, titles: Mapping[str, str] | None = None,
             sweeps: Mapping[str, Sequence[str]] | None = None, dark: bool = False, title: str = "", panels: int = 2,
             height: int = axes.HEIGHT, over: pd.DataFrame | None = None) -> go.Figure:  # fmt: skip
    """One number against another.

    Args:
        rows: one a point (submission, point, family, x, y and their .low and .high, share), of one task.
        marks: a colour and shape for each submission; titles: what to call each.
        sweeps: for each submission the points that a line joins, in its order; see `rank.sweeps`.
        panels: how many figures share the line; over: the rows that the axes cover, so that panels can share a scale.
    """
    look = theme.look(dark)
    rows = rows[rows[x].notna() & rows[y].notna()]
    columns = ["submission", "point", "family", "problems", "share", "score", *frame.with_ends(x, y)]
    rows = rows[[name for name in dict.fromkeys(columns) if name in rows]]
    texts = [name for name in ("submission", "point", "family", "problems") if name in rows]
    rows = rows.astype(dict.fromkeys(texts, object))  # quicker to go through by far
    marks = marks or theme.marks(sorted(rows["submission"].unique()), set(controls), look)
    titles, sweeps = titles or {}, sweeps or {}
    across, up = (scale(rows if over is None else over, name) for name in (x, y))
    rows = _placed(rows, across, up)
    names = [titles.get(name, name) for name in rows["submission"]]
    rows["_says"] = [hover(row, x, y, name) for row, name in zip(rows.to_dict("records"), names, strict=True)]
    own = rows[~rows["submission"].isin(controls)]
    traces = _front(own, (across, up), look)
    largest = float(own["share"].max()) if "share" in own and len(own) else 0.0
    for (name, _), part in rows.groupby(["submission", "family"], observed=True, sort=True):
        order = sweeps.get(name, ())
        traces += _line(part, order, marks[name])
        traces.append(_points(part, marks[name], titles.get(name, name), order, name in controls, largest))
    size = (WIDTHS[min(panels, 3)], height - 88.0)
    notes = _label(rows, own, (across, up), marks, titles, size, LABELS[min(panels, 3)], look)
    figure = go.Figure(
        {"data": traces, "layout": {"annotations": notes}}
    )  # at once: one by one takes ten times as long
    axes.layout(figure, dark, height, title)
    for axis, along in (("xaxis", across), ("yaxis", up)):
        places, texts = along.ticks()
        heading = {"text": esc(numbers.title(along.name))}
        figure.update_layout({axis: {"title": heading, "range": (along.low, along.high), "tickmode": "array",
                                     "tickvals": places, "ticktext": texts}})  # fmt: skip
    return figure


def _placed(rows: pd.DataFrame, across: Scale, up: Scale) -> pd.DataFrame:
    """The rows with the places of both numbers and of their intervals' ends: x, the worse x0, the better x1, y, ...

    And how far these lie from the places: x-, x+, y-, y+; 0 where there is no interval.
    """
    places: dict[str, np.ndarray] = {}
    for letter, along in (("x", across), ("y", up)):
        value, low, high = (along.place(rows[c]) if c in rows else np.full(len(rows), np.nan)
                            for c in frame.with_ends(along.name))  # fmt: skip
        low, high = np.fmin(low, high), np.fmax(low, high)
        gaps = {f"_{letter}-": value - low, f"_{letter}+": high - value}
        places |= {f"_{letter}": value, f"_{letter}0": low, f"_{letter}1": high}
        places |= {name: np.nan_to_num(np.maximum(gap, 0)) for name, gap in gaps.items()}
    return rows.assign(**places)


def _front(own: pd.DataFrame, scales: tuple[Scale, Scale], look: theme.Look) -> list[Trace]:
    """The Pareto front, and the band between the fronts of the intervals' worse and better ends."""
    corner = scales[0].low, scales[1].low
    edges = []
    for end in ("0", "1"):
        ends = own.assign(**{name: own[f"{name}{end}"].fillna(own[name]) for name in ("_x", "_y")})
        edges.append(_stairs(pareto(ends, "_x", "_y")[["_x", "_y"]], corner))
    band = np.concatenate([edges[0], edges[1][::-1]])
    traces = [{"x": band[:, 0], "y": band[:, 1], "mode": "lines", "fill": "toself", "hoverinfo": "skip",
               "fillcolor": theme.fade(look.ink, 0.06), "line": {"width": 0}, "name": "band of the front"}]  # fmt: skip
    best = pareto(own, "_x", "_y").sort_values("_x")
    if len(best) > 1:
        traces.append({"x": best["_x"], "y": best["_y"], "mode": "lines", "hoverinfo": "skip", "name": "Pareto front",
                       "line": {"color": theme.fade(look.ink, 0.55), "width": 2.5, "shape": "vh"}})  # fmt: skip
    return traces


def _stairs(front: pd.DataFrame, corner: tuple[float, float]) -> np.ndarray:
    """The outline of what a front beats, from the left edge of the plot to its lower edge: (N, 2) places."""
    points = front.sort_values("_x").to_numpy()
    if not len(points):
        return np.empty((0, 2))
    outline = [(corner[0], points[0][1])]
    for (x, y), (_, below) in zip(points, [*points[1:], corner], strict=True):
        outline += [(x, y), (x, below)]
    return np.array(outline)


def _line(part: pd.DataFrame, order: Sequence[str], mark: theme.Mark) -> list[Trace]:
    """A line along the sweep, in its order, where there is one."""
    at = dict(zip(part["point"], zip(part["_x"], part["_y"], strict=True), strict=True)) if len(order) > 1 else {}
    along = np.array([at[name] for name in order if name in at]).reshape(-1, 2)
    line = {"color": theme.fade(mark.colour, 0.5), "width": 1.5}
    trace = {"x": along[:, 0], "y": along[:, 1], "mode": "lines", "hoverinfo": "skip", "name": "sweep", "line": line}
    return [trace] if len(along) > 1 else []


def _points(part: pd.DataFrame, mark: theme.Mark, title: str, order: Sequence[str], control: bool,
            largest: float) -> Trace:  # fmt: skip
    """The points of a submission; variants beside its sweep are open."""
    cost = part["share"] if "share" in part else pd.Series(0.0, index=part.index)
    variant = [len(order) > 1 and point not in order for point in part["point"]]
    edge = {"width": 2, "color": mark.colour} if control else {"width": 1, "color": "rgba(255,255,255,.55)"}
    return {
        "x": part["_x"].to_numpy(), "y": part["_y"].to_numpy(), "name": esc(title), "mode": "markers",
        "error_x": _whiskers(part, "_x", mark.colour), "error_y": _whiskers(part, "_y", mark.colour),
        "marker": {
            "symbol": [mark.shape + ("-open" if v and not mark.shape.endswith("-open") else "") for v in variant],
            "size": np.full(len(part), 13.0) if control else _sizes(cost, largest),
            "color": mark.colour, "opacity": 0.95, "line": edge,
        },
        "customdata": part[["submission", "point", "family"]].to_numpy(),
        "hovertext": part["_says"].tolist(),
        "hovertemplate": "%{hovertext}<extra></extra>",
    }  # fmt: skip


def _whiskers(part: pd.DataFrame, name: str, colour: str) -> dict[str, Any]:
    up, down = (part[name + side].to_numpy() for side in "+-")
    return {"type": "data", "symmetric": False, "array": up, "arrayminus": down, "thickness": 1, "width": 0,
            "color": theme.fade(colour, 0.35)}  # fmt: skip


def hover(row: Mapping[str, Any], x: str, y: str, title: str) -> str:
    """What a point says; every name is escaped, since Plotly reads tags."""

    def says(name: str) -> str:
        low, high = row.get(f"{name}.low", np.nan), row.get(f"{name}.high", np.nan)
        interval = f"  [{number(low)}, {number(high)}]" if np.isfinite([low, high]).all() else ""
        return f"{esc(numbers.entry(name).title)} <b>{number(row[name])}</b>{interval}"

    lines = [f"<b>{esc(title)}</b> · {esc(row['point'])}", *(says(name) for name in (x, y) if name != "share")]
    if np.isfinite(row.get("share", np.nan)):
        lines.append(f"cost {percent(row['share'])} of pre-training")
    if row.get("problems"):
        lines.append(esc(row["problems"]))
    return "<br>".join(lines)


def key(rows: pd.DataFrame) -> str:
    """What lines and marks mean, HTML; rows: all that are drawn."""
    largest = rows.loc[~rows["control"], "share"].max()
    says = f", the largest {percent(largest)} of pre-training" if pd.notna(largest) else ""
    return f'<div class="rt dim">{words.LINES.format(largest=says)}</div>'


def _sizes(cost: pd.Series, largest: float) -> np.ndarray:
    """Marker diameters whose area grows with cost, from 8 pixels."""
    share = np.clip(np.nan_to_num(cost.to_numpy(float)) / largest, 0, 1) if largest > 0 else np.zeros(len(cost))
    return np.sqrt(64 + 240 * share)


def _label(rows: pd.DataFrame, own: pd.DataFrame, scales: tuple[Scale, Scale], marks: Mapping[str, theme.Mark],
           titles: Mapping[str, str], size: tuple[float, float], most: int,
           look: theme.Look) -> list[Trace]:  # fmt: skip
    """Names beside the points: of the front first, then the controls, then by score."""
    front = set(pareto(own, "_x", "_y")["submission"])
    by = "score" if "score" in rows else "_y"
    ordered = rows.sort_values(by, ascending=False, na_position="last")
    groups = [part for _, part in ordered.groupby(["submission", "family"], observed=True, sort=False)]
    groups.sort(
        key=lambda part: (part["submission"].iloc[0] not in front, part["submission"].iloc[0] in set(own["submission"]))
    )
    groups = groups[:most]
    texts = [titles.get(name, name) for name in (part["submission"].iloc[0] for part in groups)]
    texts = [text if len(text) <= LETTERS else text[: LETTERS - 1] + "…" for text in texts]
    pixels = [_pixels(part[["_x", "_y"]], scales, size) for part in groups]
    placed = labels.place(pixels, texts, _pixels(_drawn(rows), scales, size), size)
    shared = {"bgcolor": theme.fade(look.ground, 0.6), "borderpad": 0, "arrowcolor": look.faint}
    notes = []
    for part, text, (which, place) in zip(groups, texts, placed, strict=True):
        row = part.iloc[which]
        font = {"size": 12, "color": theme.readable(marks[row["submission"]].colour, look)}
        notes.append({"x": row["_x"], "y": row["_y"], "text": esc(text), "font": font, **place, **shared})
    return notes


def _pixels(places: pd.DataFrame, scales: tuple[Scale, Scale], size: tuple[float, float]) -> list[tuple[float, float]]:
    """Places as pixels from the lower left corner."""
    across, up = ((places[name] - along.low) / (along.high - along.low) * extent
                  for name, along, extent in zip(places.columns, scales, size, strict=True))  # fmt: skip
    return list(zip(across, up, strict=True))


def _drawn(rows: pd.DataFrame) -> pd.DataFrame:
    """What a label must not cover: the points and their intervals."""
    parts = [rows[["_x", "_y"]]]
    for name in ("_x", "_y"):
        for end in ("0", "1"):
            for step in (0.5, 1.0):
                there = rows[name] * (1 - step) + rows[name + end] * step
                parts.append(rows[["_x", "_y"]].assign(**{name: there}).dropna())
    return pd.concat(parts)
