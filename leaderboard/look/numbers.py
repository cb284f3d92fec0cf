"""Numbers as text: how each is written, what it is called, which direction is better, what it means."""

import math
from dataclasses import dataclass

from retouch import metrics

FIELDS = {  # columns that are no raw metrics -> how `metrics.MEANING` calls them
    "goal": "goal",
    "quality": "quality",
    "score": "score",
    "share": "cost.share",
    "sampling_relative": "cost.sampling_relative",
    "sampling_cost": "cost.sampling_cost",
}
COUNTS = {  # columns that need no more than a title, a sentence and a direction
    "goal_after": (
        "Goal after attack",
        "The goal that is left after the edited weights were trained for 4 steps on the images that were to be "
        "forgotten. Made for default points with the first seed; compare with retraining, which is attacked as well.",
        "up",
    ),
    "seconds": ("Seconds", "Wall-clock seconds inside the edit.", "down"),
    "peak_memory_mb": ("Memory", "Peak memory of the edit, in MB.", "down"),
    "gradient_steps": ("Steps", "Gradient steps that the edit took.", "down"),
}
ALIASES = {name: (key, title) for key, entry in metrics.MEANING.items() for name, title in entry.also}
UP = {"quantile_drop_forget", "quantile_drop_unseen", "others_quantile"}
DOWN = {
    "unseen_quantile",
    "quantile_drop_train",
    "quantile_drop_others",
    "quantile_drop_lookalikes",
    "relearned",
    "relearned_early",
}


@dataclass(frozen=True)
class Entry:
    """What a number means, where it stands."""

    title: str
    meaning: str
    direction: str  # "up", "down" or "" where neither is better
    range: str = ""
    distrust: str = ""
    source: str = ""


def entry(name: str) -> Entry:
    """The text for a column or a raw metric; a metric without one is shown by its name."""
    if name in COUNTS:
        return Entry(*COUNTS[name])
    key, own = ALIASES.get(name, (FIELDS.get(name, name), ""))
    known = metrics.MEANING.get(key)
    if known is None:
        return Entry(name.replace("_", " ").capitalize(), "A raw number that the record carries.", "")
    first = "up" if name in UP else "down" if name in DOWN else known.direction.split()[0]
    direction = first if first in ("up", "down") else ""
    return Entry(own or known.title, known.text, direction, known.range, known.distrust, known.source)


def arrow(name: str) -> str:
    """↑ or ↓ for the better direction, empty where neither is better."""
    return {"up": "↑", "down": "↓"}.get(entry(name).direction, "")


def title(name: str) -> str:
    """A column's title with its direction."""
    return f"{entry(name).title} {arrow(name)}".strip()


def short(name: str) -> str:
    """A metric's title without the brackets, and its direction."""
    return f"{entry(name).title.split(' (')[0]}\u00a0{arrow(name)}".strip()


def number(value: float | None, digits: int = 2) -> str:
    """A number as a table shows it: a dash for missing, three figures where it is large or tiny."""
    if value is None or math.isnan(value):
        return "–"
    if 1000 <= abs(value) < 1e6:
        return f"{value:,.0f}"
    if value and (abs(value) >= 1e6 or abs(value) < 10**-digits / 2):
        return f"{value:.3g}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")
    return f"{value:.{digits}f}" if abs(value) < 100 else f"{value:.0f}"


def scaled(value: float | None) -> str:
    """Goal or quality, which are 1 at their best: two decimals, a dash for missing."""
    return "–" if value is None or math.isnan(value) else f"{value:.2f}"


def percent(value: float | None) -> str:
    """A share as a percentage with two figures."""
    if value is None or math.isnan(value):
        return "–"
    return f"{100 * value:.2g}%" if 0 < abs(value) < 0.995 else f"{100 * value:.0f}%"


def times(value: float | None) -> str:
    """A multiple of the base's cost or speed."""
    return number(value) if value is None or math.isnan(value) else f"{number(value)}×"


def rank(value: float | None, ties: int = 1) -> str:
    """A rank; one that several share is marked by an equals sign."""
    return "–" if value is None or math.isnan(value) else f"={value:.0f}" if ties > 1 else f"{value:.0f}"
