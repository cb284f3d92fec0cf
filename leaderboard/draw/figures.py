"""Plotly figures of the board, for the pages and for notebooks: frames from `rank.tables` in, figures out.

from pathlib import Path
from retouch.leaderboard import board, figures, tables
view = board.read(Path("submissions"))
shown = tables.keep(view.scores, view.records, tables.Filter("tiny", tasks=["category_redaction"]))
figures.tradeoff(shown, "goal", "quality", view.records.controls).show()
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from retouch.leaderboard.look import labels, theme, words
from retouch.leaderboard.look.markup import esc, number, percent
from retouch.leaderboard.rank.tables import pareto
from retouch.leaderboard.read import frame

UNIT = ("goal", "quality", "score")  # numbers between 0 and 1
MANY = 14  # submissions beyond which only those on the front are labelled


HEIGHT = 430


def area(panels: int = 1, height: int = HEIGHT) -> tuple[float, float]:
    """The plot area in pixels that labels are placed for, where so many figures share a line of the page."""
    return {1: 1000.0, 2: 480.0}.get(panels, 285.0), height - 88.0


def _layout(figure: go.Figure, dark: bool, height: int, title: str = "") -> go.Figure:
    head = (
        {"text": esc(title), "x": 0, "xanchor": "left", "y": 0.985, "yanchor": "top", "font": {"size": 15}}
        if title
        else None
    )
    return figure.update_layout(template=theme.template(dark), height=height, title=head)


def _range(rows: pd.DataFrame, name: str) -> tuple[float, float]:
    """An axis range with air around points and intervals; scaled values keep 0 to 1."""
    values = pd.concat([rows[column] for column in frame.with_ends(name) if column in rows])
    found = values.replace([np.inf, -np.inf], np.nan).dropna()
    if name in UNIT:
        return (float(found.min()) - 0.1 if len(found) and found.min() > 0.25 else -0.04), 1.06
    if found.empty:
        return 0.0, 1.0
    low, high = float(found.min()), float(found.max())
    air = 0.09 * (high - low) or 0.1 * abs(high) or 1.0
    return low - air, high + air


def _error(part: pd.DataFrame, name: str, colour: str) -> dict[str, Any] | None:
    if f"{name}.low" not in part:
        return None
    up, down = part[f"{name}.high"] - part[name], part[name] - part[f"{name}.low"]
    return {"type": "data", "symmetric": False, "array": up.fillna(0), "arrayminus": down.fillna(0), "thickness": 1,
            "width": 0, "color": theme_fade(colour)}  # fmt: skip


def theme_fade(colour: str, alpha: float = 0.55) -> str:
    """A colour with some of the ground showing through."""
    r, g, b = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({r},{g},{b},{alpha})"


def _sizes(cost: pd.Series, largest: float) -> np.ndarray:
    """Marker diameters whose area grows with cost, from 8 pixels."""
    share = np.clip(np.nan_to_num(cost.to_numpy(float)) / largest, 0, 1) if largest > 0 else np.zeros(len(cost))
    return np.sqrt(64 + 420 * share)


def hover(row: Mapping[str, Any], x: str, y: str, title: str) -> str:
    """What a point says; every name is escaped, since Plotly reads tags."""

    def says(name: str) -> str:
        low, high = row.get(f"{name}.low", np.nan), row.get(f"{name}.high", np.nan)
        range_ = f"  [{number(low)}, {number(high)}]" if np.isfinite([low, high]).all() else ""
        return f"{esc(words.entry(name).title)} <b>{number(row[name])}</b>{range_}"

    lines = [f"<b>{esc(title)}</b> · {esc(row['point'])}", says(x), says(y)]
    if np.isfinite(row.get("share", np.nan)):
        lines.append(f"cost {percent(row['share'])} of pre-training")
    if row.get("problems"):
        lines.append(esc(row["problems"]))
    return "<br>".join(lines)


def tradeoff(found: pd.DataFrame, x: str, y: str, controls: Collection[str] = (), *,
             marks: Mapping[str, theme.Mark] | None = None, titles: Mapping[str, str] | None = None,
             dark: bool = False, title: str = "", panels: int = 2, height: int = HEIGHT,
             over: pd.DataFrame | None = None) -> go.Figure:  # fmt: skip
    """One number against another: intervals, operating points joined, the Pareto front, controls as reference marks.

    Args:
        found: rows (submission, point, family, x, y and their .low and .high, share).
        marks: a colour and shape for each submission; titles: what to call each.
        panels: how many figures share the line; over: the rows that the axes cover, so that panels can share a scale.
    """
    of = theme.look(dark)
    found = found[found[x].notna() & found[y].notna()]
    marks = marks or theme.marks(sorted(found["submission"].unique()), set(controls), of)
    titles = titles or {}
    figure = _layout(go.Figure(), dark, height, title)
    own = found[~found["submission"].isin(controls)]
    _front(figure, own, x, y, of)
    largest = float(own["share"].max()) if "share" in own and len(own) else 0.0
    for (name, _), part in found.groupby(["submission", "family"], observed=True, sort=True):
        _series(figure, part, x, y, marks[name], titles.get(name, name), name in controls, largest)
    ranges = [_range(found if over is None else over, name) for name in (x, y)]
    _label(figure, found, (x, y), ranges, marks, titles, own, area(panels, height), of)
    for axis, name, span in (("xaxis", x, ranges[0]), ("yaxis", y, ranges[1])):
        ticks = {"dtick": 0.25 if span[1] - span[0] > 0.7 else 0.1, "tick0": 0} if name in UNIT else {}
        figure.update_layout({axis: {"title": {"text": esc(words.title(name))}, "range": span, "nticks": 6, **ticks}})
        if name == "share":
            figure.update_layout({axis: {"tickformat": ".1~%"}})
    return figure


def _front(figure: go.Figure, own: pd.DataFrame, x: str, y: str, of: theme.Look) -> None:
    x_up, y_up = (words.entry(name).direction != "down" for name in (x, y))
    best = pareto(own, x, y, x_up, y_up).sort_values([x, y])
    if len(best) > 1:
        figure.add_scatter(x=best[x], y=best[y], mode="lines", hoverinfo="skip", name="Pareto front",
                           line={"color": theme_fade(of.ink, 0.35), "width": 1.5, "dash": "dot",
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
        line={"color": theme_fade(mark.colour, 0.5), "width": 1.5},
        error_x=_error(part, x, mark.colour),
        error_y=_error(part, y, mark.colour),
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


def _label(figure: go.Figure, found: pd.DataFrame, axes: tuple[str, str], ranges: list[tuple[float, float]],
           marks: Mapping[str, theme.Mark], titles: Mapping[str, str], own: pd.DataFrame,
           size: tuple[float, float], of: theme.Look) -> None:  # fmt: skip
    """Names beside the points; beyond MANY only those on the front."""
    x, y = axes

    def pixels(rows: pd.DataFrame) -> list[tuple[float, float]]:
        return [
            tuple(
                (row[n] - span[0]) / (span[1] - span[0]) * extent
                for n, span, extent in zip((x, y), ranges, size, strict=True)
            )
            for row in rows.to_dict("records")
        ]

    shown = found
    if own["submission"].nunique() > MANY:
        x_up, y_up = (words.entry(name).direction != "down" for name in (x, y))
        shown = found[
            found.index.isin(pareto(own, x, y, x_up, y_up).index) | ~found["submission"].isin(own["submission"])
        ]
    by = "score" if "score" in shown else y
    ordered = shown.sort_values(by, ascending=False, na_position="last")
    groups = [part for _, part in ordered.groupby(["submission", "family"], observed=True)]
    texts = [titles.get(name, name) for name in (part["submission"].iloc[0] for part in groups)]
    texts = [text if len(text) <= 26 else text[:25] + "…" for text in texts]
    placed = labels.place([pixels(part) for part in groups], texts, pixels(_drawn(found, x, y)), size)
    for part, text, (which, place) in zip(groups, texts, placed, strict=True):
        row = part.iloc[which]
        figure.add_annotation(
            x=row[x],
            y=row[y],
            text=esc(text),
            **place,
            bgcolor=theme_fade(of.ground, 0.6),
            borderpad=0,
            arrowcolor=of.faint,
            font={"size": 12, "color": theme.readable(marks[row["submission"]].colour, of)},
        )


def _drawn(found: pd.DataFrame, x: str, y: str) -> pd.DataFrame:
    """Everything that a label must not cover: the points, their intervals' ends, and the lines between them."""
    parts = [found[[x, y]]]
    for end in (".low", ".high"):
        for name in (x, y):
            for step in (0.5, 1.0) if name + end in found else ():
                parts.append(
                    found[[x, y]].assign(**{name: found[name] * (1 - step) + found[name + end] * step}).dropna()
                )
    for _, part in found.sort_values("point").groupby(["submission", "family"], observed=True):
        for step in np.linspace(0.1, 0.9, 9):
            parts.append((part[[x, y]] * step + part[[x, y]].shift() * (1 - step)).dropna())
    return pd.concat(parts)


def runs(
    found: pd.DataFrame,
    names: Sequence[str] = ("goal", "quality"),
    *,
    marks: Mapping[str, theme.Mark] | None = None,
    titles: Mapping[str, str] | None = None,
    dark: bool = False,
    title: str = "",
) -> go.Figure:
    """Each seed as a small open mark, the mean as a filled one: a row an operating point, a panel a number."""
    from plotly.subplots import make_subplots

    of, titles = theme.look(dark), titles or {}
    rows = list(dict.fromkeys(zip(found["submission"].astype(str), found["point"].astype(str), strict=True)))
    several = {s for s, _ in rows if sum(other == s for other, _ in rows) > 1}
    texts = [titles.get(s, s) + (f" · {p}" if s in several else "") for s, p in rows]
    figure = make_subplots(rows=1, cols=len(names), shared_yaxes=True, horizontal_spacing=0.05)
    marks = marks or theme.marks([s for s, _ in rows], set(), of)
    for column, name in enumerate(names, 1):
        for place, key in enumerate(rows):
            part = found[(found["submission"] == key[0]) & (found["point"] == key[1])]
            _seeds(figure, part, name, place, marks[key[0]], column)
        unit = {"range": (-0.04, 1.04)} if name in UNIT else {}
        figure.update_xaxes(title={"text": esc(words.title(name))}, showgrid=True, row=1, col=column, **unit)
    _layout(figure, dark, 104 + 25 * len(rows), title)
    return figure.update_yaxes(
        tickmode="array",
        tickvals=list(range(len(rows))),
        ticktext=[esc(t) for t in texts],
        range=(len(rows) - 0.4, -0.6),
        showline=False,
        ticks="",
        tickfont={"color": of.ink},
    )


def _seeds(figure: go.Figure, part: pd.DataFrame, name: str, place: int, mark: theme.Mark, column: int) -> None:
    values = part[name].dropna()
    if values.empty:
        return
    colour, shape = mark.colour, mark.shape.removesuffix("-open")
    figure.add_scatter(x=[values.min(), values.max()], y=[place, place], mode="lines", hoverinfo="skip",
                       line={"color": theme_fade(colour, 0.4), "width": 1}, row=1, col=column)  # fmt: skip
    figure.add_scatter(
        x=values,
        y=[place] * len(values),
        mode="markers",
        row=1,
        col=column,
        marker={"symbol": "circle-open", "size": 7, "color": theme_fade(colour, 0.8)},
        hovertext=[f"seed {seed}: {number(value, 3)}" for seed, value in part[["seed", name]].dropna().to_numpy()],
        hovertemplate="%{hovertext}<extra></extra>",
    )
    figure.add_scatter(x=[values.mean()], y=[place], mode="markers", row=1, col=column, hoverinfo="skip",
                       marker={"symbol": shape, "size": 11, "color": colour})  # fmt: skip


def differences(found: pd.DataFrame, *, dark: bool = False, title: str = "") -> go.Figure:
    """Paired differences with intervals against a line at 0: rows are problems, filled marks exclude 0."""
    of = theme.look(dark)
    figure = _layout(go.Figure(), dark, 98 + 40 * max(1, found["row"].nunique()), title)
    rows = list(dict.fromkeys(found["row"]))
    for i, (axis, part) in enumerate(found.groupby("axis", sort=False)):
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
                "color": theme_fade(colour, 0.7),
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
    return figure.update_yaxes(
        tickmode="array",
        tickvals=list(range(len(rows))),
        ticktext=[esc(row).replace(" · ", "<br>") for row in rows],
        range=(len(rows) - 0.4, -0.6),
        showline=False,
        ticks="",
        tickfont={"color": of.ink},
    )
