"""Forget many: twenty people, one at a time, from 1, 4, 8 and 15 images of each: mean and spread over the people.

`python -m retouch.leaderboard.tools.forget_many TRACK [FOLDER]` prints the table of Taming Normalizing Flows, with the
published rows, from the records that `retouch run NAME --track TRACK --task identity_removal` has left. The spread is
the standard deviation over people of each one's mean over seeds: how much a number depends on who asks.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from retouch.benchmark import tracks
from retouch.benchmark.tasks.identity_removal import PUBLISHED as DROPS
from retouch.leaderboard.read import load
from retouch.leaderboard.tools.published import IDENTITY

TASK = "identity_removal"
COLUMNS = {**IDENTITY, "m:identity_share": "identity share ↓", "goal": "goal", "quality": "quality",
           "share": "pre-training"}  # fmt: skip


def people(track: str) -> dict[str, tuple[int, int]]:
    """Instance -> the one person that it asks to remove, and from how many images."""
    asked = [one for one in tracks.load(track).instances if one.task == TASK and not one.tuning]
    return {
        one.name: (one.target["values"][0], one.target["forget_images"])
        for one in asked
        if len(one.target["values"]) == 1 and "removed" not in one.target
    }


def by_person(runs: pd.DataFrame, track: str) -> pd.DataFrame:
    """Runs of the track with who was removed and from how many images: `person`, `images`, `base`; means over seeds."""
    asked, bases = people(track), {one.name: one.base for one in tracks.load(track).instances}
    rows = runs[(runs["track"] == track) & runs["instance"].isin(list(asked)) & ~runs["stale"]]
    rows = rows[rows["status"].isin(("ok", "below_floor"))]
    names = rows["instance"].astype(str)
    rows = rows.assign(
        person=[asked[name][0] for name in names],
        images=[asked[name][1] for name in names],
        base=[bases[name] for name in names],
    )
    keys = ["base", "images", "submission", "point", "person"]
    known = [name for name in COLUMNS if name in rows]
    return rows.astype({"submission": str, "point": str}).groupby(keys)[known].mean().reset_index()


def spread(values: pd.Series) -> str:
    """`mean ± standard deviation` over people; a dash where nobody has the number."""
    values = values.dropna()
    if values.empty:
        return "–"
    return f"{values.mean():.3f}" + (f" ± {values.std():.3f}" if len(values) > 1 else "")


def table(runs: pd.DataFrame, track: str) -> Iterator[str]:
    """The table in Markdown, for each base the published rows first.

    Raises:
        ValueError: no record of a removal on the track.
    """
    rows = by_person(runs, track)
    if rows.empty:
        raise ValueError(f"no record of {TASK} on {track}; `retouch run NAME --track {track} --task {TASK}` makes some")
    shown = [name for name in COLUMNS if name in rows and rows[name].notna().any()]
    for base, on_base in rows.groupby("base"):
        yield f"\n### {base}: mean ± standard deviation over people\n"
        yield "| forget images | method | people | " + " | ".join(COLUMNS[name] for name in shown) + " |"
        yield "| --- " * (3 + len(shown)) + "|"
        for images, part in on_base.groupby("images"):
            if images in DROPS and set(IDENTITY) & set(shown):
                published = dict(zip(IDENTITY, DROPS[images], strict=True))
                yield f"| {images} | published | 20 | {' | '.join(published.get(name, '–') for name in shown)} |"
            for (name, point), own in part.groupby(["submission", "point"]):
                cells = [spread(own[column]) for column in shown]
                yield f"| {images} | {name} {point} | {len(own)} | {' | '.join(cells)} |"


if __name__ == "__main__":
    folder = load.read_folder(Path(sys.argv[2] if len(sys.argv) > 2 else "submissions"))
    print("\n".join(table(folder.runs, sys.argv[1])))
