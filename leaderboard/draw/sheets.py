"""Contact sheets: the picture beside a record, shown image by image with the judge's verdict under each.

A page names a sheet by its address, `pictures/...`, and the style sheet shows one image of it at a time: no picture is
decoded here, and none is sent twice. The app answers these addresses; the static site has the files.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from retouch.leaderboard.look import words
from retouch.leaderboard.look.markup import esc
from retouch.leaderboard.read import frame
from retouch.leaderboard.read.load import Records

SIDE = 68  # pixels of one image on the page
LARGEST, WIDEST = 4_000_000, 6000  # bytes and pixels; a larger file is no contact sheet
FOLDER = "pictures"  # what their addresses begin with


@dataclass(frozen=True)
class Sheet:
    """A grid of square images: a row base, a row edited, the same latents in each.

    Attributes:
        address: of the picture, relative to a page. rows: what each row is called.
        verdicts: the judge's class of each image as the record has it, row by row; texts: as words.
    """

    address: str
    columns: int
    rows: tuple[str, ...]
    verdicts: tuple[tuple[Any, ...], ...]
    texts: tuple[tuple[str, ...], ...]

    def text(self, row: int, column: int) -> str:
        """The verdict on an image; empty where there is none."""
        return self.texts[row][column] if row < len(self.texts) and column < len(self.texts[row]) else ""

    def changed(self, row: int, column: int) -> bool:
        """Whether the verdict differs from that on the same latent of the first row."""
        return row > 0 and self.text(row, column) != self.text(0, column)

    def telling(self, values: Sequence[Any] = ()) -> int:
        """The first latent on which the base shows one of `values`, else the first that the edit changed, else 0."""
        first = self.verdicts[0] if self.verdicts else ()
        shown = [c for c, verdict in enumerate(first[: self.columns]) if verdict in values]
        moved = [c for c in range(self.columns) if self.changed(len(self.rows) - 1, c)]
        return (shown or moved or [0])[0]

    def style(self) -> str:
        """What the style sheet must know to cut images out of the picture; for an element around them."""
        return f"--s:url('{self.address}');--n:{self.columns};--m:{len(self.rows)}"

    def image(self, row: int, column: int) -> str:
        """One image, inside an element that has `style`."""
        says = f"{self.rows[row]} {column + 1}: {self.text(row, column)}"
        return f'<i class="pic" role="img" aria-label="{esc(says)}" style="--r:{row};--c:{column}"></i>'

    def figure(self, row: int, column: int) -> str:
        """One image with its verdict under it, marked where the edit changed it."""
        text, look = esc(self.text(row, column)), ' class="bad"' if self.changed(row, column) else ""
        return f'<figure{look}>{self.image(row, column)}<figcaption title="{text}">{text}</figcaption></figure>'


def address(row: Mapping[str, Any]) -> str:
    """Where a page finds the contact sheet of a run."""
    return f"{FOLDER}/{quote(frame.relative(row).with_suffix('.png').as_posix())}"


def size(file: Path) -> tuple[int, int] | None:
    """Width and height of a PNG by its head; None for anything else, a link, or what is too large for a sheet."""
    try:
        if file.is_symlink() or file.stat().st_size > LARGEST:
            return None
        with file.open("rb") as opened:
            head = opened.read(24)
    except OSError:
        return None
    if len(head) < 24 or head[:8] != b"\x89PNG\r\n\x1a\n" or head[12:16] != b"IHDR":
        return None
    width, height = struct.unpack(">II", head[16:])
    return (width, height) if max(width, height) <= WIDEST else None


def sheet(of: Records, row: Mapping[str, Any]) -> Sheet | None:
    """A run's contact sheet; None where there is no picture to show, or nobody says how it is laid out."""
    if not frame.pictured(str(row["track"])):
        return None
    file = of.sheet(row)
    try:
        stamp = file.stat().st_mtime_ns
    except OSError:
        return None
    return _sheet(of.root, tuple((name, row[name]) for name in frame.KEYS), stamp)


@lru_cache(maxsize=4096)
def _sheet(root: Path, keys: tuple[tuple[str, Any], ...], stamp: int) -> Sheet | None:
    row, of = dict(keys), Records(root, pd.DataFrame())
    pixels, record = size(of.sheet(row)), of.record(row)
    layout = layout_of(record.details) if pixels and record else None
    if pixels is None or layout is None:
        return None
    columns, names, verdicts, texts = layout
    width, height = (pixels[0] - 1) // columns, (pixels[1] - 1) // len(names)
    square = width > 1 and height > 1 and abs(width - height) <= 0.1 * width
    return Sheet(address(row), columns, names, verdicts, texts) if square else None


def layout_of(details: Mapping[str, Any]) -> tuple[int, tuple[str, ...], Any, Any] | None:
    """Columns, names of the rows, verdicts and their words; None where the details do not say."""
    told = details.get("sheet")
    if not isinstance(told, Mapping) or not isinstance(told.get("columns"), int) or not 0 < told["columns"] <= 64:
        return None
    rows, verdicts = (value if isinstance(value := told.get(name), list) else [] for name in ("rows", "verdicts"))
    attribute = str(told.get("attribute", ""))
    lines = tuple(tuple(line[:64]) for line in verdicts[:8] if isinstance(line, list))
    texts = tuple(tuple(words.label(attribute, v)[:24] for v in line) for line in lines)
    return told["columns"], tuple(str(name)[:20] for name in rows[:8]) or ("base", "edited"), lines, texts


def html(of: Records, row: Mapping[str, Any]) -> str:
    """Before and after, from the same latents, with the judge's verdict on each; empty where there is no picture."""
    found = sheet(of, row)
    if found is None:
        return ""
    cells = []
    for r, name in enumerate(found.rows):
        cells += [f'<span class="row">{esc(name)}</span>', *(found.figure(r, c) for c in range(found.columns))]
    return (
        f'<div class="rt"><div class="rt-scroll" tabindex="0" role="region" aria-label="pictures, scroll sideways">'
        f'<div class="sheet" style="{found.style()};grid-template-columns:auto repeat({found.columns},'
        f'minmax(34px,{SIDE}px))">{"".join(cells)}</div></div></div>'
    )


def base_row(found: Sheet | None) -> str:
    """The base's own images from a contact sheet: its first row; empty without one."""
    if found is None:
        return ""
    images = "".join(found.image(0, c) for c in range(min(found.columns, 10)))
    return f'<div class="rt strip" style="{found.style()}">{images}</div>'


def pair(found: Sheet, column: int) -> str:
    """One latent before and after, small."""
    images = found.image(0, column) + (found.image(len(found.rows) - 1, column) if len(found.rows) > 1 else "")
    return f'<span class="duo" style="{found.style()}">{images}</span>'
