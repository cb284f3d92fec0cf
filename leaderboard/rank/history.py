"""How scores have moved with time: every row of every edition at the day of its newest record."""

import pandas as pd

from retouch.leaderboard.rank import scores
from retouch.leaderboard.rank.board import View


def history(view: View, track: str, task: str, family: str) -> pd.DataFrame:
    """The best rows of a task and family in all editions, from the oldest to the newest; empty if of a single day.

    Columns: edition ("" is today's), submission, point, standing, time, score, best. `best`: the highest score so far
    of what is ranked in its edition, NaN before there is one; scores of two editions cannot be compared.
    """
    every = (view.whole or view).scores
    rows = every[(every["track"] == track) & (every["task"] == task) & (every["family"] == family)]
    rows = rows[rows["lead"] & rows["score"].notna() & (rows["time"] != "")]
    if rows["time"].astype(str).str[:10].nunique() < 2:  # one day shows nothing but the order in which runs ended
        rows = rows[:0]
    names = ["edition", *scores.ROW, "standing", "time"]
    rows = rows[[*names, "score"]].astype({name: str for name in names}).sort_values(["time", "submission"])
    ranked = rows["score"].where(rows["standing"] == "ranked")
    return rows.assign(best=ranked.groupby(rows["edition"]).cummax().groupby(rows["edition"]).ffill())
