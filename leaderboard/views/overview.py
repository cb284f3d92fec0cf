"""Overview: one row for each submission and operating point, four tasks as column groups."""

import streamlit as st

from retouch.leaderboard.draw import overview_table
from retouch.leaderboard.look import markup, words
from retouch.leaderboard.rank import tables
from retouch.leaderboard.views import shell, state

view, look = shell.begin(*shell.LEAD)
with st.container(horizontal=True, vertical_alignment="bottom"):
    track = shell.track(view)
    with_records = view.tasks(track)
    chosen = state.many("Task", "tasks", with_records, show=words.task_title)
    by = shell.filters(view, track)
    order = state.choice("Order by", "order", ["", *with_records], width=190,
                         show=lambda t: words.task_title(t) if t else "mean rank")  # fmt: skip
    raw_values = state.switch(
        "Raw values", "raw", help="The measured numbers that papers quote, instead of the scale that the controls fix."
    )
tasks = chosen or with_records
left = tables.keep(view.scores, view.records, by)
left = left[left["task"].isin(tasks)]
if left.empty:
    st.html(markup.empty("Nothing is left under these filters. Take one away to see methods again."))
    st.stop()
raw = {task: [words.primary(task), "fd"] for task in tasks} if raw_values else None
wide = tables.overview(tables.add_ties(left), order)
above, pages, page = st.container(), -(-len(wide) // shell.PAGE), 1
if pages > 1:
    page = int(state.choice(f"Page of {pages}", "page", [str(i + 1) for i in range(pages)], width=130))
shown = wide.iloc[(page - 1) * shell.PAGE : page * shell.PAGE]
if raw:
    shown = tables.with_raw(shown, view.runs, left, raw)
above.html(markup.key(raw_values))
above.html(overview_table.table(shown, tasks, view.records, shell.marks(view, look), track, raw))
shell.downloads("retouch-overview", tables.flat(shown, tasks, raw))
with st.expander("What these numbers mean"):
    names = ["goal", "quality", "share"] if not raw else sorted({name for group in raw.values() for name in group})
    st.html(markup.explain(names))
