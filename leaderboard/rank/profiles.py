"""Performance profiles (Dolan and Moré, 2002): how often a method comes within a factor of the best."""

import numpy as np
import pandas as pd

from retouch.leaderboard.rank import tables

FACTORS = np.round(np.geomspace(1, 10, 41), 3)


def profiles(runs: pd.DataFrame, track: str, family: str, controls: set[str]) -> pd.DataFrame:
    """Columns: submission, factor (1 to 10), share (0 to 1) of the family's core instances, over all tasks.

    A submission's score on an instance is that of its best point, a mean over seeds; the factor is the best
    submission's score over its own. An instance without a score of the submission is one that it never comes near.
    """
    here = tables.compared(runs[(runs["track"] == track) & (runs["family"] == family)])
    here = here[~here["submission"].isin(controls)].astype({"submission": str, "point": str, "instance": str})
    means = here.groupby(["submission", "instance", "point"])["score"].mean()
    best = means.groupby(["submission", "instance"]).max().unstack("instance")
    own = best.to_numpy(float)
    if not own.size:
        return pd.DataFrame(columns=["submission", "factor", "share"])
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.nan_to_num(np.nanmax(own, axis=0) / own, nan=np.inf, posinf=np.inf)  # (submissions, instances)
    share = (factor[:, :, None] <= FACTORS + 1e-9).mean(axis=1)
    keys = pd.MultiIndex.from_product([best.index, FACTORS], names=["submission", "factor"])
    return pd.DataFrame({"share": share.ravel()}, keys).reset_index()
