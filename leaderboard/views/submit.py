"""Submit: the three steps, and a try-out that places dropped records among the others without storing anything."""

from dataclasses import replace

import streamlit as st

from retouch.leaderboard.draw import overview
from retouch.leaderboard.look import markup, theme
from retouch.leaderboard.rank import scores
from retouch.leaderboard.rank.board import View
from retouch.leaderboard.read import upload
from retouch.leaderboard.views import shell, state

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
TRY = ("Drop the zip or the folder of a submission’s records. It is read, checked and placed among the others on this "
       "page alone; nothing is stored.")  # fmt: skip
AS_IF = "They stand where they would if the host had verified them; on the board they are claims until then."


def page(view: View, look: theme.Look) -> None:
    """The steps, a place to drop records, what they are worth."""
    for column, (command, text), name in zip(st.columns(3, gap="large"), STEPS, ("Begin", "Run", "Check"), strict=True):
        with column:
            st.html(f'<div class="rt"><h3>{name}</h3></div>')
            st.code(command, language="bash")
            st.html(f'<div class="rt dim">{markup.esc(text)}</div>')
    st.html(f'<div class="rt"><h2>Try it here</h2><p>{TRY}</p></div>')
    content = drop()
    if not content:
        return
    try:
        dropped = upload.read(content)
    except ValueError as error:
        chip = '<span class="chip bad">not opened</span>'
        st.html(f'<div class="rt"><p class="say">{chip} {markup.esc(error)}</p></div>')
        return
    judged(dropped)
    if len(dropped.runs):
        place(view, dropped, look)


def drop() -> bytes:
    """A zip, or a folder as one; empty as long as nothing is dropped."""
    if state.choice("Drop", "drop", ["zip", "folder"], segmented=True) == "zip":
        file = st.file_uploader("A zip with submission.toml and records", type="zip", key="zip", max_upload_size=50)
        return file.getvalue() if file else b""
    files = st.file_uploader("A submission’s folder", accept_multiple_files="directory", type=["json", "toml"],
                             key="folder")  # fmt: skip
    return upload.pack({file.name: file.getvalue() for file in files}) if files else b""


def judged(dropped: upload.Dropped) -> None:
    """How many records are valid, and what is wrong with the others."""
    good, bad = len(dropped.runs), len(dropped.rejected)
    verb = "is" if bad == 1 else "are"
    st.html(f'<div class="rt"><p class="say"><b>{good}</b> records are valid, <b>{bad}</b> {verb} not.</p></div>')
    if bad:
        lines = [[f"<code>{markup.esc(name)}</code>", markup.wrapped(why)]
                 for name, why in list(dropped.rejected.items())[:200]]  # fmt: skip
        st.html(markup.table(("file", "what is wrong"), lines))


def place(view: View, dropped: upload.Dropped, look: theme.Look) -> None:
    """The dropped submissions among the others, in the tasks and families that they ran."""
    names = [str(name) for name in dropped.runs["submission"].unique()]
    track, edition = (str(dropped.runs[name].value_counts().index[0]) for name in ("track", "edition"))
    runs = upload.place_among(replace(dropped, runs=dropped.runs.assign(claim="verified")), view.runs)
    records = replace(view.records, runs=runs, manifests={**view.records.manifests, **dropped.manifests})
    here = runs[runs["track"] == track]
    mine = View(records, scores.table(here, records.controls, view.scores)).at(edition)
    cohorts = mine.scores[mine.scores["submission"].isin(names)][["task", "family"]].astype(str)
    keys = mine.scores["task"].astype(str) + "/" + mine.scores["family"].astype(str)
    rows = mine.scores[keys.isin(cohorts["task"] + "/" + cohorts["family"])]
    title = f"{', '.join(names)} among the others on {track}"
    st.html(f'<div class="rt"><h2>{markup.esc(title)}</h2><p>{AS_IF}</p></div>')
    st.html(overview.selection(mine, rows, shell.marks(mine, look), loud=names, unfold=False, pictures=False))
    st.html(markup.key())


shell.run(page, "Submit", "From nothing to a row on the board in three steps and a pull request.", always=True)
