"""What surrounds every page of the site: head, navigation, foot."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from retouch.leaderboard.look import theme
from retouch.leaderboard.look.markup import esc
from retouch.leaderboard.site.links import localised

NAVIGATION = {"index.html": "Overview", "methods.html": "Methods", "compare.html": "Compare",
              "questions.html": "Questions"}  # fmt: skip
FIND = """<p class="find">
<label>Find <input type="search" id="find" size="28" placeholder="method or need, or another"></label>
<label><input type="checkbox" id="verified"> verified only</label> <span id="left" role="status"></span></p>"""
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><meta name="description" content="{lead}">
<meta property="og:title" content="{title}"><meta property="og:description" content="{lead}">
<meta property="og:type" content="website">{preview}
<link rel="icon" href="data:,"><style>{style}</style>
<link rel="alternate" type="application/atom+xml" href="feed.xml" title="New rows">
</head><body class="rt" data-night="{night}"><a class="skip" href="#main">Skip to the page</a>
<header><nav aria-label="Pages">{navigation}</nav>{tabs}</header>
<main id="main"><h1>{heading}</h1>{find}
{body}</main>
<footer class="dim">Made {made} from {records:,} records. <a href="results.json">results.json</a> ·
<a href="feed.xml">feed of new rows</a> · <a href="cite.bib">BibTeX</a></footer>
{scripts}<script src="site.js" defer></script></body></html>
"""


@dataclass(frozen=True)
class Page:
    """A page of the site.

    Attributes:
        file: its name. title: of the window, and the heading. body: HTML of the app's builders.
        lead: a plain sentence for previews. tabs: (file, text) of its siblings. find: with a field that filters rows.
    """

    file: str
    title: str
    body: str
    lead: str = "What it takes to change what a trained image generator produces, without training it again."
    tabs: Sequence[tuple[str, str]] = ()
    find: bool = False


def html(page: Page, made: datetime, records: int, url: str = "") -> str:
    """The whole file; `url`: where the site will stand, for the pictures of previews, which need a full address."""
    preview = f'<meta property="og:image" content="{esc(url)}/preview.png">' if url else ""
    needs = ["board.js"]
    needs += ["plotly.min.js"] if "data-figure" in page.body else []
    needs += ["compare.js"] if page.file == "compare.html" else []
    tabs = _links(dict(page.tabs), page.file, "Siblings") if page.tabs else ""
    return PAGE.format(
        title=esc(f"{page.title} · Retouch"), heading=esc(page.title), lead=esc(page.lead), preview=preview,
        navigation=_anchors(NAVIGATION, page.file), tabs=tabs, find=FIND if page.find else "",
        body=localised(page.body), made=f"{made:%d %B %Y}", records=records,
        style=style(), night=esc(json.dumps(theme.night())),
        scripts="".join(f'<script src="{name}" defer></script>' for name in needs),
    )  # fmt: skip


def _links(files: dict[str, str], here: str, label: str) -> str:
    return f'<nav class="tabs" aria-label="{label}">{_anchors(files, here)}</nav>'


def _anchors(files: dict[str, str], here: str) -> str:
    return "".join(
        f'<a href="{esc(name)}"{" aria-current=page" * (name == here)}>{esc(text)}</a>' for name, text in files.items()
    )


@cache
def style() -> str:
    """The style sheet, in every page, so that none waits for it: the board's, by day and by night, and the site's."""
    night = f"@media (prefers-color-scheme:dark){{{theme.variables(True)}}}"
    return theme.css(False) + night + theme.text("site.css")
