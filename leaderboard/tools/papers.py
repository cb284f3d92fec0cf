"""`retouch table` and `retouch compare`: what a paper quotes, as a text."""

from pathlib import Path

import pandas as pd

from retouch.leaderboard.draw import papers
from retouch.leaderboard.look import sentences
from retouch.leaderboard.rank import board, paired


def table(folder: Path, track: str, task: str, families: list[str], form: str) -> str:
    """The table of a task, one a family, in one of `draw.papers.FORMATS`.

    Raises:
        ValueError: no record of the track, the task or a family, with those there are; no such format.
    """
    view = board.read(folder)
    _known("track", track, view.tracks())
    _known("task", task, view.tasks(track))
    for family in families:
        _known("family", family, view.families(track, task))
    rows = view.newest(track).ranked()
    rows = rows[(rows["track"] == track) & (rows["task"] == task)]
    return papers.table(rows[rows["family"].isin(families or view.families(track, task))], view.titles(), form)


def _known(what: str, name: str, names: list[str]) -> None:
    if name not in names:
        raise ValueError(f"no records of {what} {name!r}; there are {', '.join(names) or 'none at all'}")


def compare(folder: Path, track: str, a: str, b: str, form: str) -> str:
    """The paired differences a - b on a track, and below a Markdown table what they say.

    With many differences some leave out 0 by chance: `clear` is yes only for those whose interval at the level
    1 - 0.05 / (their number), Bonferroni's, leaves it out.

    Raises:
        ValueError: a submission or a point without records, or no such format.
    """
    view = board.read(folder)
    if track in view.tracks():
        view = view.newest(track)
    rows = paired.row(view.runs, a), paired.row(view.runs, b)
    tasks = view.tasks(track)
    parts = {axis: paired.pairs(view.runs, track, *rows, axis, tasks) for axis in ("goal", "quality")}
    differences = pd.concat(parts.values(), ignore_index=True)
    strict = [paired.pairs(view.runs, track, *rows, axis, tasks, level=1 - 0.05 / max(1, len(differences)))
              for axis in parts]  # fmt: skip
    low, high = (pd.concat(strict, ignore_index=True)[end] for end in ("low", "high"))
    differences["clear"] = ["yes" if one > 0 or other < 0 else "no" for one, other in zip(low, high, strict=True)]
    if form in ("csv", "json"):
        return papers.text(differences, form)
    titles = [view.records.title(name) for name, _ in rows]
    says = sentences.comparison(parts["goal"], parts["quality"], *titles)
    chance = 0.05 * len(differences)
    many = (f"{len(differences)} differences: with intervals of 95%, about {chance:.1f} would leave out 0 by chance; "
            "“clear” are those that do at Bonferroni’s level.")  # fmt: skip
    text = papers.text(_shown(differences), form, f"{titles[0]} minus {titles[1]}, track {track}")
    return f"{text}\n{says}\n{many}\n" if form == "md" else f"{text}% {says}\n% {many}\n"


def _shown(differences: pd.DataFrame) -> pd.DataFrame:
    """The differences as texts."""
    ends = zip(differences["low"], differences["high"], strict=True)
    return pd.DataFrame({
        "Instance": differences["instance"], "": differences["axis"],
        "Difference": [f"{value:+.3f}" for value in differences["value"]],
        "95% interval": ["one seed" if pd.isna(low) else f"{low:+.3f} to {high:+.3f}" for low, high in ends],
        "Seeds": differences["seeds"], "Clear": differences["clear"],
    })  # fmt: skip
