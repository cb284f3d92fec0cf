"""The small picture in a row of a table: one latent before and after, which leads to its place on the wall."""

from collections.abc import Hashable
from typing import Any
from urllib.parse import urlencode

import pandas as pd

from retouch.leaderboard.draw import sheets
from retouch.leaderboard.look.markup import esc
from retouch.leaderboard.rank import scores
from retouch.leaderboard.read import frame
from retouch.leaderboard.read.load import Records


def thumbnails(records: Records, rows: pd.DataFrame) -> dict[tuple[str, str], str]:
    """(submission, point) -> HTML, for the rows of one cohort whose first run left a picture.

    The latent is one on which the base shows what must go, so that all rows of an instance show the same one.
    """
    track, task, family = (str(rows[name].iloc[0]) for name in scores.COHORT)
    runs = records.runs
    runs = runs[(runs["track"] == track) & (runs["task"] == task) & (runs["family"] == family) & ~runs["tuning"]]
    runs = runs[[*frame.KEYS]].astype({name: str for name in frame.KEYS if name != "seed"})
    first = runs.sort_values(["seed", "instance"]).drop_duplicates(scores.ROW).to_dict("records")
    wanted = set(rows[scores.ROW].astype(str).itertuples(index=False, name=None))
    found = {}
    for run in first:
        key = str(run["submission"]), str(run["point"])
        picture = sheets.sheet(records, run) if key in wanted else None
        if picture:
            spec = frame.instance(track, run["instance"])
            column = picture.telling(spec.target.get("values", ()) if spec else ())
            found[key] = _linked(run, task, sheets.pair(picture, column))
    return found


def _linked(run: dict[Hashable, Any], task: str, images: str) -> str:
    """The pair as a link to the wall."""
    query = {"track": run["track"], "task": task, "instance": run["instance"], "seed": run["seed"],
             "row": f"{run['submission']}/{run['point']}"}  # fmt: skip
    address = esc(f"wall?{urlencode(query, safe='/')}")
    return f'<a class="plain" href="{address}" target="_self" title="its place on the wall">{images}</a>'
