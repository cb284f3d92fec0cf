"""Looks: a colour-blind-safe palette with marker shapes, the Plotly templates and the style sheet, light and dark."""

from dataclasses import dataclass
from functools import cache

import plotly.graph_objects as go

FONT = '"Source Sans", "Source Sans 3", "Helvetica Neue", Arial, sans-serif'
# Okabe and Ito's eight, without black and yellow, which vanish on one of the two grounds
LIGHT = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7A5195", "#6B6B00")
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


def marks(names: list[str], controls: set[str], of: Look) -> dict[str, Mark]:
    """A mark for each submission, the same on every page; controls are grey."""
    found = {name: Mark(of.faint, "x-thin-open" if name == "unchanged" else "star-diamond-open") for name in controls}
    for i, name in enumerate(sorted(set(names) - controls)):
        found[name] = Mark(of.series[i % len(of.series)], SHAPES[(i + i // len(of.series)) % len(SHAPES)])
    return found


def readable(colour: str, of: Look) -> str:
    """The colour moved towards the ink, for text."""
    a, b = ([int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in (colour, of.ink))
    return "#" + "".join(f"{round(0.55 * x + 0.45 * y):02x}" for x, y in zip(a, b, strict=True))


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


def css(dark: bool = False) -> str:
    """The style sheet of the board's own tables and cards."""
    return variables(dark) + RULES


RULES = """
.stMainBlockContainer{padding:4.4rem clamp(1rem,3.5vw,4rem) 6rem;max-width:88rem}
.rt{font-family:"Source Sans","Source Sans 3","Helvetica Neue",Arial,sans-serif;color:var(--ink);font-size:.94rem;
 line-height:1.35}
.rt p{margin:.2rem 0 .6rem;max-width:46rem}
.rt-scroll{overflow-x:auto;max-width:100%}.rt-scroll:focus-visible{outline:2px solid var(--goal)}
.rt table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums lining-nums}

.rt th,.rt td{padding:.24rem .36rem;text-align:left;vertical-align:middle;border:0;white-space:nowrap}
.rt thead th{font-weight:500;color:var(--faint);font-size:.82rem;border-bottom:1px solid var(--faint);
 vertical-align:bottom}
.rt thead tr.rt-groups th{border-bottom:0;color:var(--ink);font-weight:600;font-size:.9rem;padding-top:.1rem}
.rt thead tr.rt-groups th span{display:block;border-bottom:1px solid var(--grid);padding-bottom:.15rem}
.rt tbody td,.rt tbody th{border-bottom:1px solid var(--grid)}
.rt tbody th{font-weight:500;white-space:normal;min-width:11.5rem}
.rt thead th{white-space:normal}.rt sup{font-size:.8em;line-height:0}
.rt thead th:first-child,.rt tbody th:first-child:not([colspan]){position:sticky;left:0;z-index:1;
 background:var(--ground)}
@media (max-width:640px){.rt tbody th{min-width:8.2rem}.rt .lead{border-left-width:4px}
 .stButtonGroup [role=toolbar]{flex-wrap:wrap}}
.rt tbody tr:hover td,.rt tbody tr:hover th{background:color-mix(in srgb,var(--faint) 9%,var(--ground))!important}
.rt tr.rt-section th{padding-top:1.05rem;font-weight:650;font-size:.98rem;border-bottom:1px solid var(--faint)}
.rt tr.rt-section:hover th{background:none!important}
.rt tr.rt-loud td,.rt tr.rt-loud th{background:color-mix(in srgb,var(--goal) 12%,var(--ground))!important}
.rt tr.rt-control td,.rt tr.rt-control th,.rt tr.rt-control a{color:var(--faint)!important;font-style:italic}
.rt .n{text-align:right}.rt .c{text-align:center}
.rt .rank{text-align:right;font-weight:600;padding-right:.15rem}
.rt .first{font-weight:700;color:var(--goal)}
.rt .none{color:var(--faint);text-align:center}
.rt.dim,.rt .dim{color:var(--faint);font-size:.85em;font-weight:400}.rt.dim{margin:.3rem 0 .4rem}
.rt a{color:inherit;text-decoration:none;border-bottom:1px solid color-mix(in srgb,var(--faint) 45%,transparent)}
.rt a:hover,.rt a:focus-visible{border-bottom-color:var(--goal);color:var(--goal)}
.rt a:focus-visible{outline:2px solid var(--goal);outline-offset:2px}
.rt td a.plain{border-bottom:0}
.rt .lead{border-left:10px solid transparent}
.rt .chip{display:inline-block;border:1px solid var(--grid);border-radius:1rem;padding:.02rem .5rem;
 margin:.1rem .2rem .1rem 0; font-size:.8rem;color:var(--faint);white-space:nowrap}
.rt .chip.good{color:var(--goal);border-color:currentColor}
.rt .chip.bad{color:var(--warn);border-color:currentColor}
.rt h1,.rt h2,.rt h3{font-weight:650;letter-spacing:-.01em;margin:.2rem 0 .3rem;line-height:1.2}
.rt h1{font-size:1.7rem}.rt h2{font-size:1.2rem;margin-top:.4rem}.rt h3{font-size:1rem}
.rt dl{display:grid;grid-template-columns:max-content 1fr;gap:.22rem 1rem;margin:.3rem 0;padding:0}
.rt dt{margin:0;font-weight:400}
.rt dt{color:var(--faint)}.rt dd{margin:0;overflow-wrap:anywhere}
.rt .key{display:inline-flex;gap:.1rem 1.1rem;align-items:center;color:var(--faint);font-size:.85rem;flex-wrap:wrap}
.rt .ax{display:block;position:relative;width:58px;height:24px;margin:0 4px;
 background:linear-gradient(var(--grid),var(--grid)) left/1px 100% no-repeat,
 linear-gradient(var(--grid),var(--grid)) center/1px 100% no-repeat,
 linear-gradient(var(--grid),var(--grid)) right/1px 100% no-repeat}
.rt .ax.one{width:48px;height:14px}.rt td .dim,.rt th .dim{white-space:nowrap}
.rt table.narrow{width:auto;min-width:min(100%,40rem)}
.rt .key .ax{display:inline-block;width:26px;vertical-align:-2px;margin-right:.4rem;background:none}
.rt .ax i{position:absolute;display:block}.rt .ax .g{top:7px;color:var(--goal)}.rt .ax .q{top:17px;color:var(--quality)}
.rt .ax.one .g,.rt .ax.one .q{top:7px}
.rt .ax .w{height:0;border-top:1.4px solid currentColor;opacity:.65;transform:translateY(-.7px)}
.rt .ax .m{width:7px;height:7px;background:currentColor;border-radius:50%;transform:translate(-3.5px,-3.5px)}
.rt .ax .m.q{border-radius:0;width:6px;height:6px;transform:translate(-3px,-3px) rotate(45deg)}
.rt tr.rt-control .ax{filter:grayscale(1) opacity(.75)}
.rt .empty{padding:1.6rem 0;color:var(--faint);max-width:40rem}
.rt .say{font-size:1.02rem;border-left:3px solid var(--goal);padding:.15rem 0 .15rem .8rem;margin:.5rem 0;
 max-width:46rem}
.rt code{font-size:.85em;background:color-mix(in srgb,var(--faint) 12%,transparent);padding:.05rem .3rem;
 border-radius:3px; overflow-wrap:anywhere;color:inherit}
.rt .sheet{display:grid;gap:3px;max-width:100%;width:max-content}
.rt .sheet figure{margin:0;position:relative}.rt .sheet img{display:block;width:100%;image-rendering:pixelated}
.rt .sheet figcaption{font-size:.7rem;color:var(--faint);text-align:center;line-height:1.25;overflow:hidden;
 text-overflow:ellipsis;white-space:nowrap}
.rt .sheet figure.bad figcaption{color:var(--warn);font-weight:650}
.rt .sheet .row{align-self:center;padding-right:.5rem;color:var(--faint);font-size:.85rem}
.rt.strip{display:flex;flex-wrap:wrap;gap:3px}.rt.strip img{width:52px;image-rendering:pixelated}
.rt img.whole{max-width:100%;image-rendering:pixelated;border-radius:2px}
"""
