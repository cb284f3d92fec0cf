"""The first table, drawn by the server into the page that loads Streamlit, so that nobody waits for its scripts.

Streamlit shows nothing until a browser has loaded and started two megabytes of scripts and these have asked for the
page. The plain address is answered with the same table at once; it goes when Streamlit's own stands in its place.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit
from starlette.responses import HTMLResponse

from retouch.leaderboard.draw import overview
from retouch.leaderboard.look import markup, theme
from retouch.leaderboard.rank import tables
from retouch.leaderboard.rank.board import View, shared
from retouch.leaderboard.views import shell

INDEX = Path(streamlit.__file__).parent / "static" / "index.html"
STYLE = """#rt-first{position:fixed;inset:0;overflow:auto;background:var(--ground);z-index:1000000}
#rt-first main{margin:1rem auto 0}#rt-first .rt-controls{height:5.9rem}#rt-first .rt-gap{height:1rem}
@media (max-width:640px){#rt-first .rt-controls{height:16.4rem}}"""
SCRIPT = """new MutationObserver((_, watch) => {
  if (!document.querySelector("#root :is(.cohort, .empty, [data-testid=stException])")) return;
  watch.disconnect();
  document.getElementById("rt-first").remove();
}).observe(document.getElementById("root"), { childList: true, subtree: true });"""


class FirstTable:
    """ASGI middleware: the plain address without a query gets the table, everything else is Streamlit's."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        """Answer a request."""
        if scope["type"] == "http" and scope["path"] == "/" and not scope["query_string"]:
            view = shared(shell.source()).view
            await HTMLResponse(page(view), headers={"cache-control": "no-cache"})(scope, receive, send)
        else:
            await self.app(scope, receive, send)


@lru_cache(maxsize=1)
def page(view: View) -> str:
    """Streamlit's page with the first table above it."""
    text = INDEX.read_text(encoding="utf-8").replace("<title>Streamlit</title>", "<title>Retouch leaderboard</title>")
    if len(view.scores) == 0:
        return text
    dark = f"@media (prefers-color-scheme:dark){{{theme.variables(True)}}}"
    body = (
        f"<style>{theme.css()}{dark}{STYLE}</style>"
        f'<div id="rt-first" class="rt"><main class="stMainBlockContainer">{markup.heading(*shell.LEAD)}'
        f'<div class="rt-controls"></div>{markup.key()}<div class="rt-gap"></div>{first(view)}</main></div>'
        f"<script>{SCRIPT}</script>"
    )
    return text.replace("</body>", body + "</body>")


def first(view: View) -> str:
    """The overview as it opens: the first task without any filter."""
    track = view.tracks()[0]
    task = view.tasks(track)[0]
    rows = tables.keep(view.scores, view.records, tables.Filter(track))
    marks = theme.marks(view.submissions(), view.records.controls, theme.look())
    return overview.sections(view, rows, task, view.families(track, task), marks)
