"""The chooser's rules: what is left for a practitioner, best first, and what stands against the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from retouch.leaderboard.read.load import Records

HAVE = {  # what a practitioner may have -> what a method may then need
    "weights": ("weights", "gradients"),
    "discriminator": ("discriminator",),
    "training_data": ("training_data",),
    "forget_images": ("forget_images",),
    "labelled_images": ("labelled_images",),
    "classifier": ("classifier",),
    "retraining": ("retraining", "retrained"),
}
ENCLOSED = {"outside_data", "outside_weights"}  # come with the submission itself


@dataclass(frozen=True)
class Wish:
    """What a practitioner has, may spend, and insists on.

    cost: a share of pre-training; sampling: what an image may cost, in the base's images.
    """

    track: str
    task: str
    family: str
    have: Sequence[str]
    cost: float = float("inf")
    sampling: float = float("inf")
    quality: float = 0.0


def choose(table: pd.DataFrame, records: Records, wish: Wish) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows that fit, by rank, then score; and those that do not, the column `obstacles` says why."""
    rows = table[(table["track"] == wish.track) & (table["task"] == wish.task) & (table["family"] == wish.family)
                 & (table["submission"] != "unchanged")]  # fmt: skip
    rows = rows.assign(obstacles=[obstacles(row, records, wish) for row in rows.to_dict("records")])
    fits = rows["obstacles"].map(len) == 0
    left = rows[fits].assign(_rank=lambda t: t["rank"].fillna(np.inf))
    left = left.sort_values(["_rank", "score"], ascending=[True, False]).drop(columns="_rank")
    return left, rows[~fits].sort_values("score", ascending=False)


def obstacles(row: dict[str, Any], records: Records, wish: Wish) -> dict[str, Any]:
    """What stands between a row and the wish, kind -> value; empty where it fits. `look.sentences` has the words."""
    may = {need for have in wish.have for need in HAVE.get(have, ())} | ENCLOSED
    name = str(row["submission"])
    kinds: dict[str, Any] = {}
    lacking = [need for need in records.access(name) if need not in may]
    if lacking:
        kinds["access" if name in records.manifests else "access unknown"] = lacking
    if pd.isna(row["goal"]):
        kinds["run"] = str(row["problems"])
    if np.isfinite(wish.cost) and pd.isna(row["share"]):
        kinds["cost unknown"] = None
    elif row["share"] > wish.cost:
        kinds["cost"] = row["share"]
    if np.isfinite(wish.sampling) and pd.isna(row["sampling_cost"]):
        kinds["sampling unknown"] = None
    elif row["sampling_cost"] > wish.sampling:
        kinds["sampling"] = row["sampling_cost"]
    if pd.notna(row["quality"]) and row["quality"] < wish.quality:
        kinds["quality"] = (row["quality"], wish.quality)
    return kinds
