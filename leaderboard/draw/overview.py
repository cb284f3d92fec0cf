"""The overview of a task: for each family a sentence that says who leads, and the table."""

from collections.abc import Collection, Mapping, Sequence

import pandas as pd

from retouch.leaderboard.draw import cohort_table
from retouch.leaderboard.look import sentences, words
from retouch.leaderboard.look.markup import esc
from retouch.leaderboard.look.theme import Mark
from retouch.leaderboard.rank import paired, scores, tables
from retouch.leaderboard.rank.board import View

RETRAINED = ("retrained", "default")  # the control's row


def sections(view: View, rows: pd.DataFrame, task: str, families: Sequence[str], marks: Mapping[str, Mark],
             raw: Sequence[str] = (), more: Sequence[str] = ()) -> str:  # fmt: skip
    """A task's tables as HTML, one a family.

    Args:
        rows: the scores that filters have left in; ranks and sentences are of all rows, filters change neither.
        raw: raw numbers in the place of goal and quality; more: further columns, raw numbers or costs.
    """
    every, shown = tables.add_ties(view.scores), tables.add_ties(view.scores).loc[rows.index]
    lacking = [name for name in (*raw, *more) if name not in shown]
    if lacking:
        numbers = tables.points(view.runs, shown, lacking)
        shown = shown.merge(numbers, on=[*scores.COHORT, *scores.ROW], how="left")
    parts = []
    for family in families:
        cohort = tables.cohort(shown, task, family)
        if cohort.empty:
            continue
        whole = tables.cohort(every[every["track"] == cohort["track"].iloc[0]], task, family)
        parts.append(
            f'<section class="rt"><h2 id="{esc(family)}">{esc(words.family_title(family))}</h2>'
            f'<p class="say">{esc(sentences.leader(whole, view.titles()) + _beside(view, whole))}</p></section>'
            + cohort_table.table(cohort, view.records, marks, raw, more=more)
        )
    return "".join(parts)


def _beside(view: View, rows: pd.DataFrame) -> str:
    """Whether the leading row goes beyond retraining, in a sentence."""
    best = rows[rows["lead"] & rows["place"].notna()].head(1)
    if best.empty:
        return ""
    (row,) = best.to_dict("records")
    runs = view.runs[view.runs["family"] == row["family"]]
    pairs = paired.pairs(runs, row["track"], (row["submission"], row["point"]), RETRAINED, "goal", [row["task"]])
    return sentences.beside_retraining(pairs, view.titles()[row["submission"]])


def selection(view: View, rows: pd.DataFrame, marks: Mapping[str, Mark], *, loud: Collection[str] = (),
              unfold: bool = True, pictures: bool = True) -> str:  # fmt: skip
    """Some rows of the board, task by task and family by family, with the ranks that they have among all."""
    shown = tables.add_ties(view.scores).loc[rows.index]
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
