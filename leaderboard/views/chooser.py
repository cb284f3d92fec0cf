"""Chooser: what I have, what I may spend, what I insist on: which methods are left."""

from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from retouch.leaderboard.draw.tradeoff import tradeoff
from retouch.leaderboard.look import markup, numbers, sentences, theme, words
from retouch.leaderboard.rank import choose, scores
from retouch.leaderboard.rank.board import View
from retouch.leaderboard.read import frame
from retouch.leaderboard.read.sweeps import sweeps
from retouch.leaderboard.views import shell, state

LEAD = "Say what you have and what you may spend. What is left comes best first; what is ruled out says why."
HEAD = ["method", "rank", "", "goal", "quality", "cost"]
SAMPLING = [1.0, 1.1, 1.5, 2.0, 5.0, 20.0, float("inf")]  # of the base's images


def page(view: View, look: theme.Look, track: str) -> None:
    """The wish, what is left, what is ruled out."""
    wish = ask(view, track)
    left, out = choose.choose(view.ranked(), view.records, wish)
    marks = shell.marks(view, look)
    if left.empty:
        text = "Nothing is left. The list below says what each method lacks: the nearest wish may be one step away."
        st.html(markup.empty(text))
    else:
        st.html(f'<div class="rt"><h2>{len(left)} left</h2></div>')
        show(view, left, marks, look)
    if len(out):
        st.html(f'<div class="rt"><h2>{len(out)} ruled out</h2></div>')
        lines = [line(view, row, marks, markup.wrapped(sentences.ruled_out(row["obstacles"])))
                 for row in out.to_dict("records")]  # fmt: skip
        st.html(markup.table([*HEAD, "why"], lines, numeric=(1, 3, 4, 5)))


def ask(view: View, track: str) -> choose.Wish:
    """What the visitor wants, has, may spend and insists on."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        task = state.choice("I want", "task", view.tasks(track), show=words.task_title, width=250, always=True)
        family = state.choice("My generator is one of the", "family", view.families(track, task),
                              show=words.family_title, segmented=True, always=True)  # fmt: skip
    have = state.many("I have", "have", list(choose.HAVE), show=words.owned,
                      default=[n for n in choose.HAVE if n != "retraining"])  # fmt: skip
    columns = st.columns(3, gap="medium")
    with columns[0]:
        cost = state.number("I may spend, as a share of pre-training", "cost", shell.COSTS, default=float("inf"),
                            show=lambda c: "any" if c == float("inf") else f"{100 * c:g}%")  # fmt: skip
    with columns[1]:
        floors = [i / 20 for i in range(20)]
        quality = state.number("Quality at least", "floor", floors, default=0.0, show=lambda v: f"{v:g}")
    with columns[2]:
        sampling = state.number("An image may cost, in the base’s", "sampling", SAMPLING, default=float("inf"),
                                show=lambda v: "any" if v == float("inf") else f"{v:g}×")  # fmt: skip
    return choose.Wish(track, task, family, have, cost, sampling, quality)


def show(view: View, left: pd.DataFrame, marks: dict[str, theme.Mark], look: theme.Look) -> None:
    """What is left, as a table and as a figure."""
    beside, figure = st.columns([3, 2], gap="large")
    with beside:
        lines = [line(view, row, marks, numbers.times(row["sampling_cost"]))
                 for row in left.to_dict("records")]  # fmt: skip
        st.html(markup.table([*HEAD, "sampling"], lines, numeric=(1, 3, 4, 5, 6)))
    with figure:
        draw = partial(tradeoff, left, "goal", "quality", view.records.controls, marks=marks, titles=view.titles(),
                       sweeps=sweeps(view.records.manifests), dark=look.dark, panels=2, height=360)  # fmt: skip
        rows = frozenset(left.index)
        shell.chart(view.memo(("chooser", rows, look.dark), draw), "chooser", "Goal against quality of what is left")
    columns = [*scores.ROW, "rank", *frame.with_ends(*frame.SCALED), "share", "sampling_cost"]
    shell.downloads("retouch-chooser", left[columns].astype({"submission": str, "point": str}), figures=True)


def line(view: View, row: dict[str, Any], marks: dict[str, theme.Mark], last: str) -> list[str]:
    """The cells of a row."""
    name, point = str(row["submission"]), str(row["point"])
    goal, quality = ([row[column] for column in frame.with_ends(axis)] for axis in frame.SCALED)
    query = {"track": row["track"], "task": row["task"], "family": row["family"]}
    title = markup.link("method", view.records.title(name), name=name, point=point, **query)
    return [
        f'{markup.symbol(marks[name])} {title} <span class="dim">{markup.esc(_beside(row))}</span>',
        numbers.rank(row["rank"], int(row["ties"])),
        markup.pair(goal, quality),
        numbers.number(goal[0]),
        numbers.number(quality[0]),
        numbers.percent(row["share"]),
        last,
    ]


def _beside(row: dict[str, Any]) -> str:
    """What stands beside a title: the operating point, and why the row has no rank."""
    lacks = f"{row['runs']} of {row['expected']} runs; {row['problems']}" if row["problems"] else ""
    standing = "" if row["standing"] in ("ranked", "incomplete", "control") else str(row["standing"])
    return " · ".join(filter(None, (str(row["point"]), standing, lacks)))


shell.run(page, "Chooser", LEAD)
