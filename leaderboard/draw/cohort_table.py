"""A task and family as an HTML table: a row a submission, which unfolds into its operating points; controls last.

`look/board.js` unfolds and sorts: each submission is a table body of its own; a column sorts by its cells' `data-v`.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from retouch.leaderboard.draw.thumbnails import thumbnails
from retouch.leaderboard.look import numbers, words
from retouch.leaderboard.look.markup import DASH, esc, lacking, link, pair, scrolled, single, symbol
from retouch.leaderboard.look.numbers import number, percent, rank, scaled, short
from retouch.leaderboard.look.theme import Mark
from retouch.leaderboard.read import frame
from retouch.leaderboard.read.load import Records

Row = Mapping[str, Any]
CHECK = '<span class="dim" title="run again by somebody else, within tolerance">✓ verified</span>'
DISPUTE = '<span class="chip bad" title="a second run came out differently; its page has both">disputed</span>'
IMAGES = '<span class="chip" title="its images alone were scored; nobody here ran the edit">samples only</span>'
SIGNS = {"verified": CHECK, "disputed": DISPUTE, "samples_only": IMAGES}


def table(rows: pd.DataFrame, records: Records, marks: Mapping[str, Mark], raw: Sequence[str] = (), *,
          more: Sequence[str] = (), loud: Sequence[str] = (), unfold: bool = False,
          pictures: bool = True) -> str:  # fmt: skip
    """The table of `rank.tables.cohort` rows with ties.

    Args:
        raw: raw numbers to show in the place of goal and quality; columns `NAME`, `NAME.low`, `NAME.high` of the rows.
        more: numbers in columns of their own, after those that every table has.
        loud: submissions to set off from the others; unfold: show all operating points at once.
        pictures: with a latent before and after, where a run has left one.
    """
    if rows.empty:
        return ""
    task, family = str(rows["task"].iloc[0]), str(rows["family"].iloc[0])
    spans = {name: _span(rows, name) for name in raw}
    retrained = _retrained(rows)
    images = thumbnails(records, rows) if pictures else {}
    bodies = []
    for name, part in rows.groupby("submission", observed=True, sort=False):
        lines = [_line(row, records, marks[str(name)], spans, retrained, len(part), images, more)
                 for row in part.to_dict("records")]  # fmt: skip
        look = "rt-control" if part["control"].iloc[0] else "rt-loud" if name in loud else ""
        bodies.append(f'<tbody class="{look}{" open" * unfold}">{"".join(lines)}</tbody>')
    caption = f"<caption>{esc(words.task_title(task))}, {esc(words.family_title(family))}</caption>"
    return scrolled(f'<table class="cohort">{caption}{_head(raw, more, task)}{"".join(bodies)}</table>')


def _retrained(rows: pd.DataFrame) -> float:
    """The goal that training from scratch reaches; NaN where nobody ran it."""
    goal = rows.loc[rows["submission"] == "retrained", "goal"]
    return float(goal.iloc[0]) if len(goal) else math.nan


def _span(rows: pd.DataFrame, name: str) -> tuple[float, float]:
    """A raw number's range over the rows, so that their pictures share an axis."""
    values = rows[frame.with_ends(name)].to_numpy(float)
    values = values[~pd.isna(values)]
    return (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)


def _head(raw: Sequence[str], more: Sequence[str], task: str) -> str:
    """The header line; a button in each cell sorts by its column."""
    if raw:
        columns = [(short(name), numbers.entry(name).meaning) for name in raw]
    else:
        columns = [("goal", f"{numbers.entry('goal').meaning} {words.goal_scale(task)}"),
                   ("quality", numbers.entry("quality").meaning)]  # fmt: skip
    columns += [("cost", numbers.entry("share").meaning),
                ("sampling", numbers.entry("sampling_relative").meaning)]  # fmt: skip
    columns += [(short(name), numbers.entry(name).meaning) for name in more]
    ranks = _sort("rank", "Among submissions of this family that ran everything, each by its best point; by the score.")
    pictures = "" if raw else '<th scope="col"><span class="hide">goal and quality drawn</span></th>'
    cells = "".join(f'<th scope="col" class="n">{_sort(title, meaning)}</th>' for title, meaning in columns)
    needs = '<th scope="col" class="needs">needs</th>'
    names = f'<th scope="col">{_sort("method", "")}</th><th scope="col">before, after</th>'
    return f'<thead><tr>{names}<th scope="col" class="n">{ranks}</th>{pictures}{cells}{needs}</tr></thead>'


def _sort(title: str, meaning: str) -> str:
    return f'<button type="button" class="sort" title="{esc(meaning)}">{esc(title)}</button>'


def _line(row: Row, records: Records, mark: Mark, spans: Mapping[str, tuple[float, float]], retrained: float,
          points: int, images: Mapping[tuple[str, str], str], more: Sequence[str]) -> str:  # fmt: skip
    """A row: a submission's best point, or another of its points, folded away."""
    query = {"track": row["track"], "task": row["task"], "family": row["family"], "method": str(row["submission"])}
    values = [_number(row, name, spans[name], query) for name in spans] if spans else [_scaled(row, retrained, query)]
    place = "" if row["control"] or not row["lead"] else rank(row["place"], int(row["place_ties"]))
    first = " first" if row["lead"] and row["place"] == 1 else ""
    share, sampling = float(row["share"]), float(row["sampling_relative"])
    look = "" if row["lead"] else ' class="rt-point"'
    return (
        f"<tr{look}>{_name(row, records, mark, points)}"
        f"<td>{images.get((str(row['submission']), str(row['point'])), '')}</td>"
        f'<td class="rank{first}" data-v="{_key(row["place"])}">{place}</td>{"".join(values)}'
        f'<td class="n" data-v="{_key(share)}">{percent(share)}</td>'
        f'<td class="n" data-v="{_key(sampling)}">{number(sampling)}{"" if math.isnan(sampling) else "×"}</td>'
        f"{''.join(_plain(float(row.get(name, math.nan))) for name in more)}"
        f'<td class="needs dim">{_needs(row, records)}</td></tr>'
    )


def _plain(value: float) -> str:
    """A number without its interval."""
    return f'<td class="n" data-v="{_key(value)}">{number(value, 3)}</td>'


def _needs(row: Row, records: Records) -> str:
    """What the method must be given; once a submission."""
    name = str(row["submission"])
    if not row["lead"] or name not in records.manifests:
        return ""
    return esc(", ".join(need.replace("_", " ") for need in records.access(name)) or "nothing but samples")


def _key(value: float) -> str:
    """A number to sort by; missing ones go last."""
    return "" if pd.isna(value) else f"{value:.9g}"


def _name(row: Row, records: Records, mark: Mark, points: int) -> str:
    """The first cell: mark, title, operating point, and the button that unfolds the other points."""
    name, point = str(row["submission"]), str(row["point"])
    manifest = records.manifests.get(name)
    query = {"name": name, "point": point, "track": row["track"], "task": row["task"], "family": row["family"]}
    text = link("method", records.title(name), hint=manifest.summary if manifest else "", **query)
    signs = (
        (CHECK if row["verified"] else "")
        + (DISPUTE if row["disputed"] else "")
        + (IMAGES if row["samples_only"] else "")
    )
    if not row["lead"]:
        return f'<th scope="row" class="sub">{link("method", point, **query)} {signs}</th>'
    fold = (f'<button type="button" class="fold" aria-expanded="false" title="its other operating points">'
            f"{points} points</button>" if points > 1 else "")  # fmt: skip
    more = f' <span class="dim">{esc(point)}</span>' if points > 1 else ""
    return (
        f'<th scope="row" data-v="{esc(records.title(name).lower())}">{symbol(mark)} {text}{more} {fold} {signs}</th>'
    )


def _three(row: Row, name: str) -> tuple[float, float, float]:
    value, low, high = (float(row.get(column, math.nan)) for column in frame.with_ends(name))
    return value, low, high


def _scaled(row: Row, retrained: float, query: dict[str, str]) -> str:
    """Picture, goal and quality."""
    goal, quality, problems = _three(row, "goal"), _three(row, "quality"), str(row["problems"])
    hint = f"{row['runs']:.0f} of {row['expected']:.0f} runs" + (f": {problems}" if problems else "")
    if math.isnan(goal[0]):
        text = link("task", problems or "no runs", hint=f"{hint}; open the records", plain_look=True, **query)
        return f'<td colspan="3" class="dim" data-v="">{text}</td>'
    cells = [link("task", scaled(value[0]), hint=f"{hint}; open the records", plain_look=True, **query)
             for value in (goal, quality)]  # fmt: skip
    return (f'<td>{pair(goal, quality, retrained)}</td><td class="n" data-v="{_key(goal[0])}">{cells[0]}'
            f'{lacking(problems)}</td><td class="n" data-v="{_key(quality[0])}">{cells[1]}</td>')  # fmt: skip


def _number(row: Row, name: str, span: tuple[float, float], query: dict[str, str]) -> str:
    """A raw number with its picture."""
    value = _three(row, name)
    if math.isnan(value[0]):
        return f'<td class="n" data-v="">{DASH}</td>'
    interval = f"95% interval {number(value[1], 3)} to {number(value[2], 3)}"
    text = link("task", number(value[0], 3), hint=f"{interval}; open the records", plain_look=True, **query)
    return (f'<td class="n" data-v="{_key(value[0])}"><span class="both">{single(value, span)} '
            f"{text}{lacking(str(row['problems']))}</span></td>")  # fmt: skip
