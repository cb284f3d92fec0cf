"""The chooser's rules: what is left for a practitioner, best first, and what was ruled out and why."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from retouch.leaderboard.look import words
from retouch.leaderboard.look.markup import percent
from retouch.leaderboard.read.load import Records

HAVE = {  # what a practitioner may have -> what a method may then need
    "weights": ("weights", "gradients"),
    "discriminator": ("discriminator",),
    "training_data": ("training_data",),
    "forget_images": ("forget_images",),
    "labelled_images": ("labelled_images",),
    "classifier": ("classifier",),
    "retraining": ("retraining",),
}
HAVE_TITLES = {
    "weights": "the weights", "discriminator": "the GAN’s discriminator", "training_data": "the training data",
    "forget_images": "images of what must go", "labelled_images": "a labelled set", "classifier": "a classifier",
    "retraining": "time to train from scratch",
}  # fmt: skip


@dataclass(frozen=True)
class Wish:
    """What somebody has, may spend, and insists on."""

    track: str
    task: str
    family: str
    have: Sequence[str]
    cost: float = float("inf")
    sampling: float = 0.0
    quality: float = 0.0


def choose(found: pd.DataFrame, records: Records, wish: Wish) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What is left (by rank, then score), and what is ruled out with the column `why`."""
    rows = found[(found["track"] == wish.track) & (found["task"] == wish.task) & (found["family"] == wish.family)
                 & (found["submission"] != "unchanged")]  # fmt: skip
    why = [ruled_out(row, records, wish) for row in rows.to_dict("records")]
    rows = rows.assign(why=why)
    left = rows[rows["why"] == ""].assign(_rank=lambda t: t["rank"].fillna(np.inf))
    left = left.sort_values(["_rank", "score"], ascending=[True, False]).drop(columns="_rank")
    return left, rows[rows["why"] != ""].sort_values("score", ascending=False)


def ruled_out(row: dict[str, object], records: Records, wish: Wish) -> str:
    """Why a row does not fit the wish, all reasons; empty where it fits."""
    may = {need for have in wish.have for need in HAVE.get(have, ())}
    name = str(row["submission"])
    reasons = []
    lacking = [need for need in records.access(name) if need not in may]
    if lacking and name in records.manifests:
        reasons.append("needs " + ", ".join(words.NEEDS[need] for need in lacking))
    elif lacking:
        reasons.append("what it needs is not known: no submission.toml here")
    if pd.isna(row["goal"]):
        reasons.append("no valid run: " + (str(row["problems"]) or "none yet"))
    if np.isfinite(wish.cost) and pd.isna(row["share"]):
        reasons.append("cost not recorded")
    elif row["share"] > wish.cost:
        reasons.append(f"costs {percent(row['share'])} of pre-training")
    if wish.sampling > 0 and pd.isna(row["sampling_relative"]):
        reasons.append("sampling speed not recorded")
    elif row["sampling_relative"] < wish.sampling:
        reasons.append(f"samples at {percent(row['sampling_relative'])} of the base’s speed")
    if pd.notna(row["quality"]) and row["quality"] < wish.quality:
        reasons.append(f"quality {row['quality']:.2f} is below {wish.quality:.2f}")
    return "; ".join(reasons)
