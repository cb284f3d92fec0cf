"""The people of the rendered faces: attributes with stated probabilities, and looks that differ as far as possible."""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np

from retouch.benchmark.data.render import PERSON

VERSION = "faces-1"  # part of the seed of every random stream: another version is another data set
SKIN_TONE = np.array([0.50, 0.30, 0.20])
DARK_HAIR = np.array([0.52, 0.80, 0.90])  # given skin tone; 0.68 of all people
LONG_HAIR = 0.40
BEARD = np.array([0.50, 0.10])  # given short, long hair; 0.34 of all people
MARKS = {"skin_tone": 4, "dark_hair": 6, "long_hair": 6, "beard": 6}  # what each adds to the distance of two people
CANDIDATES = 64
STEPS = 1024  # looks are drawn in whole steps, so that distances are exact


@lru_cache(maxsize=8)
def population(seed: int = 0, people: int = 48) -> dict[str, np.ndarray]:
    """The parameters (`render.PERSON`, float64) and attributes (int64) of each person, all of shape (people,).

    Person k is the same however many people there are. Attributes follow the stated chances as closely as whole
    people can; the looks are, of 64 candidates, those that least resemble anyone before.
    """
    attributes = _attributes(people)
    marks = np.stack(list(attributes.values()), axis=1)
    looks = np.zeros((people, len(PERSON)), dtype=np.int64)
    for k in range(people):
        chance = uniforms(f"{VERSION}/person/{seed}/{k}", np.arange(CANDIDATES))[:, : len(PERSON)]
        candidates = (chance * STEPS).astype(np.int64)
        gaps = _gaps(candidates[:, None], marks[k], looks[:k], marks[:k])  # (candidates, k)
        looks[k] = candidates[gaps.min(axis=1, initial=np.iinfo(np.int64).max).argmax()]
    values = {name: low + (high - low) * looks[:, j] / STEPS for j, (name, (low, high, _)) in enumerate(PERSON.items())}
    everyone = values | attributes
    for array in everyone.values():
        array.flags.writeable = False  # every caller gets the same arrays from the cache
    return everyone


def look_alikes(identity: int, count: int = 5, seed: int = 0, people: int = 48) -> np.ndarray:
    """The `count` people who most resemble person `identity`, nearest first, int64 (count,)."""
    everyone = population(seed, people)
    scaled = [(everyone[name] - low) / (high - low) * STEPS for name, (low, high, _) in PERSON.items()]
    looks, marks = np.stack(scaled, axis=1).round().astype(np.int64), np.stack([everyone[m] for m in MARKS], axis=1)
    nearest = np.argsort(_gaps(looks[identity], marks[identity], looks, marks), kind="stable")
    return nearest[nearest != identity][:count]


def _gaps(looks: np.ndarray, marks: np.ndarray, other_looks: np.ndarray, other_marks: np.ndarray) -> np.ndarray:
    """Weighted city-block distance between people, in whole numbers and so exact: (..., parameters) -> (...)."""
    weights = np.array([weight for _, _, weight in PERSON.values()])
    by_looks = (np.abs(looks - other_looks) * weights).sum(-1)
    return by_looks + STEPS * (np.abs(marks - other_marks) * list(MARKS.values())).sum(-1)


def _attributes(people: int) -> dict[str, np.ndarray]:
    """Attributes of the person, int64 (people,): a golden-ratio sequence walks evenly through all combinations."""
    dark = np.stack([1 - DARK_HAIR, DARK_HAIR], axis=1)  # (skin, dark)
    beard = np.stack([1 - BEARD, BEARD], axis=1)  # (long, beard)
    long_hair = np.array([1 - LONG_HAIR, LONG_HAIR])
    chances = (SKIN_TONE[:, None] * dark)[:, :, None, None] * long_hair[:, None] * beard  # (skin, dark, long, beard)
    steps = (np.arange(people) * 0.6180339887498949 + 0.6) % 1
    cell = np.searchsorted(np.cumsum(chances), steps, side="right")
    return dict(zip(MARKS, np.unravel_index(cell, chances.shape), strict=True))


def uniforms(stream: str, index: np.ndarray) -> np.ndarray:
    """Chance in [0, 1), float64 (len(index), 64): a hash of (stream, index, column), so every row stands alone."""
    key = np.frombuffer(hashlib.sha256(stream.encode()).digest()[:8], "<u8")
    counter = index.astype(np.uint64)[:, None] * np.uint64(64) + np.arange(64, dtype=np.uint64)
    z: np.ndarray = key + np.uint64(0x9E3779B97F4A7C15) * counter  # splitmix64, its finaliser applied twice
    for _ in range(2):
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)) * 2.0**-53
