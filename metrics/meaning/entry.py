"""The words that each number has."""

from typing import NamedTuple


class Meaning(NamedTuple):
    """A number in plain words."""

    title: str
    text: str  # what it means
    direction: str  # "up", "down", or "towards ..."
    range: str
    distrust: str  # when not to trust it
    source: str
    also: tuple[tuple[str, str], ...] = ()  # other names in records that this explains, each with its title
