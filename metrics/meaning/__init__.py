"""What each number means, in plain words: the one source for docs/metrics.md and for the leaderboard.

`python -m retouch.metrics.meaning > docs/metrics.md` writes the page; a test sees to it that page and source agree.
"""

from retouch.metrics.meaning.axes import AXES
from retouch.metrics.meaning.changes import CHANGES
from retouch.metrics.meaning.entry import Meaning as Meaning
from retouch.metrics.meaning.images import IMAGES

MEANING: dict[str, Meaning] = {**AXES, **IMAGES, **CHANGES}


def page() -> str:
    """The text of docs/metrics.md."""
    head = (
        "# What the numbers mean\n\n"
        "Written by `python -m retouch.metrics.meaning`; the leaderboard shows the same "
        "texts. First what every record is summed up in, then the raw metrics. Every value but score and costs "
        "has a 95% interval.\n"
    )
    return head + "".join(_section(name, meaning) for name, meaning in MEANING.items())


def _section(name: str, meaning: Meaning) -> str:
    also = "; ".join(f"`{key}` ({title})" for key, title in meaning.also)
    return (
        f"\n## {meaning.title}\n\n`{name}`. {meaning.text}\n\n"
        + (f"- In records also: {also}.\n" if also else "")
        + f"- Better: {meaning.direction}. Range: {meaning.range}.\n- When not to trust it: {meaning.distrust}\n"
        f"- Source: {meaning.source}.\n"
    )
