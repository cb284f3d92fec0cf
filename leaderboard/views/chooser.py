"""Chooser: what I have, what I may spend, what I insist on: which methods are left."""

from typing import Any

import pandas as pd
import streamlit as st

from retouch.leaderboard.draw.tradeoff import tradeoff
from retouch.leaderboard.look import markup, numbers, sentences, words
from retouch.leaderboard.rank import choose, scores, tables
from retouch.leaderboard.read import frame
from retouch.leaderboard.views import shell, state

view, look = shell.begin(
    "Chooser", "Say what you have and what you may spend. What is left comes best first; what is ruled out says why."
)
with st.container(horizontal=True, vertical_alignment="bottom"):
    track = shell.track(view)
    task = state.choice("I want", "task", view.tasks(track), show=words.task_title, width=250, always=True)
    family = state.choice(
        "My generator is one of the",
        "family",
        view.families(track),
        show=words.family_title,
        segmented=True,
        always=True,
    )
have = state.many("I have", "have", list(choose.HAVE), show=words.owned,
                  default=[n for n in choose.HAVE if n != "retraining"])  # fmt: skip
left_, middle, right = st.columns(3, gap="medium")
with left_:
    cost = state.number("I may spend, as a share of pre-training", "cost", shell.COSTS, default=float("inf"),
                        show=lambda c: "any" if c == float("inf") else f"{100 * c:g}%")  # fmt: skip
with middle:
    quality = state.number(
        "Quality at least", "floor", [i / 20 for i in range(20)], default=0.0, show=lambda v: f"{v:g}"
    )
with right:
    sampling = state.number(
        "Sampling speed at least, of the base’s",
        "speed",
        [0.0, 0.1, 0.25, 0.5, 0.75, 0.9],
        default=0.0,
        show=lambda v: "any" if v == 0 else f"{100 * v:g}%",
    )
wish = choose.Wish(track, task, family, have, cost, sampling, quality)
left, out = choose.choose(tables.add_ties(view.scores), view.records, wish)
marks, titles = shell.marks(view, look), view.titles()


def line(row: dict[str, Any], last: str) -> list[str]:
    """The cells of a row."""
    name, point = str(row["submission"]), str(row["point"])
    goal, good = ([row[column] for column in frame.with_ends(name)] for name in frame.SCALED)
    return [
        f"{markup.symbol(marks[name])} {markup.link('method', titles[name], name=name, point=point, track=track)} "
        f'<span class="dim">{markup.esc(point)}</span>',
        numbers.rank(row["rank"], int(row["ties"])),
        markup.pair(goal, good),
        numbers.number(goal[0]) + (markup.lacking(str(row["problems"])) if pd.notna(row["goal"]) else ""),
        numbers.number(good[0]),
        numbers.percent(row["share"]),
        last,
    ]


head = ["method", "rank", "", "goal", "quality", "cost"]
if left.empty:
    st.html(
        markup.empty(
            "Nothing is left. The list below says what each method lacks: the nearest wish may be one step away."
        )
    )
else:
    st.html(f'<div class="rt"><h2>{len(left)} left</h2></div>')
    one, two = st.columns([3, 2], gap="large")
    with one:
        st.html(
            markup.table(
                [*head, "sampling"],
                [line(r, f"{numbers.number(r['sampling_relative'])}×") for r in left.to_dict("records")],
                numeric=(1, 3, 4, 5, 6),
            )
        )
    with two:
        figure = tradeoff(
            left,
            "goal",
            "quality",
            view.records.controls,
            marks=marks,
            titles=titles,
            dark=look.dark,
            panels=3,
            height=360,
        )
        shell.chart(figure, "chooser", "Goal against quality of what is left")
    shown = left[[*scores.ROW, "rank", *frame.with_ends(*frame.SCALED), "share", "sampling_relative"]]
    shell.downloads("retouch-chooser", shown.astype({"submission": str, "point": str}), figures=True)
if len(out):
    st.html(f'<div class="rt"><h2>{len(out)} ruled out</h2></div>')
    st.html(
        markup.table(
            [*head, "why"],
            [line(r, markup.wrapped(sentences.ruled_out(r["obstacles"]))) for r in out.to_dict("records")],
            numeric=(1, 3, 4, 5),
        )
    )
