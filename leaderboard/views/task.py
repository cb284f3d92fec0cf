"""A task: what is asked and revealed, the data, the base, the judge's error, every run, and what the table resolves."""

from typing import Any

import pandas as pd
import streamlit as st

from retouch.leaderboard.draw import task_card
from retouch.leaderboard.draw.seeds import seeds
from retouch.leaderboard.look import markup, numbers, words
from retouch.leaderboard.rank import scores, tables
from retouch.leaderboard.read import frame
from retouch.leaderboard.views import shell, state

view, look = shell.begin("")
with st.container(horizontal=True, vertical_alignment="bottom"):
    track = shell.track(view)
    task = state.choice("Task", "task", view.tasks(track), show=words.task_title, width=250, always=True)
    families = [
        f
        for f in view.families(track)
        if ((view.runs["task"] == task) & (view.runs["family"] == f) & (view.runs["track"] == track)).any()
    ]
    family = state.choice("Family", "family", families, show=words.family_title, segmented=True, always=True)
    only = state.text("Only methods that contain", "method", width=260)
st.html(f'<div class="rt"><h1>{markup.esc(words.task_title(task))}</h1></div>' + task_card.task(task))
every = tables.instances(view.runs, track, task)
every = every[every["family"] == family]
if only:
    every = every[[only.lower() in f"{n} {view.records.title(n)}".lower() for n in every["submission"].astype(str)]]
marks, titles = shell.marks(view, look), view.titles()
current = every[~every["stale"]]
best = current.groupby("submission", observed=True)["score"].mean()
order = {n: (n in view.records.controls, -best.get(n, 0) if best.get(n, 0) == best.get(n, 0) else 0, n) for n in titles}


def draw(name: str) -> None:
    """An instance: every seed of every method, and what the instance is."""
    left, right = st.columns([3, 2], gap="large")
    with left:
        part = current[current["instance"] == name].sort_values(
            "submission", key=lambda names: [order[str(n)] for n in names], kind="stable")  # fmt: skip
        figure = seeds(part, marks=marks, titles=titles, dark=look.dark)
        shell.chart(figure, f"runs-{name}", f"Goal and quality of every seed on {name}")
        if len(part) < (every["instance"] == name).sum():
            st.html('<div class="rt dim">Stale runs are left out; the table below has them.</div>')
    with right:
        st.html(task_card.instance(view, track, name))


names = list(dict.fromkeys(every["instance"].astype(str)))
for name in names:
    if not frame.tuning(track, name):
        st.html(f'<div class="rt"><h2>{markup.esc(name)}</h2></div>')
        draw(name)
for name in names:
    if frame.tuning(track, name):
        with st.expander(f"{markup.plain(name)}: for choosing parameters, not scored"):
            draw(name)
if every.empty:
    st.html(markup.empty("No method of that name ran here. Empty the field to see all."))
st.html(task_card.resolution(scores.matrix(view.runs, track, task, family, "goal"),
                         scores.matrix(view.runs, track, task, family, "quality")))  # fmt: skip

st.html('<div class="rt"><h2>Every run</h2></div>')
names = [
    n for n in frame.metrics_of(view.runs[(view.runs["task"] == task) & (view.runs["family"] == family)]) if n in every
]
primary = [n for n in (words.primary(task), "fd", "precision", "recall") if n in names]
extra = state.many("Raw numbers", "raw", names, show=lambda n: numbers.entry(n).title, pills=False, default=primary)
shown = every[[*tables.RUN, *frame.with_ends(*frame.SCALED, *extra), "share", "claim"]]
headings = [numbers.short(n) for n in extra]
head = ["method", "point", "instance", "seed", "goal", "quality", *headings, "cost", "record"]


def line(row: dict[str, Any]) -> list[str]:
    """The cells of one run."""
    status = "stale" if row["stale"] else str(row["status"])
    goal = (
        numbers.number(row["goal"])
        if status in scores.COUNTED
        else f'<span class="chip bad" title="{markup.esc(row["reason"])}">{markup.esc(words.status(status))}</span>'
    )
    keys = {
        "name": row["submission"],
        "point": row["point"],
        "track": track,
        "instance": row["instance"],
        "seed": str(row["seed"]),
    }
    return [
        markup.link("method", titles[str(row["submission"])], **{k: keys[k] for k in ("name", "point", "track")}),
        markup.esc(row["point"]),
        markup.esc(row["instance"]),
        str(row["seed"]),
        goal,
        numbers.number(row["quality"]),
        *[numbers.number(row[n], 3) for n in extra],
        numbers.percent(row["share"]),
        markup.link("method", "open", hint="picture, numbers, record and command", **keys),
    ]


PAGE = 150
pages = -(-len(shown) // PAGE)
start = (
    PAGE * (int(state.choice(f"Page of {pages}", "page", [str(i + 1) for i in range(pages)])) - 1) if pages > 1 else 0
)
lines = [line(row) for row in shown.iloc[start : start + PAGE].to_dict("records")]
st.html(markup.table(head, lines, numeric=range(3, 7 + len(extra))))
shell.downloads(f"retouch-{task}-{family}", pd.DataFrame(shown.iloc[start : start + PAGE]))
with st.expander("What these numbers mean"):
    st.html(markup.explain(["goal", "quality", "share", *extra]))
