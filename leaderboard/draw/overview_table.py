"""The overview as HTML: a table like a paper's, four tasks as column groups, a section for each family."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from retouch.leaderboard.look import numbers, words
from retouch.leaderboard.look.markup import DASH, esc, lacking, link, pair, scrolled, single, symbol
from retouch.leaderboard.look.numbers import number, percent, rank, scaled, short
from retouch.leaderboard.look.theme import Mark
from retouch.leaderboard.read import frame
from retouch.leaderboard.read.load import Records

Cells = Mapping[tuple[str, str], Any]  # one row of the overview: (task, number) -> value


def _three(row: Cells, task: str, name: str) -> tuple[float, float, float]:
    value, low, high = (float(row.get((task, f"{name}{end}"), math.nan)) for end in frame.ENDS)
    return value, low, high


def _group(row: Cells, task: str, query: dict[str, str]) -> str:
    """The cells of one task: rank, picture, goal, quality."""
    if (task, "goal") not in row or pd.isna(row[(task, "runs")]):
        return f'<td class="lead none" colspan="4">{DASH}</td>'
    goal, quality = _three(row, task, "goal"), _three(row, task, "quality")
    problems, runs, expected = str(row[(task, "problems")]), row[(task, "runs")], row[(task, "expected")]
    place = row[(task, "rank")]
    ties = 1 if pd.isna(row[(task, "ties")]) else int(row[(task, "ties")])
    first = " first" if place == 1 else ""
    position = "" if row[("", "control")] else rank(place, ties)
    hint = f"{runs:.0f} of {expected:.0f} runs" + (f": {problems}" if problems else "") + "; open the records"
    if math.isnan(goal[0]):
        says = link("task", problems or "no runs", hint=hint, task=task, plain_look=True, **query)
        return f'<td class="lead"></td><td colspan="3" class="dim">{says}</td>'
    value = link("task", scaled(goal[0]), hint=hint, task=task, plain_look=True, **query)
    other = link("task", scaled(quality[0]), hint=hint, task=task, plain_look=True, **query)
    return (f'<td class="lead rank{first}">{position}</td><td>{pair(goal, quality)}</td>'
            f'<td class="n">{value}{lacking(problems)}</td><td class="n">{other}</td>')  # fmt: skip


def _raw(row: Cells, task: str, names: Sequence[str], spans: Mapping[tuple[str, str], tuple[float, float]],
         query: dict[str, str]) -> str:  # fmt: skip
    cells = []
    for i, name in enumerate(names):
        value = _three(row, task, name)
        lead = "lead " if i == 0 else ""
        if math.isnan(value[0]):
            cells.append(f'<td class="{lead}"></td><td class="n">{DASH}</td>')
            continue
        interval = f"95% interval {number(value[1], 3)} to {number(value[2], 3)}"
        hint = f"{numbers.entry(name).title}, {interval}; open the records"
        text = link("task", number(value[0], 3), hint=hint, task=task, plain_look=True, **query)
        picture = single(value, spans[(task, name)], "gq"[i % 2])
        mark = lacking(str(row[(task, "problems")]))
        cells.append(f'<td class="{lead}">{picture}</td><td class="n">{text}{mark}</td>')
    return "".join(cells)


def _name(
    key: tuple[str, str, str], row: Cells, records: Records, marks: Mapping[str, Mark], track: str, single_point: bool
) -> str:
    _, name, point = key
    manifest = records.manifests.get(name)
    hint = manifest.summary if manifest else ""
    text = link("method", records.title(name), hint=hint, name=name, point=point, track=track)
    more = "" if single_point else f' <span class="dim">{esc(point)}</span>'
    check = ' <span class="dim" title="run again by somebody else, within tolerance">✓</span>'
    images = ' <span class="chip" title="its images alone were scored; nobody here ran the edit">samples only</span>'
    signs = (check if row[("", "verified")] else "") + (images if row[("", "samples_only")] else "")
    return f"<th>{symbol(marks[name])} {text}{more}{signs}</th>"


def head(tasks: Sequence[str], raw: Mapping[str, Sequence[str]] | None) -> str:
    """The two header lines: tasks, then their columns."""
    width = {task: 2 * len(raw[task]) if raw else 4 for task in tasks}
    groups = "".join(
        f'<th colspan="{width[task]}" class="lead"><span>{esc(words.task_title(task))}</span></th>' for task in tasks
    )
    top = f'<tr class="rt-groups"><th></th>{groups}<th></th></tr>'
    second = "<th>method · operating point</th>"
    for task in tasks:
        if raw:
            second += "".join(
                f'<th class="{"lead " if i == 0 else ""}n" colspan="2" title="{esc(numbers.entry(n).meaning)}">'
                f"{esc(short(n))}</th>"
                for i, n in enumerate(raw[task])
            )
        else:
            tips = [esc(numbers.entry(n).meaning) for n in ("goal", "quality")]
            second += (
                '<th class="lead n" title="among rows of the family that ran everything; by the '
                'score">rank</th><th></th>'
                f'<th class="n" title="{tips[0]} {esc(words.goal_scale(task))}">goal</th>'
                f'<th class="n" title="{tips[1]}">quality</th>'
            )
    return f'<thead>{top}<tr>{second}<th class="n" title="{esc(numbers.entry("share").meaning)}">cost</th></tr></thead>'


def table(
    shown: pd.DataFrame,
    tasks: Sequence[str],
    records: Records,
    marks: Mapping[str, Mark],
    track: str,
    raw: Mapping[str, Sequence[str]] | None = None,
    *,
    loud: Sequence[str] = (),
    links: bool = True,
) -> str:
    """The overview's table; `shown` comes from `tables.overview`, already cut to the page that is shown.

    Args:
        raw: the raw numbers to show for each task, instead of goal and quality.
        loud: submissions to mark; links: whether there are other pages to lead to.
    """
    points = shown.reset_index().groupby(("submission", ""), observed=True)[[("point", "")]].nunique().iloc[:, 0]
    spans = _spans(shown, raw) if raw else {}
    body, last, width = [], None, 2 + sum(2 * len(raw[t]) if raw else 4 for t in tasks)
    for key, row in zip(shown.index, shown.to_dict("records"), strict=True):  # a dict is read faster than a Series
        if key[0] != last:
            last = key[0]
            body.append(f'<tr class="rt-section"><th colspan="{width}">{esc(words.family_title(last))}</th></tr>')
        query = {"track": track, "method": key[1], "family": key[0]}
        cells = "".join(_raw(row, t, raw[t], spans, query) if raw else _group(row, t, query) for t in tasks)
        look = ' class="rt-control"' if row[("", "control")] else ' class="rt-loud"' if key[1] in loud else ""
        name = _name(key, row, records, marks, track, points[key[1]] == 1)
        body.append(f'<tr{look}>{name}{cells}<td class="n">{percent(float(row[("", "share")]))}</td></tr>')
    narrow = "" if len(tasks) > 2 else ' class="narrow"'
    text = "".join(body) if links else re.sub(r"</?a(?: [^>]*)?>", "", "".join(body))
    return scrolled(f'<table id="overview"{narrow}>{head(tasks, raw)}<tbody>{text}</tbody></table>')


def _spans(shown: pd.DataFrame, raw: Mapping[str, Sequence[str]]) -> dict[tuple[str, str], tuple[float, float]]:
    """Each raw number's range over the rows shown, so that its pictures share an axis."""
    spans = {}
    for task, names in raw.items():
        for name in names:
            ends = [(task, column) for column in frame.with_ends(name) if (task, column) in shown]
            values = shown[ends].to_numpy(float)
            values = values[~pd.isna(values)]
            spans[(task, name)] = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    return spans
