"""The overview of a task: for each family a sentence that says who leads, and the table."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial

import pandas as pd

from retouch.leaderboard.draw import cohort_table
from retouch.leaderboard.look import sentences, words
from retouch.leaderboard.look.markup import esc, link, symbol, table
from retouch.leaderboard.look.numbers import rank as number_rank
from retouch.leaderboard.look.theme import Mark
from retouch.leaderboard.rank import across as order
from retouch.leaderboard.rank import paired, tables
from retouch.leaderboard.rank.board import View
from retouch.leaderboard.read import frame

RETRAINED = ("retrained", "default")  # the control's row


def sections(view: View, rows: pd.DataFrame, task: str, families: Sequence[str], marks: Mapping[str, Mark],
             raw: Sequence[str] = (), more: Sequence[str] = ()) -> str:  # fmt: skip
    """A task's tables as HTML, one a family.

    Args:
        rows: the scores that filters have left in; ranks and sentences are of all rows, filters change neither.
        raw: raw numbers in the place of goal and quality; more: further columns, raw numbers or costs.
    """
    parts, look = [], frozenset(marks.items())
    for family in families:
        index = rows.index[(rows["task"] == task) & (rows["family"] == family)]
        draw = partial(_section, view, index, task, family, marks, raw, more)
        if len(index):
            parts.append(view.memo(("section", task, family, tuple(index), tuple(raw), tuple(more), look), draw))
    return "".join(parts)


def _section(view: View, index: pd.Index, task: str, family: str, marks: Mapping[str, Mark], raw: Sequence[str],
             more: Sequence[str]) -> str:  # fmt: skip
    """The sentence and the table of a family; index: of the rows that filters have left in."""
    every = view.ranked()
    shown = tables.with_numbers(every.loc[index], view.runs, [*raw, *more])
    whole = tables.cohort(every[every["track"] == shown["track"].iloc[0]], task, family)
    return (
        f'<section class="rt"><h2 id="{esc(family)}">{esc(words.family_title(family))}</h2>'
        f'<p class="say">{esc(sentences.leader(whole, view.titles()) + _beside(view, whole))}</p></section>'
        + cohort_table.table(tables.cohort(shown, task, family), view.records, marks, raw, more=more)
        + f'<p class="rt dim">{esc(resolution(whole))}</p>'
    )


def across(view: View, track: str, family: str, marks: Mapping[str, Mark]) -> str:
    """The order of a family across all its tasks, with the place on each; a sentence where nobody has one."""
    rows = order.across(view, track, family)
    tasks = list(rows.columns[3:])
    head = f'<div class="rt"><h2 id="{esc(family)}">{esc(words.family_title(family))}</h2></div>'
    if rows.empty:
        return head + f'<p class="rt dim">{esc(words.NOBODY)}</p>'
    titles, lines = view.titles(), []
    for row in rows.to_dict("records"):
        name = str(row["submission"])
        places = [number_rank(row[task], int((rows[task] == row[task]).sum())) for task in tasks]
        lines.append([f"{symbol(marks[name])} {link('method', titles[name], name=name, track=track, family=family)}",
                      number_rank(row["order"], int((rows["order"] == row["order"]).sum())), f"{row['points']:.2f}",
                      *places])  # fmt: skip
    heads = [link("overview", words.task_title(task), track=track, task=task, family=family) for task in tasks]
    caption = f"{words.family_title(family)}, all tasks"
    columns = ("method", "order", "points", *heads)
    return head + table(columns, lines, numeric=range(1, 3 + len(tasks)), caption=caption)


def resolution(rows: pd.DataFrame) -> str:
    """What the table of a cohort can tell apart; `rows`: all of its rows."""
    goal, quality = (float(rows[f"resolves.{axis}"].iloc[0]) if len(rows) else float("nan") for axis in frame.SCALED)
    return sentences.resolution(goal, quality)


def _beside(view: View, rows: pd.DataFrame) -> str:
    """Whether the leading row goes beyond retraining, in a sentence."""
    best = rows[rows["lead"] & rows["standing"].isin(("ranked", "claimed"))].head(1)
    if best.empty:
        return ""
    (row,) = best.to_dict("records")
    runs = view.runs[(view.runs["task"] == row["task"]) & (view.runs["family"] == row["family"])]
    runs = runs[runs["submission"].isin((row["submission"], RETRAINED[0]))]
    pairs = paired.pairs(runs, row["track"], (row["submission"], row["point"]), RETRAINED, "goal", [row["task"]])
    return sentences.beside_retraining(pairs, view.titles()[row["submission"]])


def selection(view: View, rows: pd.DataFrame, marks: Mapping[str, Mark], *, loud: Collection[str] = (),
              unfold: bool = True, pictures: bool = True) -> str:  # fmt: skip
    """Some rows of the board, task by task and family by family, with the ranks that they have among all."""
    shown = view.ranked().loc[rows.index]
    parts = []
    for track in view.tracks():
        for task in view.tasks(track):
            for family in view.families(track, task):
                cohort = tables.cohort(shown[shown["track"] == track], task, family)
                if len(cohort):
                    title = f"{words.task_title(task)}, {words.family_title(family)}"
                    parts.append(f'<div class="rt"><h3>{esc(title)}</h3></div>')
                    parts.append(
                        cohort_table.table(
                            cohort, view.records, marks, loud=list(loud), unfold=unfold, pictures=pictures
                        )
                    )
    return "".join(parts)
