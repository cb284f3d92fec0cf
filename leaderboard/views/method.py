"""A method: its card, its results against the controls, and one run's pictures, numbers, record and command."""

import streamlit as st

from retouch.benchmark import records
from retouch.leaderboard.draw import method_card, overview_table, portraits, sheets
from retouch.leaderboard.look import markup
from retouch.leaderboard.rank import scores, tables
from retouch.leaderboard.read import frame
from retouch.leaderboard.views import shell, state

view, look = shell.begin("")
titles = view.titles()
ordered = sorted(titles, key=lambda n: (n in view.records.controls, titles[n].lower()))
with st.container(horizontal=True, vertical_alignment="bottom"):
    name = state.choice("Method", "name", ordered, show=lambda n: titles[n], width=340, always=True)
    mine = view.runs[view.runs["submission"] == name]
    known = [t for t in view.tracks() if (mine["track"] == t).any()]
    track = state.choice("Track", "track", known, width=130, always=True)
mine = mine[mine["track"] == track]
chip = {
    "control": '<span class="chip">control</span>' if name in view.records.controls else "",
    "verified": '<span class="chip good">✓ verified</span>' if (mine["claim"] == "verified").any() else "",
}
st.html(f'<div class="rt"><h1>{markup.esc(titles[name])}</h1>{"".join(chip.values())}</div>')
st.html(method_card.method(name, view))

st.html('<div class="rt"><h2>Results, beside the controls</h2></div>')
rows = view.scores[(view.scores["track"] == track) & view.scores["submission"].isin({name} | view.records.controls)]
own = rows[rows["submission"] == name]
rows = tables.add_ties(view.scores).loc[rows.index]
rows = rows[rows["family"].isin(own["family"].unique()) & rows["task"].isin(own["task"].unique())]
if own.empty:
    st.html(markup.empty("No run of this method is scored on this track yet."))
else:
    tasks = [t for t in view.tasks(track) if (own["task"] == t).any()]
    wide = tables.overview(rows)
    st.html(markup.key())
    st.html(overview_table.table(wide, tasks, view.records, shell.marks(view, look), track))
    shell.downloads(f"retouch-{name}", tables.flat(wide, tasks))

st.html('<div class="rt"><h2>One run: before and after</h2></div>')
with st.container(horizontal=True, vertical_alignment="bottom"):
    instance = state.choice(
        "Instance", "instance", sorted(mine["instance"].astype(str).unique()), width=320, always=True
    )
    here = mine[mine["instance"] == instance]
    point = state.choice("Operating point", "point", sorted(here["point"].astype(str).unique()), width=200, always=True)
    here = here[here["point"] == point]
    seed = state.choice("Seed", "seed", [str(s) for s in sorted(here["seed"])], width=100, always=True)
row = here[here["seed"] == int(seed)].iloc[0].to_dict()
record = view.records.record(row)
image = sheets.html(view.records, row, record.details if record else {})
if image:
    st.html(
        '<div class="rt dim">Same latents above and below; under each image the judge’s verdict, marked where '
        "it changed.</div>" + image
    )
else:
    st.html(
        markup.empty(
            "This run left no picture." + ("" if row["status"] in scores.COUNTED else f" {markup.esc(row['reason'])}")
        )
    )


def portrait(record: records.Record) -> None:
    """The picture that fits the task."""
    drops = {k: (m.value, *records.ends(m)) for k, m in record.metrics.items()}
    drawn = [
        ("Shares", portraits.shares(record.details, look.dark)),
        ("Identity kept", portraits.identity_curve(record.details, look.dark)),
        ("Quantile drops", portraits.quantile_drops(drops, look.dark)),
    ]
    for title, figure in drawn:
        if figure is not None:
            st.html(f'<div class="rt"><h3>{title}</h3></div>')
            shell.chart(figure, f"portrait-{title}", f"{title} of this run")


left, right = st.columns([1, 1], gap="large")
if record is None:
    st.html(markup.empty("The record file itself is not at hand here: the board was opened on a table of runs."))
else:
    with left:
        st.html(method_card.record(record, row))
    with right:
        portrait(record)
    st.html('<div class="rt"><h3>The command that makes it again</h3></div>')
    st.code(markup.command(row), language="bash")
    with st.expander(f"The record: {frame.relative(row)}"):
        text = record.model_dump_json(indent=1, by_alias=True)
        st.code(text, language="json")
        st.download_button(
            "JSON", text, f"{name}.{point}.{seed}.json", "application/json", type="tertiary", on_click="ignore"
        )
