"""Write the site: every page, what they need, and what programs read; nothing of it needs a network."""

import json
import re
import shutil
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

import plotly

from retouch.benchmark.support.files import write_atomically
from retouch.leaderboard.draw import sheets
from retouch.leaderboard.look import theme
from retouch.leaderboard.look.markup import empty, esc
from retouch.leaderboard.rank import paired
from retouch.leaderboard.rank.board import View
from retouch.leaderboard.site import extras
from retouch.leaderboard.site.page import Page, html
from retouch.leaderboard.site.pages import pages

PICTURE = re.compile(rf"{sheets.FOLDER}/[\w./%-]+?\.png")


def write(view: View, folder: Path, url: str = "") -> Path:
    """Write the site below `folder`; returns its first page.

    Args:
        url: where it will stand, for the feed and for previews in other people's posts.
    """
    made, url = datetime.now(UTC), url.rstrip("/")
    first = view.newest(view.tracks()[0]) if len(view.runs) else view
    pairs = extras.comparisons(first, view.tracks()[0]) if len(view.runs) else {}
    none = Page("index.html", "Retouch", empty("No records yet."))
    written = [*pages(view), _compare(first)] if len(view.runs) else [none]
    texts = {page.file: html(page, made, len(view.runs), url) for page in written}
    texts["index.html"] = texts[written[0].file]
    texts |= {"board.js": theme.script(), "site.js": theme.text("site.js"), ".nojekyll": ""}
    texts |= {"results.json": extras.results(view, made), "feed.xml": extras.feed(view, made, url),
              "cite.bib": extras.bibtex(view, made)}  # fmt: skip
    texts["compare.js"] = f"const comparisons = {json.dumps(pairs, separators=(',', ':'))};"
    for name, text in texts.items():
        write_atomically(folder / name, text.encode())
    script = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    write_atomically(folder / script.name, script.read_bytes())
    _pictures(view, texts.values(), folder)
    return folder / "index.html"


def _pictures(view: View, texts: Iterable[str], folder: Path) -> None:
    """Copy the contact sheets that the pages show; the first of the first page is the preview."""
    names = list(dict.fromkeys(name for text in texts for name in PICTURE.findall(text)))
    for name in names:
        target = folder / unquote(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(view.records.root / unquote(name).removeprefix(f"{sheets.FOLDER}/"), target)
    if names:
        shutil.copyfile(folder / unquote(names[0]), folder / "preview.png")


def _compare(view: View) -> Page:
    """Any two submissions, paired; at first the two that tell most."""
    rows, titles = extras.compared(view), view.titles()
    track = next(iter(view.tracks()), "")
    chosen = paired.first(view.scores[view.scores["track"] == track], view.records.published())
    picks = ""
    for label, (name, _) in zip(("First", "Second"), [*chosen, ("", ""), ("", "")][:2], strict=True):
        options = [f'<option value="{esc(n)}"{" selected" * (n == name)}>{esc(titles[n])}</option>' for n, _ in rows]
        picks += f'<label>{label} <select aria-label="{label}">{"".join(options)}</select></label>'
    lead = "<p>Differences are paired: the same instances, the same seeds. A filled mark leaves out 0.</p>"
    return Page("compare.html", "Compare", f'{lead}<p class="pick">{picks}</p><div id="pair" aria-live="polite"></div>')
