"""A task and family as an HTML table: a row a submission, which unfolds into its operating points.

What is ranked comes first, then, each below a line that says why it is not, claims, disputed and incomplete rows, and
controls. `look/board.js` unfolds and sorts: each submission is a table body of its own; a column sorts by its cells'
`data-v`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import pandas as pd

from retouch.leaderboard.draw.thumbnails import thumbnails
from retouch.leaderboard.look import numbers, words
from retouch.leaderboard.look.markup import DASH, esc, link, pair, scrolled, single, symbol
from retouch.leaderboard.look.numbers import number, percent, rank, scaled, short, times
from retouch.leaderboard.look.theme import Mark
from retouch.leaderboard.read import frame
from retouch.leaderboard.read.load import Records

Row = Mapping[str, Any]
Cell = Callable[[Row], str]
CHECK = '<span class="dim">✓ verified</span>'
IMAGES = '<span class="chip">samples only</span>'
GOAL_AND_QUALITY = '<span class="g">●</span> goal <span class="q">◆</span> quality'


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
    columns = _columns(rows, records, raw, more)
    images = thumbnails(records, rows) if pictures else {}
    bodies, standing = [], "ranked"
    for name, group in groupby(rows.to_dict("records"), key=itemgetter("submission")):
        part = list(group)
        if part[0]["standing"] != standing:
            standing = str(part[0]["standing"])
            bodies.append(f'<tbody class="rt-why"><tr><th colspan="{len(columns) + 3}" scope="rowgroup">'
                          f"{words.standing(standing)}</th></tr></tbody>")  # fmt: skip
        lines = [_line(row, records, marks[str(name)], standing, len(part), images, list(columns.values()))
                 for row in part]  # fmt: skip
        look = "rt-control" if standing == "control" else "rt-loud" if name in loud else ""
        bodies.append(f'<tbody class="{look}{" open" * unfold}">{"".join(lines)}</tbody>')
    caption = f"<caption>{esc(words.task_title(task))}, {esc(words.family_title(family))}</caption>"
    return scrolled(f'<table class="cohort">{caption}{_head(columns)}{"".join(bodies)}</table>')


def _columns(rows: pd.DataFrame, records: Records, raw: Sequence[str], more: Sequence[str]) -> dict[str, Cell]:
    """Each column after the rank: its head as HTML, and what makes its cells."""
    task = str(rows["task"].iloc[0])
    sampling = "sampling_cost" if rows["sampling_cost"].notna().any() else "sampling_relative"
    columns: dict[str, Cell] = {}
    if raw:
        columns |= {_sort(short(n), numbers.entry(n).meaning): _raw(n, _span(rows, n)) for n in raw}
    else:
        retrained = _retrained(rows)
        meaning = f"{numbers.entry('goal').meaning} {words.goal_scale(task)}"
        columns |= {GOAL_AND_QUALITY: lambda row: _drawn(row, retrained),
                    _sort("goal", meaning): lambda row: _scaled(row, "goal"),
                    _sort("quality", numbers.entry("quality").meaning): _quality}  # fmt: skip
        if rows[frame.AFTER].notna().any():
            columns[_sort("after attack", numbers.entry(frame.AFTER).meaning)] = lambda row: _scaled(row, frame.AFTER)
    columns[_sort("cost", numbers.entry("share").meaning)] = lambda row: _number(row["share"], percent)
    title = "sampling" if sampling == "sampling_cost" else "sampling speed"
    columns[_sort(title, numbers.entry(sampling).meaning)] = lambda row: _number(row[sampling], times)
    columns |= {_sort(short(n), numbers.entry(n).meaning): _plain(n) for n in more}
    columns["needs"] = lambda row: f'<td class="wide dim">{_needs(row, records)}</td>'
    columns["made"] = lambda row: f'<td class="day dim">{esc(str(row["time"])[:10])}</td>'
    return columns


def _retrained(rows: pd.DataFrame) -> float:
    """The goal that training from scratch reaches; NaN where nobody ran it."""
    goal = rows.loc[rows["submission"] == "retrained", "goal"]
    return float(goal.iloc[0]) if len(goal) else math.nan


def _span(rows: pd.DataFrame, name: str) -> tuple[float, float]:
    """A raw number's range over the rows, so that their pictures share an axis."""
    values = rows[frame.with_ends(name)].to_numpy(float)
    values = values[~pd.isna(values)]
    return (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)


def _head(columns: Mapping[str, Cell]) -> str:
    """The header line; a button in a cell sorts by its column."""
    ranks = _sort("rank", "Among verified submissions of this family that ran everything, each by its best point.")
    first = f'<th scope="col">{_sort("method", "")}</th><th scope="col">before, after</th>'
    looks = {GOAL_AND_QUALITY: "", "needs": "wide", "made": "day"}
    cells = "".join(f'<th scope="col" class="{looks.get(text, "n")}">{text}</th>' for text in columns)
    return f'<thead><tr>{first}<th scope="col" class="n">{ranks}</th>{cells}</tr></thead>'


def _sort(title: str, meaning: str) -> str:
    return f'<button type="button" class="sort" title="{esc(meaning)}">{esc(title)}</button>'


def _line(row: Row, records: Records, mark: Mark, standing: str, points: int,
          images: Mapping[tuple[str, str], str], cells: Sequence[Cell]) -> str:  # fmt: skip
    """A row: a submission's best point, or another of its points, folded away."""
    place = rank(row["place"], int(row["place_ties"])) if row["lead"] and standing == "ranked" else ""
    first = " first" if row["lead"] and row["place"] == 1 else ""
    look = "" if row["lead"] else ' class="rt-point"'
    return (
        f"<tr{look}>{_name(row, records, mark, standing, points)}"
        f"<td>{images.get((str(row['submission']), str(row['point'])), '')}</td>"
        f'<td class="rank{first}" data-v="{_key(row["place"])}">{place}</td>{"".join(cell(row) for cell in cells)}</tr>'
    )


def _name(row: Row, records: Records, mark: Mark, standing: str, points: int) -> str:
    """The first cell: mark, title, operating point, the button that unfolds the other points, what is lacking."""
    name, point = str(row["submission"]), str(row["point"])
    manifest = records.manifests.get(name)
    query = {"name": name, "point": point, "track": row["track"], "task": row["task"], "family": row["family"]}
    signs = CHECK if row["verified"] else ""
    if row["standing"] != standing:
        signs = f'<span class="chip">{esc(row["standing"])}</span>'
    signs += IMAGES if row["samples_only"] else ""
    if row["problems"] and not math.isnan(row["goal"]):
        signs += f'<br><span class="dim">{row["runs"]} of {row["expected"]} runs; {esc(row["problems"])}</span>'
    if not row["lead"]:
        return f'<th scope="row" class="sub">{link("method", point, **query)} {signs}</th>'
    text = link("method", records.title(name), hint=manifest.summary if manifest else "", **query)
    fold = f'<button type="button" class="fold" aria-expanded="false">{points} points</button>' if points > 1 else ""
    more = f' <span class="dim">{esc(point)}</span>' if points > 1 else ""
    return (
        f'<th scope="row" data-v="{esc(records.title(name).lower())}">{symbol(mark)} {text}{more} {fold} {signs}</th>'
    )


def _key(value: float) -> str:
    """A number to sort by; missing ones go last."""
    return "" if pd.isna(value) else f"{value:.9g}"


def _three(row: Row, name: str) -> tuple[float, float, float]:
    value, low, high = (float(row.get(column, math.nan)) for column in frame.with_ends(name))
    return value, low, high


def _drawn(row: Row, retrained: float) -> str:
    """Goal and quality on one axis; what became of the runs where there is no goal."""
    if math.isnan(row["goal"]):
        return f'<td class="dim">{_records(row, str(row["problems"]) or "no runs")}</td>'
    return f"<td>{pair(_three(row, 'goal'), _three(row, 'quality'), retrained)}</td>"


def _records(row: Row, text: str) -> str:
    """A text as a link to the runs that it rests on."""
    return link("task", text, plain_look=True, track=row["track"], task=row["task"], family=row["family"],
                method=str(row["submission"]))  # fmt: skip


def _scaled(row: Row, name: str, beside: str = "") -> str:
    """A number that is 1 at its best, its interval below."""
    value, low, high = _three(row, name)
    ends = "" if math.isnan(low) else f"[{scaled(low)}, {scaled(high)}]"
    below = f'<br><span class="ci">{esc(" ".join(filter(None, (ends, beside))))}</span>' if ends or beside else ""
    text = DASH if math.isnan(value) else _records(row, scaled(value))
    return f'<td class="n" data-v="{_key(value)}">{text}{below}</td>'


def _quality(row: Row) -> str:
    """Quality with the part that binds."""
    return _scaled(row, "quality", str(row["binds"]))


def _number(value: float, write: Callable[[float], str]) -> str:
    return f'<td class="n" data-v="{_key(value)}">{write(value)}</td>'


def _plain(name: str) -> Cell:
    """Cells of a number without its interval."""
    return lambda row: _number(float(row.get(name, math.nan)), lambda value: number(value, 3))


def _raw(name: str, span: tuple[float, float]) -> Cell:
    """Cells of a raw number with its picture and its interval."""

    def cell(row: Row) -> str:
        value, low, high = _three(row, name)
        if math.isnan(value):
            return f'<td class="n" data-v="">{DASH}</td>'
        ends = "" if math.isnan(low) else f'<br><span class="ci">[{number(low, 3)}, {number(high, 3)}]</span>'
        return (f'<td class="n" data-v="{_key(value)}"><span class="both">{single((value, low, high), span)} '
                f"<span>{_records(row, number(value, 3))}{ends}</span></span></td>")  # fmt: skip

    return cell


def _needs(row: Row, records: Records) -> str:
    """What the method must be given; once a submission."""
    name = str(row["submission"])
    if not row["lead"] or name not in records.manifests:
        return ""
    return esc(", ".join(need.replace("_", " ") for need in records.access(name)) or "nothing but samples")
