"""Trade-offs: any number against any other, with intervals, sweeps, Pareto front and controls; a panel a family."""

import pandas as pd
import streamlit as st

from retouch.leaderboard.draw import profile, sheets
from retouch.leaderboard.draw.tradeoff import key
from retouch.leaderboard.look import markup, numbers, theme, words
from retouch.leaderboard.rank import profiles, scores
from retouch.leaderboard.rank.board import View
from retouch.leaderboard.read import frame
from retouch.leaderboard.views import panels, shell, state

PROFILES = ("The share of the core instances on which a method’s score comes within a factor of the best one’s; "
            "at 1: on how many it is the best. Where it did not run, it counts as far away.")  # fmt: skip


def page(view: View, look: theme.Look, track: str) -> None:
    """Controls, panels, the pictures of a point, the numbers."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        task = shell.task(view, track)
        families = shell.families(view, track, task)
        x, y = choose(view, track, task)
        by = shell.filters(track)
    rows = panels.points(view, by, task, x, y)
    rows = rows[rows["family"].isin(families)]
    if rows.empty:
        st.html(markup.empty("No run under these filters has both numbers. Choose other axes, or take a filter away."))
        return
    names = [family for family in families if (rows["family"] == family).any()]
    point = None
    for family, column in zip(names, st.columns(len(names), gap="medium"), strict=True):
        with column:
            figure = panels.panel(view, by, task, x, y, family, len(names), look.dark)
            says = f"{words.family_title(family)}: {numbers.title(y)} against {numbers.title(x)}"
            event = shell.chart(figure, f"tradeoff-{task}-{family}", says, on_select="rerun", selection_mode="points")
            point = next((p["customdata"] for p in event.selection.points if p.get("customdata")), point)
    st.html(markup.whose(set(rows["submission"]), shell.marks(view, look), view.titles()) + key(rows))
    if point is not None:
        picture(view, rows, *point)
    table(view, rows, x, y)
    if state.switch("Performance profiles", "profiles", help="How often each method comes how near to the best."):
        draw_profiles(view, track, families, look)


def draw_profiles(view: View, track: str, families: list[str], look: theme.Look) -> None:
    """A profile a family, over the instances of all tasks, and whose each line is."""
    marks, titles, names = shell.marks(view, look), view.titles(), set()
    st.html(f'<div class="rt dim">{PROFILES}</div>')
    for family, column in zip(families, st.columns(len(families), gap="medium"), strict=True):
        with column:
            shares = profiles.profiles(view.runs, track, family, view.records.controls)
            names |= set(shares["submission"])
            figure = profile.profile(shares, marks=marks, titles=titles, dark=look.dark,
                                     title=words.family_title(family))  # fmt: skip
            says = f"{words.family_title(family)}: share of instances within a factor of the best score"
            shell.chart(figure, f"profile-{family}", says)
    st.html(markup.whose(names, marks, titles))


def choose(view: View, track: str, task: str) -> tuple[str, str]:
    """The two numbers: a preset that the task's records have, or any."""
    runs = view.runs[(view.runs["track"] == track) & (view.runs["task"] == task)]
    attacked = [frame.AFTER] if runs[frame.AFTER].notna().any() else []
    names = [*panels.NUMBERS, *attacked, *frame.metrics_of(runs)]
    presets = {title: pair for title, pair in words.presets().items() if set(pair) <= {*names, ""}}
    x, y = presets[state.choice("Axes", "show", list(presets), width=330)]
    if not x:
        x = state.choice("Across", "x", names, default="goal", show=numbers.title, width=260)
        y = state.choice("Up", "y", names, default="quality", show=numbers.title, width=260)
    return x, y


def picture(view: View, rows: pd.DataFrame, name: str, point: str, family: str) -> None:
    """The contact sheet of the point that was clicked."""
    keys = rows[(rows["submission"] == name) & (rows["point"] == point) & (rows["family"] == family)].iloc[0]
    link = markup.link("method", view.records.title(name), name=name, point=point, track=keys["track"],
                       task=keys["task"], family=family)  # fmt: skip
    runs = view.runs[(view.runs["submission"] == name) & (view.runs["point"] == point) & ~view.runs["tuning"]]
    runs = runs[(runs["track"] == keys["track"]) & (runs["task"] == keys["task"]) & (runs["family"] == family)]
    run = runs.sort_values(["instance", "seed"]).iloc[0].to_dict()
    image = sheets.html(view.records, run)
    place = markup.link("wall", "its place on the wall", track=run["track"], task=keys["task"], row=f"{name}/{point}",
                        instance=run["instance"], seed=str(run["seed"]))  # fmt: skip
    st.html(f'<div class="rt"><h2>{link} <span class="dim">{markup.esc(point)} · '
            f"{markup.esc(words.family_title(family))} · {place}</span></h2></div>"
            + (image or '<p class="rt dim">This run left no picture.</p>'))  # fmt: skip


def table(view: View, rows: pd.DataFrame, x: str, y: str) -> None:
    """The numbers behind the panels, on the page and as a download."""
    columns = ["task", "family", *scores.ROW, *frame.with_ends(x, y), "share"]
    shown = rows[[c for c in dict.fromkeys(columns) if c in rows]].sort_values(["family", "submission", "point"])
    with st.expander("The numbers as a table"):
        head = ["method", "point", "family", numbers.short(x), numbers.short(y), "cost"]
        lines = [[markup.link("method", view.records.title(r["submission"]), name=r["submission"], point=r["point"],
                              task=r["task"], family=r["family"]), markup.esc(r["point"]),
                  markup.esc(words.family_title(r["family"])), numbers.number(r[x], 3), numbers.number(r[y], 3),
                  numbers.percent(r["share"])] for r in shown.head(400).to_dict("records")]  # fmt: skip
        st.html(markup.table(head, lines, numeric=(3, 4, 5)))
    shell.downloads("retouch-tradeoffs", shown, figures=True)
    with st.expander("What these numbers mean"):
        st.html(markup.explain([x, y, "share"]))


shell.run(page, "Trade-offs", words.TRADEOFFS)
