"""Trade-offs: any number against any other, with intervals, operating points, Pareto front and controls."""

import pandas as pd
import streamlit as st

from retouch.leaderboard.draw import figures, overview_table, sheets
from retouch.leaderboard.look import markup, words
from retouch.leaderboard.rank import scores, tables
from retouch.leaderboard.read import frame
from retouch.leaderboard.views import hover, shell, state

NUMBERS = ("goal", "quality", "score", "share", "seconds", "sampling_relative", "peak_memory_mb")

found, of = shell.begin(
    "Trade-offs",
    "A change can always be had at the price of the images. Up and to the right is better "
    "where both axes point up; the dotted line is the Pareto front.",
)
with st.container(horizontal=True, vertical_alignment="bottom"):
    track = shell.track(found)
    with_records = shell.tasks_of(found, track)
    chosen = state.many("Task", "tasks", with_records, show=shell.task_title, default=with_records[:1]) or with_records
    by = shell.filters(found, track)
runs = found.runs[(found.runs["track"] == track) & found.runs["task"].isin(chosen)]
known = [*NUMBERS, *frame.metrics_of(runs)]
fitting = [name for name, pair in words.PRESETS.items() if set(pair) <= {*known, ""}]
with st.container(horizontal=True, vertical_alignment="bottom"):
    preset = state.choice("Show", "show", fitting, width=330)
    x, y = words.PRESETS[preset]
    if not x:
        x = state.choice("Across", "x", known, default="goal", show=words.title, width=260)
        y = state.choice("Up", "y", known, default="quality", show=words.title, width=260)
left = tables.keep(found.scores, found.records, by)
left = left[left["task"].isin(chosen)]
extra = [name for name in (x, y) if name not in NUMBERS]
if extra:
    left = left.merge(tables.points(found.runs, left, extra), on=[*scores.COHORT, *scores.ROW], how="left")
shown = left[left[x].notna() & left[y].notna()]
if shown.empty:
    st.html(shell.empty("No run under these filters has both numbers. Choose other axes, or take a filter away."))
    st.stop()

marks, titles = shell.marks(found, of), shell.titles(found)
picked: dict[str, str] = {}
panels = [(task, family) for task in chosen for family in shell.families_of(found, track)
          if ((shown["task"] == task) & (shown["family"] == family)).any()]  # fmt: skip
across = min(3, len(panels))
for start in range(0, len(panels), across):
    for column, (task, family) in zip(st.columns(across, gap="medium"), panels[start : start + across], strict=False):
        part = shown[(shown["task"] == task) & (shown["family"] == family)]
        name = (
            shell.family_title(family)
            if len(chosen) == 1
            else f"{shell.task_title(task)} · {shell.family_title(family)}"
        )
        with column:
            figure = figures.tradeoff(
                part,
                x,
                y,
                found.records.controls,
                marks=marks,
                titles=titles,
                dark=of.dark,
                title=name,
                panels=across,
                over=shown[shown["task"] == task] if {x, y} <= set(figures.UNIT) else part,
            )
            event = shell.chart(
                figure,
                f"tradeoff-{task}-{family}",
                f"{name}: {words.title(y)} against {words.title(x)}",
                on_select="rerun",
                selection_mode="points",
            )
            if event.selection.points:
                picked = {"point": "|".join(event.selection.points[0].get("customdata", []) or []), "task": task}
largest = shown.loc[~shown["control"], "share"].max()
st.html(
    '<div class="rt dim">Thin lines: 95% intervals. Marker area: cost'
    + (f", the largest {markup.percent(largest)} of pre-training" if pd.notna(largest) else "")
    + ". Lines join a submission's operating points. Grey: controls. Click or tap a point for its pictures.</div>"
)


def pictures() -> dict[str, str]:
    """The contact sheet of each point, as far as there are few."""
    keys = shown[["task", "family", *scores.ROW]].drop_duplicates().head(hover.MOST)
    made = {}
    for task, family, name, point in keys.itertuples(index=False):
        part = runs[
            (runs["task"] == task)
            & (runs["family"] == family)
            & (runs["submission"] == name)
            & (runs["point"] == point)
        ]
        made[f"{name}|{point}|{family}"] = sheets.first(found.records, part)
    return {key: value for key, value in made.items() if value}


if len(chosen) == 1:
    hover.pictures(pictures())
if picked and picked["point"].count("|") == 2:
    name, point, family = picked["point"].split("|")
    part = runs[(runs["task"] == picked["task"]) & (runs["family"] == family) & (runs["submission"] == name)
                & (runs["point"] == point)]  # fmt: skip
    image = sheets.first(found.records, part)
    st.html(
        f'<div class="rt"><h2>{markup.link("method", found.records.title(name), name=name, point=point, track=track)} '
        f'<span class="dim">{markup.esc(point)} · {markup.esc(shell.family_title(family))}</span></h2>'
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
    head = ["method", "point", "task", "family", overview_table.short(x), overview_table.short(y), "cost"]
    st.html(markup.table(head, [[markup.esc(found.records.title(r["submission"])), markup.esc(r["point"]),
                                 markup.esc(shell.task_title(r["task"])), markup.esc(shell.family_title(r["family"])),
                                 markup.number(r[x], 3), markup.number(r[y], 3), markup.percent(r["share"])]
                                for r in table.head(400).to_dict("records")], numeric=(4, 5, 6)))  # fmt: skip
shell.downloads("retouch-tradeoffs", table, figures=True)
with st.expander("What these numbers mean"):
    st.html(markup.explain([x, y, "share"]))
