"""Wall: what every method makes of the same latents, one under the other."""

import streamlit as st

from retouch.leaderboard.draw import wall
from retouch.leaderboard.look import theme, words
from retouch.leaderboard.rank.board import View
from retouch.leaderboard.views import shell, state


def page(view: View, look: theme.Look, track: str) -> None:
    """Controls and the wall; a row that the address names comes first."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        task = shell.task(view, track)
        runs = view.runs[(view.runs["track"] == track) & (view.runs["task"] == task)]
        family = st.query_params.get("family", "")
        names = sorted(runs["instance"].astype(str).unique())
        likely = runs[(runs["family"] == family) & ~runs["tuning"]]["instance"].astype(str)
        instance = state.choice("Instance", "instance", names, width=320, always=True, default=min(likely, default=""))
        runs = runs[runs["instance"] == instance]
        seed = state.choice("Seed", "seed", [str(s) for s in sorted(runs["seed"].unique())], width=100)
        pairs = runs[["submission", "point"]].astype(str).drop_duplicates().itertuples(index=False, name=None)
        rows = {"/".join(row): row for row in sorted(pairs)}
        only = state.many("Only these rows", "with", list(rows), pills=False,
                          show=lambda key: f"{view.records.title(rows[key][0])} · {rows[key][1]}")  # fmt: skip
        loud = state.kept("Row", "row", list(rows))
    st.html(wall.wall(view, track, instance, int(seed), [rows[key] for key in only], [rows[key] for key in loud]))


shell.run(page, "Wall", words.WALL)
