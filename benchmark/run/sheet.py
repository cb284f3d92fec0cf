"""The contact sheet beside a record: base above edited, from the same noise, with the judge's verdict on each."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from retouch.benchmark import joint
from retouch.benchmark.run.look import judge
from retouch.benchmark.run.resolve import Resolved
from retouch.benchmark.support.files import write_atomically
from retouch.benchmark.support.pictures import sheet

COLUMNS = 10
SIDE = 72  # pixels of a picture on the sheet, about


def contact_sheet(resolved: Resolved, rows: dict[str, np.ndarray]) -> tuple[dict[str, Any], str]:
    """Write a row of pictures for each entry of `rows`, uint8 (N, C, H, W), beside the run's record.

    Returns:
        what the judge says of each picture, for the record's details; sha256 of the file.
    """
    pictures = np.concatenate([images[:COLUMNS] for images in rows.values()])
    zoom = max(1, SIDE // pictures.shape[-1])
    png = sheet(pictures, COLUMNS, zoom)
    write_atomically(resolved.run.record_path.with_suffix(".png"), png)
    attribute, looking = resolved.setup.target["attribute"], judge(resolved.setup)
    labels = joint.cells(looking.look(pictures).labels, attribute, looking.sizes).tolist()
    verdicts = [labels[start : start + COLUMNS] for start in range(0, len(labels), COLUMNS)]
    details = {"columns": COLUMNS, "rows": list(rows), "attribute": joint.key(attribute), "verdicts": verdicts}
    return {"sheet": details}, hashlib.sha256(png).hexdigest()
