"""What a page shows first, drawn by the server into the page that loads Streamlit, so that nobody waits for scripts.

Streamlit shows nothing until a browser has loaded and started two megabytes of scripts and these have asked for the
page. The table, the wall or the method that the address names comes at once; it goes when Streamlit's own stands.
"""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import streamlit
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse

from retouch.leaderboard.draw import method_card, overview, wall
from retouch.leaderboard.look import markup, theme
from retouch.leaderboard.rank import tables
from retouch.leaderboard.rank.board import View, shared
from retouch.leaderboard.views import shell

INDEX = Path(streamlit.__file__).parent / "static" / "index.html"
STYLE = """#rt-first{position:fixed;inset:0;overflow:auto;background:var(--ground);z-index:1000000}
#rt-first main{margin:1rem auto 0}#rt-first .rt-controls{height:5.9rem}
@media (max-width:640px){#rt-first .rt-controls{height:9rem}}"""
SCRIPT = """new MutationObserver((_, watch) => {
  if (!document.querySelector("#root :is(.cohort, .wall, .empty, [data-testid=stException])")) return;
  watch.disconnect();
  document.getElementById("rt-first").remove();
}).observe(document.getElementById("root"), { childList: true, subtree: true });"""
SPACE = '<div class="rt-controls"></div>'
Query = Mapping[str, str]


class FirstTable:
    """ASGI middleware: an address whose page can be drawn at once gets it, everything else is Streamlit's."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        """Answer a request."""
        if scope["type"] == "http" and scope["path"].strip("/") in PAGES:
            view = shared(shell.source()).view
            text = await run_in_threadpool(
                page, view, scope["path"].strip("/"), scope["query_string"].decode("latin-1")
            )
            await HTMLResponse(text, headers={"cache-control": "no-cache"})(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def page(view: View, path: str = "", query: str = "") -> str:
    """Streamlit's page, above it what the address asks for, if the server can draw it."""
    return view.memo(("page", path, query), partial(_page, view, path, query))


def _page(view: View, path: str, query: str) -> str:
    text = INDEX.read_text(encoding="utf-8").replace("<title>Streamlit</title>", "<title>Retouch leaderboard</title>")
    shown = _shown(view, path, dict(parse_qsl(query))) if len(view.scores) else ""
    if not shown:
        return text
    dark = f"@media (prefers-color-scheme:dark){{{theme.variables(True)}}}"
    body = (
        f"<style>{theme.css()}{dark}{STYLE}</style>"
        f'<div id="rt-first" class="rt"><main class="stMainBlockContainer">{shown}</main></div>'
        f"<script>{SCRIPT}</script>"
    )
    return text.replace("</body>", body + "</body>")


def _shown(view: View, path: str, query: Query) -> str:
    """What an address asks for; empty where its track or its edition is not here."""
    track = query.get("track", view.tracks()[0])
    known = view.editions(track)
    edition = query.get("version", known[0] if known else "")
    return PAGES[path](view.at(edition), track, query) if edition in known else ""


def table(view: View, track: str, query: Query) -> str:
    """The overview of a task, all families or one; empty where the address asks for more or for what is not here."""
    task = query.get("task", next(iter(view.tasks(track)), ""))
    families, family = view.families(track, task), query.get("family", "all")
    if set(query) - {"track", "version", "task", "family"} or not families or family not in ("all", *families):
        return ""
    rows = tables.keep(view.scores, view.records, tables.Filter(track))
    marks = theme.marks(view.by_age(), view.records.controls, theme.look())
    names = families if family == "all" else [family]
    shown = overview.sections(view, rows[rows["family"].isin(names)], task, names, marks)
    return f"{markup.heading(*shell.LEAD)}{SPACE}{shown}{markup.key()}"


def pictures(view: View, track: str, query: Query) -> str:
    """The wall of an instance; empty where the address names none, or chooses among its rows."""
    instance = query.get("instance", "")
    runs = view.runs[(view.runs["track"] == track) & (view.runs["instance"] == instance)]
    seed = query.get("seed", str(runs["seed"].min()) if len(runs) else "")
    if "with" in query or not seed.isdecimal() or int(seed) not in set(runs["seed"]):
        return ""
    name, _, point = query.get("row", "").partition("/")
    return (
        markup.heading("Wall")
        + SPACE
        + wall.wall(view, track, instance, int(seed), loud=[(name, point)] if name else [])
    )


def method(view: View, track: str, query: Query) -> str:
    """A method's card and its results; empty for one that is not here."""
    name = query.get("name", "")
    rows = tables.beside_controls(view.scores[view.scores["track"] == track], name, view.records.controls)
    if name not in view.submissions() or rows.empty:
        return ""
    marks = theme.marks(view.by_age(), view.records.controls, theme.look())
    card = method_card.method(name, view)
    return (f'{markup.heading("Method")}{SPACE}<h2>{markup.esc(view.records.title(name))}</h2>{card}'
            f"{overview.selection(view, rows, marks)}{markup.key()}")  # fmt: skip


Draw = Callable[[View, str, Query], str]  # from an edition, a track and what else the address says
PAGES: dict[str, Draw] = {"": table, "overview": table, "wall": pictures, "method": method}
