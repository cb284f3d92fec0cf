"""Submit: the three steps, and a try-out that places dropped records among the others without storing anything."""

from dataclasses import replace

import streamlit as st

from retouch.leaderboard.draw import overview_table
from retouch.leaderboard.look import markup, theme
from retouch.leaderboard.rank import scores, tables
from retouch.leaderboard.rank.board import View
from retouch.leaderboard.read import upload
from retouch.leaderboard.views import shell, state

view, look = shell.begin("Submit", "From nothing to a row on the board in three steps and a pull request.", always=True)
STEPS = (
    (
        "retouch new my_method",
        "Writes a submission that already runs: submission.toml says who made it, what it needs and "
        "which operating points it has; one function does the edit.",
    ),
    (
        "retouch run my_method",
        "Runs what is missing on a track: every instance, every seed, under the same budget. "
        "Stop it and start it again as you like.",
    ),
    (
        "retouch check my_method",
        "Looks at manifest and records as the pull request’s gate will. Then open a pull request with the folder.",
    ),
)
for column, (command, text), name in zip(st.columns(3, gap="large"), STEPS, ("Begin", "Run", "Check"), strict=True):
    with column:
        st.html(f'<div class="rt"><h3>{name}</h3></div>')
        st.code(command, language="bash")
        st.html(f'<div class="rt dim">{markup.esc(text)}</div>')
st.html(
    '<div class="rt"><h2>Try it here</h2><p>Drop the zip or the folder of a submission’s records. It is read, '
    "checked and "
    "placed among the others on this page alone; nothing is stored.</p></div>"
)
kind = state.choice("Drop", "drop", ["zip", "folder"], segmented=True)
if kind == "zip":
    file = st.file_uploader("A zip with submission.toml and records", type="zip", key="zip", max_upload_size=50)
    content = file.getvalue() if file else b""
else:
    files = st.file_uploader(
        "A submission’s folder", accept_multiple_files="directory", type=["json", "toml"], key="folder"
    )
    content = upload.pack({f.name: f.getvalue() for f in files}) if files else b""
if not content:
    st.stop()
try:
    dropped = upload.read(content)
except ValueError as error:
    st.html(f'<div class="rt"><p class="say"><span class="chip bad">not opened</span> {markup.esc(error)}</p></div>')
    st.stop()
good, bad = len(dropped.runs), len(dropped.rejected)
st.html(
    f'<div class="rt"><p class="say"><b>{good}</b> records are valid, <b>{bad}</b> '
    f"{'is' if bad == 1 else 'are'} not.</p></div>"
)
if bad:
    st.html(markup.table(("file", "what is wrong"), [
        [f"<code>{markup.esc(name)}</code>", markup.wrapped(why)]
        for name, why in list(dropped.rejected.items())[:200]]))  # fmt: skip
if good:
    names = [str(n) for n in dropped.runs["submission"].unique()]
    records = replace(view.records, runs=upload.place_among(dropped, view.runs),
                      manifests={**view.records.manifests, **dropped.manifests})  # fmt: skip
    track = str(dropped.runs["track"].value_counts().index[0])
    here = records.runs[records.runs["track"] == track]
    table = scores.table(here, records.controls, view.scores)
    cohorts = table[table["submission"].isin(names)][["task", "family"]].drop_duplicates()
    table = tables.add_ties(table).merge(cohorts, on=["task", "family"])
    tasks = View(records, table).tasks(track)
    marks = theme.marks([str(n) for n in records.runs["submission"].cat.categories], records.controls, look)
    st.html(f'<div class="rt"><h2>{markup.esc(", ".join(names))} among the others on {markup.esc(track)}</h2></div>')
    wide = tables.overview(table)
    st.html(markup.key())
    st.html(overview_table.table(wide, [t for t in tasks if (t, "goal") in wide], records, marks, track, loud=names))
