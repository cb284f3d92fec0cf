"""Every run of a task and family, one a line."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from retouch.leaderboard.look import markup, numbers, words
from retouch.leaderboard.rank import scores
from retouch.leaderboard.rank.board import View


def table(view: View, track: str, runs: pd.DataFrame, raw: Sequence[str] = ()) -> str:
    """Runs of a track as a table, with the raw numbers that are asked for; `runs`: rows of `rank.tables.instances`."""
    head = ["method", "point", "instance", "seed", "goal", "quality", *map(numbers.short, raw), "cost", "record"]
    lines = [_line(view, track, row, raw) for row in runs.to_dict("records")]
    return markup.table(head, lines, numeric=range(3, 7 + len(raw)), caption="Every run")


def _line(view: View, track: str, row: dict[str, Any], raw: Sequence[str]) -> list[str]:
    """The cells of a run."""
    status = str(row["status"])
    chip = f'<span class="chip bad">{markup.esc(words.status(status))}</span>'
    if row["reason"]:
        chip += f'<br><span class="dim why">{markup.esc(row["reason"])}</span>'
    keys = {"name": row["submission"], "track": track, "instance": row["instance"], "point": row["point"],
            "seed": str(row["seed"])}  # fmt: skip
    method = {key: keys[key] for key in ("name", "track", "instance", "point")}
    return [
        markup.link("method", view.records.title(str(row["submission"])), **method),
        markup.esc(row["point"]), markup.esc(row["instance"]), str(row["seed"]),
        numbers.number(row["goal"]) if status in scores.COUNTED else chip, numbers.number(row["quality"]),
        *[numbers.number(row[name], 3) for name in raw],
        numbers.percent(row["share"]),
        markup.link("method", "open", hint="picture, numbers, record and command", **keys),
    ]  # fmt: skip
