"""The board's own HTML: every text from a record or a manifest goes through `esc`, so that no name becomes markup."""

import html
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from urllib.parse import urlencode

from retouch.leaderboard.look import numbers
from retouch.leaderboard.look.numbers import number, scaled
from retouch.leaderboard.look.theme import Mark

DASH = '<span class="dim" title="missing">–</span>'
SYMBOLS = {
    "circle": "●",
    "square": "■",
    "diamond": "◆",
    "triangle-up": "▲",
    "triangle-down": "▼",
    "pentagon": "⬟",
    "hexagon": "⬢",
    "star": "★",
    "cross": "✚",
    "x": "✖",
    "x-thin-open": "×",
    "star-diamond-open": "✧",
}


def esc(text: object) -> str:
    """Text that no browser reads as markup."""
    return html.escape(str(text), quote=True)


def plain(text: object) -> str:
    """Text for places that render Markdown (labels of controls): every character that means something is escaped."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]()#+-.!|<>$:~" else c for c in " ".join(str(text).split()))


def link(page: str, text: str, *, hint: str = "", plain_look: bool = False, **query: str) -> str:
    """A link to a page of the board; `text` is escaped here."""
    look = ' class="plain"' if plain_look else ""
    address = f"{page}?{urlencode({k: v for k, v in query.items() if v})}"
    return f'<a href="{esc(address)}" target="_self"{look} title="{esc(hint)}">{esc(text)}</a>'


def symbol(mark: Mark) -> str:
    """A submission's marker, in its colour."""
    return f'<span style="color:{mark.colour}" aria-hidden="true">{SYMBOLS[mark.shape]}</span>'


def whose(names: Collection[str], marks: Mapping[str, Mark], titles: Mapping[str, str]) -> str:
    """Whose each mark is."""
    ordered = sorted(names, key=lambda name: titles[name].lower())
    spans = (f"<span>{symbol(marks[name])} {esc(titles[name])}</span>" for name in ordered)
    return f'<div class="rt"><span class="key">{"".join(spans)}</span></div>'


def _at(value: float) -> str:
    return f"{100 * min(1.0, max(0.0, value)):.1f}%"


def _bar(kind: str, value: float, low: float, high: float) -> str:
    """A mark and its interval at places in 0 to 1, drawn by the style sheet; `kind` is g(oal) or q(uality)."""
    line = ""
    if not (math.isnan(low) or math.isnan(high)):
        width = 100 * (min(1.0, max(0.0, high)) - min(1.0, max(0.0, low)))
        line = f'<i class="w {kind}" style="left:{_at(low)};width:{width:.1f}%"></i>'
    return f'{line}<i class="m {kind}" style="left:{_at(value)}"></i>'


def pair(goal: Sequence[float], quality: Sequence[float], line: float = math.nan) -> str:
    """Goal (dot) and quality (diamond) on one axis from 0 to 1, with their intervals; a line where retraining lands."""
    if math.isnan(goal[0]) and math.isnan(quality[0]):
        return ""
    says = f"goal {scaled(goal[0])}, quality {scaled(quality[0])}"
    marks = "" if math.isnan(line) else f'<i class="r" style="left:{_at(line)}"></i>'
    marks += "" if math.isnan(goal[0]) else _bar("g", *goal)
    marks += "" if math.isnan(quality[0]) else _bar("q", *quality)
    return f'<span class="ax" role="img" aria-label="{esc(says)}" title="{esc(says)}">{marks}</span>'


def single(value: Sequence[float], span: tuple[float, float], kind: str = "g") -> str:
    """One number with its interval on an axis over `span`."""
    low, high = span
    if math.isnan(value[0]) or not high > low:
        return ""
    says, marks = number(value[0], 3), _bar(kind, *[(v - low) / (high - low) for v in value])
    return f'<span class="ax one" role="img" aria-label="{says}">{marks}</span>'


def key(raw: bool = False) -> str:
    """What the marks of the table mean."""
    axes = ("each number has its own axis, over the rows shown" if raw else
            "axes from 0, the base, to 1, the request wholly met; what lies beyond stands at the end")  # fmt: skip
    line = '<span><span class="ax one"><i class="r" style="left:50%"></i></span>where retraining lands</span>' * (
        not raw
    )
    binds = "" if raw else "<span>fd, precision, recall, coverage: the part that binds quality</span>"
    costs = "cost: of the edit, in shares of pre-training; of sampling: in the base’s images"
    lines = "lines, [brackets]: 95% intervals, over seeds where there are several"
    return (
        f'<div class="rt"><span class="key"><span>{lines}</span><span>{axes}</span>{line}{binds}<span>{costs}</span>'
        "<span><b>=2</b> a shared rank: no difference that leaves out 0</span>"
        "<span>✓ verified: made, or made again, by the host</span><span>– missing</span></span></div>"
    )


def table(head: Iterable[str], rows: Iterable[Iterable[str]], *, numeric: Sequence[int] = (), caption: str = "") -> str:
    """A plain table of cells that are HTML already; `numeric` columns are right-aligned."""

    def cell(tag: str, i: int, content: str) -> str:
        return f"<{tag}{' class=n' if i in numeric else ''}>{content}</{tag[:2]}>"

    top = "".join(cell("th scope=col", i, text) for i, text in enumerate(head))
    body = "".join(
        "<tr>" + "".join(cell("td" if i else "th scope=row", i, c) for i, c in enumerate(row)) + "</tr>" for row in rows
    )
    says = f"<caption>{esc(caption)}</caption>" if caption else ""
    return scrolled(f"<table>{says}<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>")


def wrapped(text: object) -> str:
    """A text that may break into lines inside a table."""
    return f'<span class="wrap">{esc(text)}</span>'


def scrolled(text: str) -> str:
    """A table that scrolls sideways by itself where the page is narrow."""
    inner = f'<div class="rt-scroll" tabindex="0" role="region" aria-label="table, scrolls sideways">{text}</div>'
    return f'<div class="rt">{inner}</div>'


def heading(title: str, lead: str = "") -> str:
    """A page's title and what it is about, both HTML."""
    return f'<div class="rt"><h1>{title}</h1>{f"<p>{lead}</p>" if lead else ""}</div>'


def empty(text: str) -> str:
    """What stands where there is nothing to show; `text` is HTML."""
    return f'<div class="rt"><div class="empty">{text}</div></div>'


def definitions(pairs: Iterable[tuple[str, str]]) -> str:
    """Terms and what they are; the second of each pair is HTML."""
    return '<div class="rt"><dl>' + "".join(f"<dt>{esc(k)}</dt><dd>{v}</dd>" for k, v in pairs) + "</dl></div>"


def explain(names: Iterable[str]) -> str:
    """What each of these numbers means and when not to trust it."""
    parts = []
    for name in names:
        entry = numbers.entry(name)
        better = {"up": "higher is better", "down": "lower is better"}.get(entry.direction, "")
        facts = "; ".join(filter(None, (better, entry.range, entry.source)))
        head = f"<h3>{esc(entry.title)} <code>{esc(name)}</code></h3>"
        parts.append(f'{head}<p>{esc(entry.meaning)} {esc(entry.distrust)} <span class="dim">{esc(facts)}</span></p>')
    return f'<div class="rt">{"".join(parts)}</div>'


def command(keys: dict[str, object]) -> str:
    """The exact command that makes a record again."""
    return (f"retouch run {keys['submission']} --track {keys['track']} --instance {keys['instance']} "
            f"--point {keys['point']} --seed {keys['seed']}")  # fmt: skip


def check_command(keys: dict[str, object]) -> str:
    """The command that runs an instance's cells again and compares; it writes no record."""
    return f"retouch verify {keys['submission']} --track {keys['track']} --instance {keys['instance']}"
