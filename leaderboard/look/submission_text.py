"""A manifest's texts as HTML: the paper with a link where it is a plain web address, and what the method needs."""

import re
from collections.abc import Iterable

from retouch.leaderboard.look import words
from retouch.leaderboard.look.markup import DASH, esc

WEB = re.compile(r"https?://[\w.-]+(?:/[\w./%~+:@=&?#-]*)?")
ARXIV = re.compile(r"\barXiv[ :]*(\d{4}\.\d{4,5})", re.IGNORECASE)


def paper(text: str) -> str:
    """The citation, escaped; an address in it, or an arXiv number, becomes a link."""
    if not text:
        return DASH
    address = WEB.search(text)
    number = ARXIV.search(text)
    to = address.group() if address else f"https://arxiv.org/abs/{number.group(1)}" if number else ""
    return f'<a href="{esc(to)}" rel="noopener noreferrer" target="_blank">{esc(text)}</a>' if to else esc(text)


def needs(access: Iterable[str]) -> str:
    """What the method needs, as chips."""
    return "".join(f'<span class="chip">{esc(words.need(name))}</span>' for name in access) or "nothing but samples"
