"""What every page starts with: the data, the look, the empty states."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from retouch.leaderboard.look import markup, theme, words
from retouch.leaderboard.rank import tables
from retouch.leaderboard.rank.board import View, shared
from retouch.leaderboard.views import state

PAGE = 60  # rows of the overview on the screen at once
LEAD = ("Leaderboard", "What it takes to change what a trained image generator produces, without training it again: "
        "was the change achieved, and is everything else still there?")  # fmt: skip
NONE_YET = ("No records yet. <code>retouch new NAME</code> writes a submission, <code>retouch run NAME</code> leaves "
            "its records, and this page shows them when it is opened again.")  # fmt: skip
REJECTED = ("No record could be read. Rejected: {:,}; <a href='questions#rejected' target='_self'>Questions</a> gives "
            "the reasons.")  # fmt: skip
SOURCE = "RETOUCH_BOARD"  # the folder or Parquet on the board
CONFIG = {"displaylogo": False, "responsive": True, "scrollZoom": False,
          "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d", "zoomIn2d", "zoomOut2d"]}  # fmt: skip


def source() -> Path:
    """The folder or Parquet that the board shows."""
    return Path(os.environ.get(SOURCE, "submissions"))


def view() -> View:
    """The newest view of the records."""
    return shared(source()).newest()


def dark() -> bool:
    """Whether the visitor's page is dark."""
    return st.context.theme.type == "dark"


def begin(title: str, lead: str = "", *, always: bool = False) -> tuple[View, theme.Look]:
    """Style sheet, heading, data. Where there are no records it says so and stops, unless the page `always` shows."""
    look = theme.look(dark())
    st.html(f"<style>{theme.css(look.dark)}</style>")
    if title:
        st.html(markup.heading(title, lead))
    newest = view()
    if len(newest.runs) == 0:
        bad = len(newest.records.rejected)
        st.html(markup.empty(REJECTED.format(bad) if bad else NONE_YET))
        if not always:
            st.stop()
    return newest, look


def track(view: View) -> str:
    """The track that is looked at."""
    names = view.tracks()
    return (
        state.choice(
            "Track", "track", names, width=130, always=True, help="A named, versioned list of instances and seeds."
        )
        if names
        else ""
    )


FORMATS = ("svg", "png")  # that a figure is saved as
COSTS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, float("inf"))


def filters(view: View, track_name: str) -> tables.Filter:
    """The filters that the overview and the trade-offs share."""
    families = state.many("Family", "families", view.families(track_name), show=words.family_title)
    with st.popover("More filters", icon=":material/tune:"):
        allowed = state.many(
            "The method may need",
            "access",
            list(words.NEEDS),
            show=words.need,
            pills=False,
            help="Methods that need anything else are left out. Empty: no restriction.",
        )
        cost = state.number("At most this share of pre-training", "cost", COSTS, default=float("inf"),
                            show=lambda c: "any" if c == float("inf") else f"{100 * c:g}%")  # fmt: skip
        claim = state.choice("Claim", "claim", ["all", "verified"], segmented=True)
        complete = state.choice("Status", "status", ["all", "complete"], segmented=True,
                                help="Complete: every instance and seed ran, and counts.") == "complete"  # fmt: skip
        find = state.text("Name contains", "find")
    return tables.Filter(track_name, (), families, allowed, cost, claim, complete, find)  # fmt: skip


def marks(view: View, look: theme.Look) -> dict[str, theme.Mark]:
    """A colour and a shape for every submission."""
    return theme.marks(view.submissions(), view.records.controls, look)


def downloads(name: str, shown: pd.DataFrame, *, figures: bool = False) -> None:
    """Buttons that give exactly the rows shown; for pages with figures, what the camera in their corner saves."""
    with st.container(horizontal=True):
        st.download_button(
            "CSV",
            tables.csv(shown),
            f"{name}.csv",
            "text/csv",
            icon=":material/download:",
            key=f"csv:{name}",
            on_click="ignore",
            type="tertiary",
        )
        st.download_button(
            "Parquet",
            _parquet(shown),
            f"{name}.parquet",
            "application/vnd.apache.parquet",
            icon=":material/download:",
            key=f"parquet:{name}",
            on_click="ignore",
            type="tertiary",
        )
        if figures:
            state.choice("The camera on a figure saves", "figure", FORMATS, segmented=True, show=str.upper)


def _parquet(shown: pd.DataFrame) -> Callable[[], bytes]:
    return lambda: shown.to_parquet(index=False)


def chart(figure: Any, key: str, alt: str, **more: Any) -> Any:
    """A figure in the page's own look; the camera in its corner saves it as SVG or PNG."""
    kind = st.session_state.get("figure") or st.query_params.get("figure")
    kind = kind if kind in FORMATS else FORMATS[0]
    config = {**CONFIG, "toImageButtonOptions": {"format": kind, "filename": key, "scale": 2}}
    return st.plotly_chart(figure, theme=None, key=key, config=config, alt=alt, **more)
