"""An order across tasks, after Borda (1781): on each task a point for every other method that one stands above."""

import numpy as np
import pandas as pd

from retouch.leaderboard.rank.board import View


def across(view: View, track: str, family: str) -> pd.DataFrame:
    """The submissions of a family that are ranked on all of its tasks, the first first; nobody else is counted.

    Columns: submission, order (several may share one), points (share of the others that it stands above, half for
    those that it shares a rank with; mean over tasks, 0 to 1), and for each task the place that it has there.
    """
    tasks = [task for task in view.tasks(track) if family in view.families(track, task)]
    here = view.scores[(view.scores["track"] == track) & (view.scores["family"] == family)]
    leads = here[here["lead"] & here["place"].notna()].astype({"submission": str, "task": str})
    places = leads.pivot(index="submission", columns="task", values="place").reindex(columns=tasks).dropna()
    if len(places) < 2 or len(tasks) < 2:
        return pd.DataFrame(columns=["submission", "order", "points", *tasks])
    values = places.to_numpy()  # (submissions, tasks)
    above = (values[:, None] < values).sum(1) + 0.5 * ((values[:, None] == values).sum(1) - 1)
    points = np.round(above.mean(1) / (len(values) - 1), 6)
    table = places.assign(points=points, order=(-pd.Series(points, places.index)).rank(method="min"))
    return table.sort_values(["order", "submission"]).reset_index()[["submission", "order", "points", *tasks]]
