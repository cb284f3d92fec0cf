"""The contact sheet beside a record: base above edited, from the same noise, with the judge's verdict on each."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from retouch.benchmark import joint
from retouch.benchmark.run.look import judge
from retouch.benchmark.run.plan import Run
from retouch.benchmark.run.resolve import Resolved
from retouch.benchmark.support.files import write_atomically
from retouch.benchmark.support.pictures import sheet

MANY, FEW = 40, 8  # latents on the sheet of the default point with the first seed, and on any other
SIDE, WIDEST = 72, 4000  # pixels of a picture on the sheet, about, and of a sheet


def contact_sheet(resolved: Resolved, rows: dict[str, np.ndarray]) -> tuple[dict[str, Any], str]:
    """Write a row of pictures for each entry of `rows`, uint8 (N, C, H, W), beside the run's record.

    Returns:
        what the judge says of each picture, for the record's details; sha256 of the file.
    """
    side = next(iter(rows.values())).shape[-1]
    zoom = max(1, SIDE // side)
    columns = min(_columns(resolved.run, zoom * side), *map(len, rows.values()))
    pictures = np.concatenate([images[:columns] for images in rows.values()])
    png = sheet(pictures, columns, zoom)
    write_atomically(resolved.run.record_path.with_suffix(".png"), png)
    attribute, looking = resolved.setup.target["attribute"], judge(resolved.setup)
    cells = joint.cells(looking.look(pictures).labels, attribute, looking.sizes).tolist()
    labels = ["unclear" if cell == joint.size(attribute, looking.sizes) else cell for cell in cells]
    verdicts = [labels[start : start + columns] for start in range(0, len(labels), columns)]
    details = {"columns": columns, "rows": list(rows), "attribute": joint.key(attribute), "verdicts": verdicts}
    return {"sheet": details}, hashlib.sha256(png).hexdigest()


def _columns(run: Run, side: int) -> int:
    """How many latents a run's sheet shows, `side` pixels each."""
    names = [point.name for point in run.submission.points]
    usual = "default" if "default" in names else names[0]
    first = run.seed == run.track.seeds[0] and run.point == usual
    return MANY if first and MANY * side <= WIDEST else FEW
