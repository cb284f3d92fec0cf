"""The picture that fits the task, from a record's details: shares with their target, identity curve, quantile drops."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from retouch.benchmark.tasks.identity_removal import SETS
from retouch.leaderboard.look import numbers, theme, words
from retouch.leaderboard.look.markup import esc
from retouch.leaderboard.look.numbers import number

LEGEND = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "title": None}


def _numbers(value: Any, n: int | None = None) -> np.ndarray | None:
    """A list of finite numbers of the right length, else None: details are free in form and may hold anything."""
    try:
        values = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        return None
    good = values.ndim == 1 and 0 < len(values) <= 1000 and np.isfinite(values).all() and np.abs(values).max() < 1e9
    return values if good and n in (None, len(values)) else None


def _names(table: Mapping[str, Any], n: int) -> list[str]:
    """The classes' names, escaped and cut to a length; their numbers where there are none."""
    names = table.get("names")
    if isinstance(names, list) and len(names) == n:
        return [esc(str(name)[:40]) for name in names]
    return [esc(words.label(str(table.get("attribute", "")), i)) for i in range(n)]


def shares(details: Mapping[str, Any], dark: bool = False) -> go.Figure | None:
    """Each class's share: base, edited with its interval, and the target as a bar to be reached."""
    table = details.get("shares")
    if not isinstance(table, Mapping) or (values := _numbers(table.get("values"))) is None:
        return None
    of, names = theme.look(dark), _names(table, len(values))
    low, high, base, target = (_numbers(table.get(key), len(values)) for key in ("low", "high", "base", "target"))
    looks = {
        "target": (target, {"symbol": "line-ew-open", "size": 26, "color": of.ink, "line": {"width": 2}}),
        "base": (base, {"symbol": "circle-open", "size": 9, "color": of.faint, "line": {"width": 1.5}}),
        "edited": (values, {"size": 9, "color": of.goal}),
    }
    figure = go.Figure()
    for name, (shown, look) in looks.items():
        if shown is not None:
            says = f"{name} %{{y:.1%}}<extra></extra>"
            figure.add_scatter(x=names, y=shown, mode="markers", name=name, hovertemplate=says, marker=look)
    if low is not None and high is not None:
        up, down = (high - values).clip(0), (values - low).clip(0)
        figure.data[-1].error_y = {"type": "data", "symmetric": False, "array": up, "arrayminus": down,
                                   "thickness": 1.3, "width": 0, "color": theme.fade(of.goal, 0.7)}  # fmt: skip
    top = float(max(part.max() for part in (values, base, target, high) if part is not None))
    return figure.update_layout(
        template=theme.template(dark), height=290, showlegend=True, legend=LEGEND,
        xaxis={"title": {"text": esc(str(table.get("attribute", "class")))[:60]}, "type": "category"},
        yaxis={"title": {"text": "share of the images"}, "tickformat": ".0%", "range": (-0.01, 1.12 * top)},
    )  # fmt: skip


CURVES = {  # of identity at equal change, in a record's details: what the images before and after are
    "identity_curve": "Identity kept by edits",
    "moved_curve": "Identity kept from the same noise",
    "real_curve": "Identity kept by edits of real images",
}


def identity_curve(details: Mapping[str, Any], dark: bool = False, kind: str = "identity_curve") -> go.Figure | None:
    """Mean identity similarity against how far the attribute was moved, with its interval."""
    return identity_curves([("", theme.Mark(theme.look(dark).goal, "circle"), details)], dark, kind)


def identity_curves(records: Sequence[tuple[str, theme.Mark, Mapping[str, Any]]], dark: bool = False,
                    kind: str = "identity_curve") -> go.Figure | None:  # fmt: skip
    """The curves of one of CURVES, of records (title, mark, details) on the same axes; None where none has one."""
    figure = go.Figure()
    for title, mark, details in records:
        curve = _curve(details.get(kind))
        if curve is not None:
            _draw_curve(figure, curve, title, mark)
    if not figure.data:
        return None
    return figure.update_layout(
        template=theme.template(dark),
        height=300,
        showlegend=any(title for title, *_ in records),
        legend=LEGEND,
        xaxis={"title": {"text": "change of the attribute"}},
        yaxis={"title": {"text": "identity similarity ↑"}},
    )


def _curve(curve: Any) -> np.ndarray | None:
    """(5, bins): change, identity, low, high, count; bins that no edit fell in are left out."""
    if not isinstance(curve, Mapping) or not isinstance(curve.get("change"), list):
        return None
    size = len(curve["change"])
    rows = [curve.get(key) or [None] * size for key in ("change", "identity", "low", "high", "count")]
    try:
        values = np.array(rows, dtype=float)
    except (TypeError, ValueError):
        return None
    there = np.isfinite(values[:2]).all(0) & ~(np.abs(np.nan_to_num(values)) > 1e9).any(0)
    return values[:, there] if 0 < there.sum() <= 1000 else None


def _draw_curve(figure: go.Figure, curve: np.ndarray, title: str, mark: theme.Mark) -> None:
    change, identity, low, high, count = curve
    count = np.nan_to_num(count).clip(0)
    band = np.isfinite(low) & np.isfinite(high)
    if band.any():
        x, up, down = change[band], high[band], low[band]
        figure.add_scatter(x=[*x, *x[::-1]], y=[*up, *down[::-1]], fill="toself", hoverinfo="skip", mode="none",
                           showlegend=False, fillcolor=theme.fade(mark.colour, 0.16))  # fmt: skip
    says = [f"{esc(title)} identity {number(v)}, {n:.0f} images" for v, n in zip(identity, count, strict=True)]
    size = np.sqrt(49 + 160 * count / max(1.0, count.max()))
    figure.add_scatter(x=change, y=identity, mode="lines+markers", line={"color": mark.colour}, name=esc(title),
                       marker={"size": size, "symbol": mark.shape, "color": mark.colour}, hovertext=says,
                       hovertemplate="%{hovertext}<extra></extra>")  # fmt: skip


def prompts(details: Mapping[str, Any], dark: bool = False) -> go.Figure | None:
    """What the images of each prompt measure: the task's metric, and how many show what else the prompt names."""
    table = details.get("prompts")
    if not isinstance(table, Mapping) or not 0 < len(table) <= 100:
        return None
    rows = [values if isinstance(values, list) and len(values) == 2 else [None, None] for values in table.values()]
    of, names = theme.look(dark), [esc(str(prompt)[:60]) for prompt in table]
    figure = go.Figure()
    for k, (title, colour, shape) in enumerate([("metric", of.goal, "circle"), ("fidelity", of.quality, "diamond")]):
        shown = [(name, row[k]) for name, row in zip(names, rows, strict=True) if _numbers([row[k]]) is not None]
        if shown:
            figure.add_scatter(x=[value for _, value in shown], y=[name for name, _ in shown], mode="markers",
                               name=title, marker={"size": 10, "color": colour, "symbol": shape},
                               hovertemplate=f"%{{y}}: {title} %{{x:.3f}}<extra></extra>")  # fmt: skip
    if not figure.data:
        return None
    return figure.update_layout(template=theme.template(dark), height=98 + 30 * len(names), showlegend=True,
                                legend=LEGEND, xaxis={"title": {"text": "of the prompt's images"}},
                                yaxis={"type": "category", "categoryarray": names[::-1]})  # fmt: skip


def quantile_drops(values: Mapping[str, tuple[float, float, float]], dark: bool = False) -> go.Figure | None:
    """The five quantile drops of a flow: what is to be forgotten should move, everybody else should not."""
    names = [f"quantile_drop_{key}" for key in SETS if f"quantile_drop_{key}" in values]
    if not names:
        return None
    of, figure = theme.look(dark), go.Figure()
    for i, name in enumerate(names):
        value, low, high = values[name]
        colour = of.goal if name in numbers.UP else of.quality
        figure.add_scatter(
            x=[value],
            y=[i],
            mode="markers",
            marker={"size": 10, "color": colour},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [max(0, high - value)],
                "arrayminus": [max(0, value - low)],
                "width": 0,
                "thickness": 1.3,
            },
            hovertemplate=f"{number(value, 3)} [{number(low, 3)}, {number(high, 3)}]<extra></extra>",
        )
    text = [esc(numbers.title(name).removeprefix("Quantile drop, ").capitalize()) for name in names]
    figure.add_vline(x=0, line={"color": of.faint, "width": 1})
    return figure.update_layout(template=theme.template(dark), height=98 + 30 * len(names),
                                xaxis={"title": {"text": "drop of the quantile"}},
                                yaxis={"tickmode": "array", "tickvals": list(range(len(names))), "ticktext": text,
                                       "range": (len(names) - 0.4, -0.6), "showline": False, "ticks": ""})  # fmt: skip
