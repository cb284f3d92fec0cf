"""What every page starts with: the data, the look, the empty states."""

import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import streamlit as st

from retouch.leaderboard.look import theme, words
from retouch.leaderboard.rank import tables
from retouch.leaderboard.read.board import View, shared
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
    of = theme.look(dark())
    st.html(f"<style>{theme.css(of.dark)}</style>")
    if title:
        st.html(heading(title, lead))
    found = view()
    if len(found.runs) == 0:
        bad = len(found.records.rejected)
        st.html(empty(REJECTED.format(bad) if bad else NONE_YET))
        if not always:
            st.stop()
    return found, of


def heading(title: str, lead: str = "") -> str:
    """A page's title and what it is about, both HTML."""
    return f'<div class="rt"><h1>{title}</h1>{f"<p>{lead}</p>" if lead else ""}</div>'


def empty(text: str) -> str:
    """An empty state; `text` is HTML."""
    return f'<div class="rt"><div class="empty">{text}</div></div>'


def tracks(found: View) -> list[str]:
    """The tracks that have records, the one with most records first."""
    return [str(name) for name in found.runs["track"].value_counts().index if (found.runs["track"] == name).any()]


def track(found: View) -> str:
    """The track that is looked at."""
    known = tracks(found)
    return (
        state.choice(
            "Track", "track", known, width=130, always=True, help="A named, versioned list of instances and seeds."
        )
        if known
        else ""
    )


def task_title(name: str) -> str:
    """A task's title."""
    return words.TASKS.get(name, name.replace("_", " ").capitalize())


def family_title(name: str) -> str:
    """A family's title."""
    return words.FAMILIES.get(name, name)


def tasks_of(found: View, track_name: str) -> list[str]:
    """The tasks of a track that have records, in the usual order."""
    have = set(found.runs.loc[found.runs["track"] == track_name, "task"].unique())
    return [t for t in words.TASKS if t in have] + sorted(have - set(words.TASKS))


def families_of(found: View, track_name: str) -> list[str]:
    """The families of a track that have records."""
    have = set(found.runs.loc[found.runs["track"] == track_name, "family"].unique())
    return [f for f in words.FAMILIES if f in have]


FORMATS = ("svg", "png")  # that a figure is saved as
COSTS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, float("inf"))


def filters(found: View, track_name: str) -> tables.Filter:
    """The filters that the overview and the trade-offs share."""
    families = state.many("Family", "families", families_of(found, track_name), show=family_title)
    with st.popover("More filters", icon=":material/tune:"):
        allowed = state.many(
            "The method may need",
            "access",
            list(words.NEEDS),
            show=lambda n: words.NEEDS[n],
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


def marks(found: View, of: theme.Look) -> dict[str, theme.Mark]:
    """A colour and a shape for every submission."""
    names = [str(name) for name in found.runs["submission"].cat.categories]
    return theme.marks(names, found.records.controls, of)


def titles(found: View) -> dict[str, str]:
    """Every submission's title."""
    return {str(name): found.records.title(str(name)) for name in found.runs["submission"].cat.categories}


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


def chart(figure: object, key: str, alt: str, **more: object) -> object:
    """A figure in the page's own look; the camera in its corner saves it as SVG or PNG."""
    kind = st.session_state.get("figure") or st.query_params.get("figure")
    kind = kind if kind in FORMATS else FORMATS[0]
    config = {**CONFIG, "toImageButtonOptions": {"format": kind, "filename": key, "scale": 2}}
    return st.plotly_chart(figure, theme=None, key=key, config=config, alt=alt, **more)
