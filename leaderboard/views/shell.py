"""The frame of every page: data, look, address; filters, downloads and figures that pages share."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd
import streamlit as st

from retouch.leaderboard.look import markup, theme, words
from retouch.leaderboard.rank import tables
from retouch.leaderboard.rank.board import View, shared
from retouch.leaderboard.views import state

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


def run(page: Callable[..., None], title: str, lead: str = "", *, always: bool = False) -> None:
    """Draw a page: style sheet, heading, data, and the address before and after.

    Args:
        page: draws what is the page's own, from the view of one edition, the look and the track. One that shows
            `always`, without any record too, has the view of all editions and the look.
        lead: what the page is about, HTML.
    """
    look = theme.look(dark())
    call_it(title)
    st.html(f"<style>{theme.css(look.dark)}</style>")
    st.html(f"<script>{theme.script()}</script>", unsafe_allow_javascript=True)
    state.follow(title)
    newest = view()
    head = st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center")
    head.html(markup.heading(title, lead), width="content")
    beside = head.container(horizontal=True, vertical_alignment="bottom", width="content")
    if len(newest.runs) == 0:
        bad = len(newest.records.rejected)
        st.html(markup.empty(REJECTED.format(bad) if bad else NONE_YET))
    if len(newest.runs) or always:
        try:
            page(newest, look) if always else page(*_part(beside, newest, look))
        except state.Unknown as error:
            st.html(markup.empty(f"{markup.esc(error)} Choose another above, or go back."))
    links(beside)
    state.publish()


OF_TASK = {"overview": "table", "tradeoffs": "trade-offs", "task": "rules and runs", "wall": "wall"}


def links(beside: Any) -> None:
    """Ways to what the pages have of the task that this one shows; the navigation above forgets the task."""
    here = {name: text for name, text in state.values().items() if name in ("track", "version", "task", "family")}
    if here.get("task", words.ALL) != words.ALL:
        with beside.container(horizontal=True, vertical_alignment="center", gap="xsmall", width="content"):
            st.html('<span class="rt dim">This task’s</span>', width="content")
            for name, text in OF_TASK.items():
                st.page_link(Path(__file__).with_name(f"{name}.py"), label=text, query_params=here, width="content")


def call_it(title: str) -> None:
    """The title of the browser's window."""
    st.set_page_config(page_title=f"{title} · Retouch")


def _part(beside: Any, view: View, look: theme.Look) -> tuple[View, theme.Look, str]:
    """The edition and the track that are looked at; controls beside the heading, only where there are several."""
    with beside:
        track = _one_of("Track", "track", view.tracks(), "A named, versioned list of instances and seeds.")
        edition = _one_of("Version", "version", view.editions(track), "Scores of two versions cannot be compared.")
    if edition:
        st.html(f'<div class="rt dim">{markup.esc(words.OLDER.format(edition))}</div>')
    return view.at(edition), look, track


def _one_of(label: str, name: str, options: list[str], meaning: str) -> str:
    """A choice where there is one; an address may name the only option, too."""
    if len(options) == 1 and st.query_params.get(name, options[0]) == options[0]:
        return options[0]
    return state.choice(label, name, options, show=lambda option: option or "now", width=180, help=meaning,
                        always=name == "track")  # fmt: skip


def task(view: View, track_name: str, more: Sequence[str] = ()) -> str:
    """The task that is looked at, or one of what stands beside the tasks."""
    names = [*view.tasks(track_name), *more]
    return state.choice("Task", "task", names, show=words.task_title, segmented=True, always=True)


FORMATS = ("svg", "png")  # that a figure is saved as
COSTS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, float("inf"))


def families(view: View, track_name: str, task: str) -> list[str]:
    """The families that are looked at: one, or all that have records of the task."""
    names = view.families(track_name, task)
    name = state.choice("Family", "family", ["all", *names], segmented=True,
                        show=lambda family: "All" if family == "all" else words.family_title(family))  # fmt: skip
    return names if name == "all" else [name]


def filters(track_name: str) -> tables.Filter:
    """The filters that the overview and the trade-offs share."""
    with st.popover("Filters", icon=":material/tune:"):
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
    return tables.Filter(track_name, tuple(allowed), cost, claim, complete, find)


def marks(view: View, look: theme.Look) -> dict[str, theme.Mark]:
    """A colour and a shape for every submission."""
    return view.memo(("marks", look.dark), lambda: theme.marks(view.by_age(), view.records.controls, look))


def downloads(name: str, shown: pd.DataFrame, *, figures: bool = False,
              texts: Mapping[str, Callable[[], str]] = MappingProxyType({})) -> None:  # fmt: skip
    """Buttons that give exactly the rows shown.

    Args:
        figures: whether the page has some; then also what the camera in their corner saves.
        texts: further forms, title -> what makes it.
    """
    forms = {"CSV": ("csv", "text/csv", lambda: tables.csv(shown)),
             "Parquet": ("parquet", "application/vnd.apache.parquet", lambda: shown.to_parquet(index=False)),
             "JSON": ("json", "application/json", lambda: shown.to_json(orient="records", indent=1))}  # fmt: skip
    forms |= {title: (title.lower(), "text/plain", make) for title, make in texts.items()}
    with st.container(horizontal=True):
        for label, (end, mime, data) in forms.items():
            st.download_button(label, data, f"{name}.{end}", mime, icon=":material/download:", key=f"{end}:{name}",
                               on_click="ignore", type="tertiary")  # fmt: skip
        if figures:
            state.choice("The camera on a figure saves", "figure", FORMATS, segmented=True, show=str.upper)


def chart(figure: Any, key: str, alt: str, **more: Any) -> Any:
    """A figure in the page's own look; the camera in its corner saves it as SVG or PNG."""
    kind = st.session_state.get("figure") or st.query_params.get("figure")
    kind = kind if kind in FORMATS else FORMATS[0]
    config = {**CONFIG, "toImageButtonOptions": {"format": kind, "filename": key, "scale": 2}}
    return st.plotly_chart(figure, theme=None, key=key, config=config, alt=alt, **more)
