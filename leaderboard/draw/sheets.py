"""Contact sheets: the picture beside a record, cut into its images, with the judge's verdict under each."""

import base64
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from retouch.leaderboard.look import words
from retouch.leaderboard.look.markup import esc, picture
from retouch.leaderboard.read import frame
from retouch.leaderboard.read.load import Records

SIDE = 68  # pixels of one image on the page


def first(of: Records, runs: pd.DataFrame) -> str:
    """The contact sheet of the first of these runs that has one, as a data address; else empty."""
    for row in runs.sort_values(["instance", "seed"])[list(frame.KEYS)].to_dict("records")[:6]:
        address = picture(of.sheet(row))
        if address:
            return address
    return ""


def _layout(details: Mapping[str, Any]) -> tuple[int, list[str], list[list[str]]] | None:
    """Columns, names of the rows, verdicts; None where the details do not say."""
    sheet = details.get("sheet")
    if not isinstance(sheet, Mapping) or not isinstance(sheet.get("columns"), int) or not 0 < sheet["columns"] <= 64:
        return None
    rows, verdicts = (value if isinstance(value := sheet.get(name), list) else [] for name in ("rows", "verdicts"))
    attribute = str(sheet.get("attribute", ""))
    texts = [[words.label(attribute, v)[:24] for v in line] for line in verdicts if isinstance(line, list)]
    return sheet["columns"], [str(name)[:20] for name in rows] or ["base", "edited"], texts


def cut(path: Path, columns: int, rows: int) -> list[list[str]] | None:
    """The sheet's images as data addresses, row by row; None where the file is not a PNG of such a grid of squares.

    A link is not followed, and no other decoder is tried: the file may be a stranger's.
    """
    if path.is_symlink():
        return None
    try:
        with Image.open(path, formats=["PNG"]) as opened:
            if opened.width > 4000 or opened.height > 4000:
                return None
            pixels = np.asarray(opened.convert("RGB"))
    except (OSError, ValueError, Image.DecompressionBombError):
        return None
    height, width = (pixels.shape[0] - 1) // rows, (pixels.shape[1] - 1) // columns
    if width < 2 or height < 2 or abs(width - height) > 0.1 * width:
        return None
    return [
        [_address(pixels[1 + r * height : (r + 1) * height, 1 + c * width : (c + 1) * width]) for c in range(columns)]
        for r in range(rows)
    ]


def _address(pixels: np.ndarray) -> str:
    out = BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def html(of: Records, row: Mapping[str, Any], details: Mapping[str, Any]) -> str:
    """Before and after, from the same latents, with the judge's verdict on each; empty where there is no picture."""
    path, layout = of.sheet(row), _layout(details)
    images = cut(path, layout[0], len(layout[1])) if layout else None
    if layout is None or images is None:
        whole = picture(path)
        return f'<div class="rt"><img class="whole" src="{whole}" alt="base and edited"></div>' if whole else ""
    columns, names, verdicts = layout
    cells = []
    for r, name in enumerate(names):
        cells.append(f'<span class="row">{esc(name)}</span>')
        for c in range(columns):
            text = verdicts[r][c] if r < len(verdicts) and c < len(verdicts[r]) else ""
            moved = r > 0 and c < len(verdicts[0]) and text != verdicts[0][c] if verdicts else False
            look = ' class="bad"' if moved else ""
            cells.append(
                f'<figure{look}><img src="{images[r][c]}" alt="{esc(f"{name} {c + 1}: {text}")}">'
                f'<figcaption title="{esc(text)}">{esc(text)}</figcaption></figure>'
            )
    return (
        f'<div class="rt"><div class="rt-scroll"><div class="sheet" style="grid-template-columns:auto repeat({columns},'
        f'minmax(34px,{SIDE}px))">{"".join(cells)}</div></div></div>'
    )


def base_row(of: Records, row: Mapping[str, Any]) -> str:
    """The base's own images from a contact sheet: its first row."""
    record = of.record(row)
    layout = _layout(record.details) if record else None
    images = cut(of.sheet(row), layout[0], len(layout[1])) if layout else None
    return strip(images[0], "image of the base") if images else ""


def strip(addresses: Sequence[str], what: str) -> str:
    """Images in one line that wraps; `what` each of them is, for those who do not see it."""
    images = (f'<img src="{a}" alt="{esc(what)} {i}">' for i, a in enumerate(addresses, 1))
    return f'<div class="rt strip">{"".join(images)}</div>'


def addresses(images: np.ndarray) -> list[str]:
    """uint8 images (N, C, H, W) as data addresses."""
    return [_address(np.repeat(i, 3, 0).transpose(1, 2, 0) if len(i) == 1 else i.transpose(1, 2, 0)) for i in images]
