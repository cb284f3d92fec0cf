"""A method: its card, its results beside the controls', and one run's pictures, numbers, record and command."""

from typing import Any

import pandas as pd
import streamlit as st

from retouch.benchmark import records
from retouch.leaderboard.draw import method_card, overview, portraits, sheets
from retouch.leaderboard.look import markup, theme, words
from retouch.leaderboard.rank import scores, tables
from retouch.leaderboard.rank.board import View
from retouch.leaderboard.read import frame
from retouch.leaderboard.views import shell, state


def page(view: View, look: theme.Look, track: str) -> None:
    """Controls, the card, the results, one run."""
    titles = view.titles()
    ordered = sorted(titles, key=lambda n: (n in view.records.controls, titles[n].lower()))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = state.choice("Method", "name", ordered, show=lambda n: titles[n], width=340, always=True)
        shell.call_it(titles[name])
    runs = view.runs[(view.runs["submission"] == name) & (view.runs["track"] == track)]
    chips = '<span class="chip">control</span>' if name in view.records.controls else ""
    chips += '<span class="chip good">✓ verified</span>' if (runs["claim"] == "verified").any() else ""
    st.html(f'<div class="rt"><h2>{markup.esc(titles[name])}</h2>{chips}</div>' + method_card.method(name, view))
    st.html('<div class="rt"><h2>Results, beside the controls</h2></div>')
    results(view, name, track, look)
    st.html('<div class="rt"><h2>One run: before and after</h2></div>')
    if runs.empty:
        st.html(markup.empty("This method has no run on this track."))
    else:
        one_run(view, choose(view, runs), look)


def results(view: View, name: str, track: str, look: theme.Look) -> None:
    """The method's rows and those of the controls, wherever it ran."""
    rows = tables.beside_controls(view.scores[view.scores["track"] == track], name, view.records.controls)
    if rows.empty:
        st.html(markup.empty("No run of this method is scored on this track yet."))
        return
    st.html(overview.selection(view, rows, shell.marks(view, look)) + markup.key())
    shell.downloads(f"retouch-{name}", tables.flat(rows, view.runs))


def choose(view: View, runs: pd.DataFrame) -> dict[str, Any]:
    """The run that is looked at: at first one of the task and family that the address asks for."""
    task, family = (st.query_params.get(key, "") for key in ("task", "family"))
    names = sorted(runs["instance"].astype(str).unique())
    likely = runs[(runs["task"] == task) & (runs["family"] == family) & ~runs["tuning"]]["instance"].astype(str)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        instance = state.choice("Instance", "instance", names, width=320, always=True,
                                default=min(likely, default=""))  # fmt: skip
        here = runs[runs["instance"] == instance]
        points = sorted(here["point"].astype(str).unique())
        point = state.choice("Operating point", "point", points, width=200, always=True)
        here = here[here["point"] == point]
        seed = state.choice("Seed", "seed", [str(s) for s in sorted(here["seed"])], width=100, always=True)
    return here[here["seed"] == int(seed)].iloc[0].to_dict()


def one_run(view: View, row: dict[str, Any], look: theme.Look) -> None:
    """A run's pictures, numbers, command and record."""
    record = view.records.record(row)
    image = sheets.html(view.records, row)
    if image:
        st.html('<div class="rt dim">Same latents above and below; under each image the judge’s verdict, marked where '
                "it changed.</div>" + image)  # fmt: skip
    else:
        reason = "" if row["status"] in scores.COUNTED else f" {markup.esc(row['reason'])}"
        says = f"This run left no picture.{reason}" if frame.pictured(str(row["track"])) else words.ELSEWHERE
        st.html(markup.empty(says))
    if record is None:
        st.html(markup.empty("The record file itself is not at hand here: the board was opened on a table of runs."))
        return
    left, right = st.columns([1, 1], gap="large")
    with left:
        st.html(method_card.record(record, row))
    with right:
        portrait(record, look)
    st.html('<div class="rt"><h3>The command that makes it again</h3></div>')
    st.code(markup.command(row), language="bash")
    st.html('<div class="rt dim">And one that runs it again and compares; the record stays as it is:</div>')
    st.code(markup.check_command(row), language="bash")
    with st.expander(f"The record: {frame.relative(row)}"):
        text, name = (
            record.model_dump_json(indent=1, by_alias=True),
            f"{row['submission']}.{row['point']}.{row['seed']}",
        )
        st.code(text, language="json")
        st.download_button("JSON", text, f"{name}.json", "application/json", type="tertiary", on_click="ignore")


def portrait(record: records.Record, look: theme.Look) -> None:
    """The pictures that fit the task."""
    drops = {name: (value.value, *records.ends(value)) for name, value in record.metrics.items()}
    curve = portraits.identity_curve
    kept = {title: curve(record.details, look.dark, kind) for kind, title in portraits.CURVES.items()}
    figures = {
        "Shares": portraits.shares(record.details, look.dark),
        "Prompts": portraits.prompts(record.details, look.dark),
        **kept,
        "Quantile drops": portraits.quantile_drops(drops, look.dark),
    }
    for title, figure in figures.items():
        if figure is not None:
            st.html(f'<div class="rt"><h3>{title}</h3></div>')
            shell.chart(figure, f"portrait-{title}", f"{title} of this run")


shell.run(page, "Method")
