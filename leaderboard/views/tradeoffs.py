"""Trade-offs: any number against any other, with intervals, operating points, Pareto front and controls."""

import pandas as pd
import streamlit as st

from retouch.leaderboard.draw import axes, sheets
from retouch.leaderboard.draw.tradeoff import tradeoff
from retouch.leaderboard.look import markup, numbers, words
from retouch.leaderboard.rank import scores, tables
from retouch.leaderboard.read import frame
from retouch.leaderboard.views import hover, shell, state

NUMBERS = ("goal", "quality", "score", "share", "seconds", "sampling_relative", "peak_memory_mb")

view, look = shell.begin(
    "Trade-offs",
    "A change can always be had at the price of the images. Up and to the right is better "
    "where both axes point up; the dotted line is the Pareto front.",
)
with st.container(horizontal=True, vertical_alignment="bottom"):
    track = shell.track(view)
    with_records = view.tasks(track)
    chosen = state.many("Task", "tasks", with_records, show=words.task_title, default=with_records[:1]) or with_records
    by = shell.filters(view, track)
runs = view.runs[(view.runs["track"] == track) & view.runs["task"].isin(chosen)]
known = [*NUMBERS, *frame.metrics_of(runs)]
fitting = [name for name, pair in words.presets().items() if set(pair) <= {*known, ""}]
with st.container(horizontal=True, vertical_alignment="bottom"):
    preset = state.choice("Show", "show", fitting, width=330)
    x, y = words.presets()[preset]
    if not x:
        x = state.choice("Across", "x", known, default="goal", show=numbers.title, width=260)
        y = state.choice("Up", "y", known, default="quality", show=numbers.title, width=260)
left = tables.keep(view.scores, view.records, by)
left = left[left["task"].isin(chosen)]
extra = [name for name in (x, y) if name not in NUMBERS]
if extra:
    left = left.merge(tables.points(view.runs, left, extra), on=[*scores.COHORT, *scores.ROW], how="left")
shown = left[left[x].notna() & left[y].notna()]
if shown.empty:
    st.html(markup.empty("No run under these filters has both numbers. Choose other axes, or take a filter away."))
    st.stop()

marks, titles = shell.marks(view, look), view.titles()
picked: dict[str, str] = {}
panels = [(task, family) for task in chosen for family in view.families(track)
          if ((shown["task"] == task) & (shown["family"] == family)).any()]  # fmt: skip
across = min(3, len(panels))
for start in range(0, len(panels), across):
    for column, (task, family) in zip(st.columns(across, gap="medium"), panels[start : start + across], strict=False):
        part = shown[(shown["task"] == task) & (shown["family"] == family)]
        name = (
            words.family_title(family)
            if len(chosen) == 1
            else f"{words.task_title(task)} · {words.family_title(family)}"
        )
        with column:
            figure = tradeoff(
                part,
                x,
                y,
                view.records.controls,
                marks=marks,
                titles=titles,
                dark=look.dark,
                title=name,
                panels=across,
                over=shown[shown["task"] == task] if {x, y} <= set(axes.UNIT) else part,
            )
            event = shell.chart(
                figure,
                f"tradeoff-{task}-{family}",
                f"{name}: {numbers.title(y)} against {numbers.title(x)}",
                on_select="rerun",
                selection_mode="points",
            )
            if event.selection.points:
                picked = {"point": "|".join(event.selection.points[0].get("customdata", []) or []), "task": task}
largest = shown.loc[~shown["control"], "share"].max()
st.html(
    '<div class="rt dim">Thin lines: 95% intervals. Marker area: cost'
    + (f", the largest {numbers.percent(largest)} of pre-training" if pd.notna(largest) else "")
    + ". Lines join a submission's operating points. Grey: controls. Click or tap a point for its pictures.</div>"
)


def pictures() -> dict[str, str]:
    """The contact sheet of each point, as far as there are few."""
    keys = shown[["task", "family", *scores.ROW]].drop_duplicates().head(hover.MOST)
    addresses = {}
    for task, family, name, point in keys.itertuples(index=False):
        part = runs[
            (runs["task"] == task)
            & (runs["family"] == family)
            & (runs["submission"] == name)
            & (runs["point"] == point)
        ]
        addresses[f"{name}|{point}|{family}"] = sheets.first(view.records, part)
    return {key: value for key, value in addresses.items() if value}


if len(chosen) == 1:
    hover.pictures(pictures())
if picked and picked["point"].count("|") == 2:
    name, point, family = picked["point"].split("|")
    part = runs[(runs["task"] == picked["task"]) & (runs["family"] == family) & (runs["submission"] == name)
                & (runs["point"] == point)]  # fmt: skip
    image = sheets.first(view.records, part)
    st.html(
        f'<div class="rt"><h2>{markup.link("method", view.records.title(name), name=name, point=point, track=track)} '
        f'<span class="dim">{markup.esc(point)} · {markup.esc(words.family_title(family))}</span></h2>'
        + (
            f'<img class="whole" style="width:640px" src="{image}" alt="base above, edited below">'
            if image
            else '<p class="dim">This run left no picture.</p>'
        )
        + "</div>"
    )
columns = ["task", "family", *scores.ROW, *frame.with_ends(x, y), "share"]
table = shown[[c for c in dict.fromkeys(columns) if c in shown]].sort_values(["task", "family", "submission", "point"])
with st.expander("The numbers as a table"):
    head = ["method", "point", "task", "family", numbers.short(x), numbers.short(y), "cost"]
    st.html(markup.table(head, [[markup.esc(view.records.title(r["submission"])), markup.esc(r["point"]),
                                 markup.esc(words.task_title(r["task"])), markup.esc(words.family_title(r["family"])),
                                 numbers.number(r[x], 3), numbers.number(r[y], 3), numbers.percent(r["share"])]
                                for r in table.head(400).to_dict("records")], numeric=(4, 5, 6)))  # fmt: skip
shell.downloads("retouch-tradeoffs", table, figures=True)
with st.expander("What these numbers mean"):
    st.html(markup.explain([x, y, "share"]))
