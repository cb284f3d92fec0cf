"""Overview: a task's tables, one a family; a row a submission, which unfolds into its operating points."""

from functools import partial

import pandas as pd
import streamlit as st

from retouch.leaderboard.draw import overview, papers
from retouch.leaderboard.look import markup, numbers, theme, words
from retouch.leaderboard.rank import across, tables
from retouch.leaderboard.rank.board import View
from retouch.leaderboard.read import frame
from retouch.leaderboard.views import shell, state

TEXTS = {"LaTeX": "latex", "Markdown": "md"}


def page(view: View, look: theme.Look, track: str) -> None:
    """Controls, tables, the whole table as a download."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        task = shell.task(view, track, [words.ALL])
        if task != words.ALL:
            families = shell.families(view, track, task)
            by = shell.filters(track)
            raw, more = columns(view, track, task)
    if task == words.ALL:
        return all_tasks(view, look, track)
    rows = tables.keep(view.scores, view.records, by)
    rows = rows[(rows["task"] == task) & rows["family"].isin(families)]
    if rows.empty:
        st.html(markup.empty("Nothing is left under these filters. Take one away to see methods again."))
        return
    st.html(overview.sections(view, rows, task, families, shell.marks(view, look), raw, more) + markup.key(bool(raw)))
    ranked = view.ranked().loc[rows.index]
    texts = {name: partial(papers.table, ranked, view.titles(), form) for name, form in TEXTS.items()}
    shell.downloads(f"retouch-{task}", tables.flat(rows, view.runs, [*raw, *more]), texts=texts)
    with st.expander("What these numbers mean"):
        st.html(markup.explain([*(raw or ["goal", "quality", "goal_after"]), "share", "sampling_cost", *more]))


def all_tasks(view: View, look: theme.Look, track: str) -> None:
    """The order across tasks, a table a family."""
    st.html("".join(overview.across(view, track, family, shell.marks(view, look)) for family in view.families(track)))
    st.html(f'<p class="rt dim">{markup.esc(words.ACROSS)}</p>')
    orders = [across.across(view, track, family).assign(family=family) for family in view.families(track)]
    shell.downloads("retouch-all-tasks", pd.concat(orders, ignore_index=True))


def columns(view: View, track: str, task: str) -> tuple[list[str], list[str]]:
    """Raw numbers in the place of goal and quality, and further columns."""
    with st.popover("Columns", icon=":material/view_column:"):
        raw = state.switch("Raw values", "raw", help="The measured numbers that papers quote.")
        runs = view.runs[(view.runs["track"] == track) & (view.runs["task"] == task)]
        names = ["score", "sampling_relative", "seconds", "gradient_steps", "peak_memory_mb", *frame.metrics_of(runs)]
        usual = [words.primary(task), "fd"] if raw else []
        more = state.many("More columns", "columns", [n for n in names if n not in usual], pills=False,
                          show=lambda name: numbers.entry(name).title)  # fmt: skip
    return usual, more


shell.run(page, *shell.LEAD)
