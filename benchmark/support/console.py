"""The one console that the command line prints to, and a bar for what takes minutes."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from rich.console import Console

Item = TypeVar("Item")

console = Console(highlight=False)
if not console.is_terminal:
    console.width = 180  # a log or a pipe has room; 80 columns would cut every name


def progress(items: Sequence[Item], words: str) -> Iterable[Item]:
    """The items, with a bar on the terminal that errors go to; the items alone, where those go into a file."""
    from rich.progress import track

    errors = Console(stderr=True)
    return track(items, words, console=errors, transient=True) if errors.is_terminal else items
