"""Compare: submissions side by side, paired differences with intervals, a sentence for each pair."""

import itertools

import pandas as pd
import streamlit as st

from retouch.leaderboard.draw import overview, portraits
from retouch.leaderboard.draw.differences import differences
from retouch.leaderboard.look import markup, sentences, theme, words
from retouch.leaderboard.rank import paired, tables
from retouch.leaderboard.rank.board import View
from retouch.leaderboard.views import shell, state

LEAD = ("Differences are paired: the same instances, the same seeds. A filled mark has an interval that leaves out 0; "
        "an open one could be chance.")  # fmt: skip
KEY = "Blue dots: goal. Orange diamonds: quality. Lines: 95% intervals of the paired difference."
Row = paired.Row


def page(view: View, look: theme.Look, track: str) -> None:
    """Controls, a figure for each pair, identity curves, the rows side by side."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        tasks = state.many("Task", "tasks", view.tasks(track), show=words.task_title) or view.tasks(track)
    here = view.scores[(view.scores["track"] == track) & view.scores["task"].isin(tasks)]
    rows = choose(view, here)
    if len(rows) < 2:
        st.html(markup.empty("Choose two or more to see where they differ."))
        return
    titles = called(view, rows)
    tables_ = [pair(view, track, tasks, rows[0], other, titles, look) for other in rows[1:]]
    table = pd.concat(tables_, ignore_index=True)
    if len(table):
        st.html(f'<div class="rt dim">{KEY}</div>')
        columns = ["a", "b", "instance", "axis", "value", "low", "high", "seeds"]
        shell.downloads("retouch-compare", table[columns], figures=True)
    curves(view, track, tasks, rows, titles, look)
    st.html('<div class="rt"><h2>Side by side</h2></div>')
    keys = pd.MultiIndex.from_tuples(rows)
    side = here[pd.MultiIndex.from_frame(here[["submission", "point"]].astype(str)).isin(keys)]
    st.html(overview.selection(view, side, shell.marks(view, look)) + markup.key())


def choose(view: View, here: pd.DataFrame) -> list[Row]:
    """The rows to compare: at first the two that tell most."""
    pairs = here[["submission", "point"]].astype(str).drop_duplicates().itertuples(index=False, name=None)
    rows = {"/".join(row): row for row in sorted(pairs)}
    keys = state.many(
        "Submissions and operating points; the first is compared with each of the others", "with", list(rows),
        show=lambda key: f"{view.records.title(rows[key][0])} · {rows[key][1]}", pills=False,
        default=["/".join(row) for row in paired.first(here, view.records.published())],
    )  # fmt: skip
    return [rows[key] for key in keys]


def called(view: View, rows: list[Row]) -> dict[Row, str]:
    """What each row is called: its title, with the operating point where one submission is there twice."""
    several = len({name for name, _ in rows}) < len(rows)
    return {row: view.records.title(row[0]) + (f" ({row[1]})" if several else "") for row in rows}


def pair(view: View, track: str, tasks: list[str], a: Row, b: Row, titles: dict[Row, str],
         look: theme.Look) -> pd.DataFrame:  # fmt: skip
    """A sentence and a figure for two rows; returns their differences."""
    goal, quality = (paired.pairs(view.runs, track, a, b, axis, tasks) for axis in ("goal", "quality"))
    says = sentences.comparison(goal, quality, titles[a], titles[b])
    st.html(f'<div class="rt"><h2>{markup.esc(titles[a])} against {markup.esc(titles[b])}</h2>'
            f'<p class="say">{markup.esc(says)}</p></div>')  # fmt: skip
    both = pd.concat([goal, quality], ignore_index=True)
    if both.empty:
        return both
    both["row"] = [f"{words.task_title(task)} · {instance.split('/')[-1]}"
                   for task, instance in zip(both["task"], both["instance"], strict=True)]  # fmt: skip
    figure = differences(both, (titles[a], titles[b]), dark=look.dark)
    shell.chart(figure, f"compare-{'/'.join(b)}", f"Paired differences: {says}")
    return both.assign(a="/".join(a), b="/".join(b))


def curves(view: View, track: str, tasks: list[str], rows: list[Row], titles: dict[Row, str],
           look: theme.Look) -> None:  # fmt: skip
    """The identity curves of the rows' first seeds, a figure for each instance and kind of images."""
    marks, columns = shell.marks(view, look), itertools.cycle(st.columns(2, gap="large"))
    runs = view.runs[(view.runs["track"] == track) & view.runs["task"].isin(tasks)]
    for instance, part in tables.counted(runs).groupby("instance", observed=True):
        lines = []
        for row in rows:
            own = part[(part["submission"] == row[0]) & (part["point"] == row[1])].sort_values("seed")
            record = view.records.record(own.iloc[0].to_dict()) if len(own) else None
            if record and record.details.keys() & portraits.CURVES.keys():
                lines.append((titles[row], marks[row[0]], record.details))
        for kind, title in portraits.CURVES.items():
            figure = portraits.identity_curves(lines, look.dark, kind)
            if figure is not None:
                with next(columns):
                    st.html(f'<div class="rt"><h3>{title} on {markup.esc(instance)}, first seed</h3></div>')
                    alt = f"{title} against the change of the attribute on {instance}"
                    shell.chart(figure, f"curve-{kind}-{instance}", alt)


shell.run(page, "Compare", LEAD)
