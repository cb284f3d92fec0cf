"""A colour-blind-safe palette with marker shapes, the Plotly template and the style sheet, light and dark."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from zlib import crc32

import plotly.graph_objects as go

FONT = '"Source Sans", "Source Sans 3", "Helvetica Neue", Arial, sans-serif'
# Okabe and Ito's eight, without black and yellow, which vanish on one of the two grounds; 3:1 or more on theirs
LIGHT = ("#0072B2", "#D55E00", "#009E73", "#C26A98", "#B07A00", "#2F93CC", "#7A5195", "#6B6B00")
DARK = ("#4FA9E0", "#FF8A4C", "#2CC39A", "#E29BC3", "#F2B83B", "#8CCDF5", "#B294D1", "#BDBD4A")
SHAPES = ("circle", "square", "diamond", "triangle-up", "triangle-down", "pentagon", "hexagon", "star", "cross", "x")


@dataclass(frozen=True)
class Look:
    """The colours of one mode."""

    dark: bool
    ink: str
    faint: str
    grid: str
    ground: str
    series: tuple[str, ...]

    @property
    def goal(self) -> str:
        """The colour of goal."""
        return self.series[0]

    @property
    def quality(self) -> str:
        """The colour of quality."""
        return self.series[1]


@cache
def look(dark: bool = False) -> Look:
    """The look of the light or the dark mode."""
    if dark:
        return Look(True, "#E8E6E3", "#9A968F", "#37352F", "#171614", DARK)
    return Look(False, "#2A2826", "#6E6A64", "#E9E7E3", "#FFFFFF", LIGHT)


@dataclass(frozen=True)
class Mark:
    """A submission's colour and marker shape; the pair is its own, in print without colour too."""

    colour: str
    shape: str


def marks(names: Sequence[str], controls: set[str], of: Look) -> dict[str, Mark]:
    """A mark for each submission, by its name, the same on every page; controls are grey.

    Names that fall on the same mark, or on a colour that others have, move on in the order of `names`: with the oldest
    first, a new submission never takes another's mark.
    """
    table = {name: Mark(of.faint, "x-thin-open" if name == "unchanged" else "star-diamond-open") for name in controls}
    every = [(colour, shape) for shape in SHAPES for colour in of.series]
    free, uses = set(range(len(every))), Counter[str]()
    for name in (name for name in names if name not in controls):
        free = free or set(range(len(every)))
        start = crc32(name.encode())
        place = min(free, key=lambda i: (uses[every[i][0]], (i - start) % len(every)))
        free.remove(place)
        uses[every[place][0]] += 1
        table[name] = Mark(*every[place])
    return table


def readable(colour: str, of: Look) -> str:
    """The colour moved towards the ink, for text."""
    a, b = ([int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in (colour, of.ink))
    return "#" + "".join(f"{round(0.55 * x + 0.45 * y):02x}" for x, y in zip(a, b, strict=True))


def fade(colour: str, alpha: float = 0.55) -> str:
    """A colour with some of the ground showing through."""
    r, g, b = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({r},{g},{b},{alpha})"


@cache
def template(dark: bool = False) -> go.layout.Template:
    """The Plotly template: no boxes, hairline grid, small ticks, text that is read like the page's."""
    of = look(dark)
    axis = {
        "gridcolor": of.grid, "linecolor": of.faint, "zeroline": False, "ticks": "outside", "ticklen": 4,
        "tickcolor": of.faint, "tickfont": {"size": 12, "color": of.faint}, "showline": True, "automargin": True,
        "title": {"font": {"size": 13, "color": of.ink}, "standoff": 8},
    }  # fmt: skip
    return go.layout.Template(
        layout={
            "font": {"family": FONT, "size": 13, "color": of.ink}, "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)", "xaxis": axis, "yaxis": axis, "colorway": of.series,
            "margin": {"l": 10, "r": 16, "t": 36, "b": 10}, "showlegend": False, "dragmode": "pan",
            "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": of.faint, "activecolor": of.ink},
            "hoverlabel": {"bgcolor": of.ground, "bordercolor": of.faint, "align": "left",
                           "font": {"family": FONT, "size": 13, "color": of.ink}},
            "annotationdefaults": {"font": {"size": 12, "color": of.ink}},
        }
    )  # fmt: skip


def variables(dark: bool = False) -> str:
    """The colours as variables of the style sheet."""
    of = look(dark)
    names = {
        "ink": of.ink,
        "faint": of.faint,
        "grid": of.grid,
        "ground": of.ground,
        "goal": of.goal,
        "quality": of.quality,
        "warn": readable(of.quality, of),
    }
    return f".rt{{{''.join(f'--{name}:{value};' for name, value in names.items())}}}"


def night() -> list[tuple[str, str]]:
    """Each colour of a figure by day and what it is by night, in the forms that figures have them in."""
    day, dark = look(False), look(True)
    pairs = [(getattr(day, name), getattr(dark, name)) for name in ("ink", "faint", "grid", "ground")]
    pairs += list(zip(day.series, dark.series, strict=True))
    written = [(readable(a, day), readable(b, dark)) for a, b in pairs]
    faded = [(fade(a, 0)[:-2], fade(b, 0)[:-2]) for a, b in pairs]
    return [*pairs, *written, *faded]


def css(dark: bool = False) -> str:
    """The style sheet of the board's own tables and cards."""
    return variables(dark) + "\n" + _rules()


@cache
def _rules() -> str:
    return text("board.css")


@cache
def script() -> str:
    """The script that sorts and unfolds tables."""
    return text("board.js")


def text(name: str) -> str:
    """A style sheet or script beside this module."""
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
