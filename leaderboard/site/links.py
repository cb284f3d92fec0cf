"""The app's addresses as files of the site, so that both share the same builders."""

import re
from html import escape, unescape
from urllib.parse import parse_qs

PAGES = ("overview", "tradeoffs", "task", "wall", "method", "compare", "questions")
HREF = re.compile(r'href="(' + "|".join(PAGES) + r')(\?[^"#]*)?(#[^"]*)?"')
ODD = re.compile(r"[^a-z0-9_.-]")


def file(page: str, *parts: str) -> str:
    """The file of a page: `wall.tiny.category_redaction.digits-gan.html`."""
    return ".".join([page, *(ODD.sub(".", part) for part in parts if part), "html"])


def address(page: str, query: str, fragment: str = "") -> str:
    """Where the site has what the app shows at this address."""
    values = {name: found[0] for name, found in parse_qs(query.removeprefix("?")).items()}
    track, task, instance = (values.get(name, "") for name in ("track", "task", "instance"))
    if page == "method":
        return file("method", values.get("name", "")) + (f"#{ODD.sub('.', instance)}" if instance else "")
    if page == "wall":
        return file("wall", track, instance) + (f"#{values['row'].replace('/', '.')}" if "row" in values else "")
    if page == "task":
        return file("task", track, task) + (f"#{values['family']}" if "family" in values else "")
    if page in ("overview", "tradeoffs"):
        return file(page, track, task, values.get("version", ""))
    return file(page) + fragment


def localised(html: str) -> str:
    """HTML of the app's builders with links to the site's own files."""

    def local(match: re.Match[str]) -> str:
        page, query, fragment = match.groups(default="")
        return f'href="{escape(address(page, unescape(query), fragment))}"'

    return HREF.sub(local, html)
