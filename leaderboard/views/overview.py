"""Overview: a task's tables, one a family; a row a submission, which unfolds into its operating points."""

import streamlit as st

from retouch.leaderboard.draw import overview
from retouch.leaderboard.look import markup, theme, words
from retouch.leaderboard.rank import tables
from retouch.leaderboard.rank.board import View
from retouch.leaderboard.views import shell, state


def page(view: View, look: theme.Look) -> None:
    """Controls, tables, the whole table as a download."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        track = shell.track(view)
        task = shell.task(view, track)
        families = shell.families(view, track, task)
        by = shell.filters(track)
        raw_values = state.switch("Raw values", "raw", help="The measured numbers that papers quote.")
    raw = [words.primary(task), "fd"] if raw_values else []
    rows = tables.keep(view.scores, view.records, by)
    rows = rows[(rows["task"] == task) & rows["family"].isin(families)]
    if rows.empty:
        st.html(markup.empty("Nothing is left under these filters. Take one away to see methods again."))
        return
    st.html(markup.key(raw_values))
    st.html(overview.sections(view, rows, task, families, shell.marks(view, look), raw))
    shell.downloads(f"retouch-{task}", tables.flat(rows, view.runs, raw))
    with st.expander("What these numbers mean"):
        st.html(markup.explain([*(raw or ["goal", "quality"]), "share", "sampling_relative"]))


shell.run(page, *shell.LEAD)
