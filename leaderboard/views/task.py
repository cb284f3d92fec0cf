"""A task: what is asked and revealed, the data, the base, the judge's error, every run, and what the table resolves."""

import pandas as pd
import streamlit as st

from retouch.leaderboard.draw import overview, runs_table, task_card
from retouch.leaderboard.draw.history import history as draw_history
from retouch.leaderboard.draw.seeds import seeds
from retouch.leaderboard.look import markup, numbers, theme, words
from retouch.leaderboard.rank import history, tables
from retouch.leaderboard.rank.board import View
from retouch.leaderboard.read import frame
from retouch.leaderboard.views import shell, state

PAGE = 150  # runs on the screen at once


def page(view: View, look: theme.Look, track: str) -> None:
    """Controls, the task, its instances, what the table resolves, every run."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        task = shell.task(view, track)
        family = state.choice("Family", "family", view.families(track, task), show=words.family_title, segmented=True,
                              always=True)  # fmt: skip
        only = state.text("Only methods that contain", "method", width=260)
    shell.call_it(words.task_title(task))
    st.html(f'<div class="rt"><h2>{markup.esc(words.task_title(task))}</h2></div>' + task_card.task(task))
    here = view.scores[(view.scores["track"] == track) & (view.scores["task"] == task)]
    says = overview.resolution(here[here["family"] == family])
    st.html(f'<div class="rt"><p class="say">{markup.esc(says)}</p></div>')
    runs = tables.instances(view.runs, track, task)
    runs = runs[runs["family"] == family]
    if only:
        runs = runs[[only.lower() in f"{n} {view.records.title(n)}".lower() for n in runs["submission"].astype(str)]]
    instances(view, track, runs, look)
    if runs.empty:
        st.html(markup.empty("No method of that name ran here. Empty the field to see all."))
    over_time(view, look, track, task, family)
    st.html('<div class="rt"><h2>Every run</h2></div>')
    every_run(view, track, task, family, runs)


def instances(view: View, track: str, runs: pd.DataFrame, look: theme.Look) -> None:
    """Every instance, those for tuning folded away."""
    names = list(dict.fromkeys(runs["instance"].astype(str)))
    for name in names:
        if not frame.tuning(track, name):
            st.html(f'<div class="rt"><h2>{markup.esc(name)}</h2></div>')
            draw(view, track, name, runs, look)
    for name in names:
        if frame.tuning(track, name):
            with st.expander(f"{markup.plain(name)}: for choosing parameters, not scored"):
                draw(view, track, name, runs, look)


def draw(view: View, track: str, name: str, runs: pd.DataFrame, look: theme.Look) -> None:
    """An instance: every seed of every method, the best first, and what the instance is."""
    left, right = st.columns([3, 2], gap="large")
    here = runs[runs["instance"] == name]
    means = runs.groupby("submission", observed=True)["score"].mean().fillna(0)
    controls = view.records.controls
    order = {n: (n in controls, -means.get(n, 0), n) for n in view.submissions()}
    with left:
        here = here.sort_values("submission", key=lambda names: [order[str(n)] for n in names], kind="stable")
        figure = seeds(here, marks=shell.marks(view, look), titles=view.titles(), dark=look.dark)
        shell.chart(figure, f"runs-{name}", f"Goal and quality of every seed on {name}")
    with right:
        st.html(task_card.instance(view, track, name))


def over_time(view: View, look: theme.Look, track: str, task: str, family: str) -> None:
    """How the family's scores have moved with time."""
    rows = history.history(view, track, task, family)
    if len(rows):
        st.html(f'<div class="rt"><h2>Scores over time</h2><p class="dim">{words.HISTORY}</p></div>')
        figure = draw_history(rows, marks=shell.marks(view, look), titles=view.titles(), dark=look.dark)
        shell.chart(figure, "history", f"Score of each submission by the day of its newest record, {family}")


def every_run(view: View, track: str, task: str, family: str, runs: pd.DataFrame) -> None:
    """Every run with the raw numbers that are asked for, a page at a time."""
    mine = view.runs[(view.runs["task"] == task) & (view.runs["family"] == family)]
    names = [name for name in frame.metrics_of(mine) if name in runs]
    usual = [name for name in (words.primary(task), "fd", "precision", "recall") if name in names]
    raw = state.many("Raw numbers", "raw", names, show=lambda n: numbers.entry(n).title, pills=False, default=usual)
    shown = runs[[*tables.RUN, *frame.with_ends(*frame.SCALED, *raw), "share", "claim"]]
    pages = -(-len(shown) // PAGE)
    number = int(state.choice(f"Page of {pages}", "page", [str(i + 1) for i in range(pages)])) if pages > 1 else 1
    shown = shown.iloc[PAGE * (number - 1) : PAGE * number]
    st.html(runs_table.table(view, track, shown, raw))
    shell.downloads(f"retouch-{task}-{family}", shown)
    with st.expander("What these numbers mean"):
        st.html(markup.explain(["goal", "quality", "share", *raw]))


shell.run(page, "Task")
