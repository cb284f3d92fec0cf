"""Which labels are hard to redact: each label in turn, as Data Redaction from Pre-trained GANs ranks them.

`python -m retouch.leaderboard.tools.label_difficulty TRACK [FOLDER]` prints a table for each base and submission from
the records that `retouch run NAME --track TRACK --task category_redaction` has left. Difficulty is the share of the
label that is left, over the base's own share: 0 is gone, 1 as before; the hardest label first.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from retouch.benchmark import tracks
from retouch.leaderboard.look import words
from retouch.leaderboard.read import load

TASK, LEFT = "category_redaction", "m:invalidity"


def labels(track: str) -> dict[str, tuple[str, str, float]]:
    """Instance -> its base, its one label in words, and the base's share of that; the main division of the budget."""
    found, scale = {}, tracks.scale(track)
    for one in tracks.load(track).instances:
        if one.task != TASK or one.tuning or not one.core or len(one.target["values"]) != 1:
            continue
        if one.name in scale and "prompts" not in one.target:
            share = scale[one.name]["unchanged"]["invalidity"]["value"]
            found[one.name] = one.base, words.target(one.target), share
    return found


def by_label(runs: pd.DataFrame, track: str) -> pd.DataFrame:
    """Runs as `base, submission, point, label, before, after, quality`, means over seeds, the hardest label first."""
    known = labels(track)
    rows = runs[(runs["track"] == track) & runs["instance"].isin(list(known)) & ~runs["stale"]]
    rows = rows[rows["status"].isin(("ok", "below_floor"))]
    columns = zip(*(known[name] for name in rows["instance"].astype(str)), strict=True) if len(rows) else ([], [], [])
    rows = rows.assign(**dict(zip(("base", "label", "before"), map(list, columns), strict=True)))
    keys = ["base", "submission", "point", "label"]
    means = rows.astype({"submission": str, "point": str}).groupby(keys)[["before", LEFT, "quality"]].mean()
    means["difficulty"] = means[LEFT] / means["before"]
    return means.reset_index().sort_values([*keys[:3], "difficulty"], ascending=[True, True, True, False])


def table(runs: pd.DataFrame, track: str) -> Iterator[str]:
    """The tables in Markdown.

    Raises:
        ValueError: no record of a redaction on the track.
    """
    rows = by_label(runs, track)
    if rows.empty:
        raise ValueError(f"no record of {TASK} on {track}; `retouch run NAME --track {track} --task {TASK}` makes some")
    for (base, name, point), part in rows.groupby(["base", "submission", "point"]):
        yield f"\n### {base}, {name} {point}\n"
        yield "| label, hardest first | share before | share after | difficulty | quality |"
        yield "| --- | --- | --- | --- | --- |"
        for row in part.to_dict("records"):
            numbers = [row["before"], row[LEFT], row["difficulty"], row["quality"]]
            yield f"| {row['label']} | {' | '.join('–' if pd.isna(n) else f'{n:.3f}' for n in numbers)} |"


if __name__ == "__main__":
    folder = load.read_folder(Path(sys.argv[2] if len(sys.argv) > 2 else "submissions"))
    print("\n".join(table(folder.runs, sys.argv[1])))
