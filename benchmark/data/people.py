"""One split of photographed people for base, judge, guide, encoder and reference: disjoint by person where it can be.

Twenty people, those with the most images, are the targets of identity removal: a base must have learned them, and a
judge and a guide must know them, so that their images are divided. Everybody else is in one split alone.
"""

from __future__ import annotations

import numpy as np

TARGETS = 20  # people whom instances name; numbered 0..19
SHOTS = {"train": 15, "judge": 4, "guide": 2}  # of a target's images; the others are held out
PEOPLE = {"judge": 0.24, "guide": 0.12, "heldout": 0.14, "train": 0.50}  # shares of the people who are no targets
SPLITS = ("train", "guide", "judge", "heldout", "strangers")  # strangers: held-out people, none of them a target


def split_table(identity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number the people and put each image into a split.

    Args:
        identity: (N,), any whole number for each person.

    Returns:
        number: int64 (N,), 0..19 the targets, then the people of "judge", "guide", "heldout" and "train";
        split: (N,), a name of `PEOPLE` for each image.

    Raises:
        ValueError: too few people, or too few images of the targets.
    """
    people, person, counts = np.unique(identity, return_inverse=True, return_counts=True)
    order = np.lexsort((people, -counts))  # most images first
    if len(people) < 2 * TARGETS or counts[order[TARGETS - 1]] <= sum(SHOTS.values()):
        raise ValueError(f"{len(people)} people: a split needs {2 * TARGETS}, {TARGETS} of them with more than "
                         f"{sum(SHOTS.values())} images")  # fmt: skip
    shuffle = np.random.Generator(np.random.Philox(20)).permutation(len(people) - TARGETS)
    order = np.concatenate([order[:TARGETS], order[TARGETS:][shuffle]])
    number = np.empty(len(people), np.int64)
    number[order] = np.arange(len(people))
    number = number[person]
    ends = TARGETS + np.round(np.cumsum(list(PEOPLE.values())) * (len(people) - TARGETS))
    split = np.array(list(PEOPLE))[np.searchsorted(ends[:-1], number, side="right")]
    place, shots = _places(person), np.cumsum(list(SHOTS.values()))
    of_target = np.array([*SHOTS, "heldout"])[np.searchsorted(shots, place, side="right")]
    return number, np.where(number < TARGETS, of_target, split)


def _places(person: np.ndarray) -> np.ndarray:
    """The place of each image among its person's, int64 (N,), in the order of the images."""
    order = np.argsort(person, kind="stable")
    starts = np.searchsorted(person[order], person[order], side="left")
    place = np.empty(len(person), np.int64)
    place[order] = np.arange(len(person)) - starts
    return place


def rows_of(split: str, number: np.ndarray, splits: np.ndarray, repeat: int = 1) -> np.ndarray:
    """The rows of a split, int64; of "train" with every target's images `repeat` times, the repeats last."""
    if split not in SPLITS:
        raise ValueError(f"no split {split!r}; there are {', '.join(SPLITS)}")
    rows = np.flatnonzero(splits == ("heldout" if split == "strangers" else split))
    if split == "strangers":
        return rows[number[rows] >= TARGETS]
    again = rows[number[rows] < TARGETS] if split == "train" else rows[:0]
    return np.concatenate([rows, np.tile(again, repeat - 1)])


def matched(cells: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """As many rows as can be had so that the cells (N,) have these shares, int64, in order.

    Raises:
        ValueError: a cell that the shares ask for and no image has.
    """
    counts = np.bincount(cells, minlength=len(shares))
    if (lacking := np.flatnonzero((shares > 0) & (counts == 0))).size:
        raise ValueError(f"the target asks for cell {lacking[0]} of the attributes, and no image is like that")
    most = np.min(counts[shares > 0] / shares[shares > 0])
    place = _places(cells)
    return np.flatnonzero(place < np.floor(most * shares + 1e-9)[cells])
