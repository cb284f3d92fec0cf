"""Rendered faces: who is in the data, how often, and with which attributes, all of it by a stated design.

    faces("train", 20_000, size=24)                                     the biased data that bases are trained on
    faces("train", 20_000, design=Design(exclude=(0,)))                 as it should be once identity 0 is removed
    faces("guide", 500, design=Design(only=(0,)))                       nobody but identity 0
    faces("train", 20_000, design=Design(target={"glasses": {0: 0.5, 1: 0.5}}))
    faces("train", 20_000, design=Design(target={("beard", "glasses"): {(0, 0): 0.4, (0, 1): 0.1, (1, 0): 0.5}}))

Image i of a split depends on (design, split, seed, i, size) alone, never on how many images are asked for. All chance
comes from integer hashes and the renderer uses correctly rounded operations only (see `render`), so the pixels are
the same on every run and on every machine with IEEE arithmetic.

`python -m retouch.benchmark.data.faces OUT.png` draws a contact sheet, one row a person.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from retouch.benchmark.data import render as renderer
from retouch.benchmark.data import shapes
from retouch.benchmark.data.images import Images
from retouch.benchmark.data.population import VERSION, population, uniforms
from retouch.benchmark.data.render import SHOT, render
from retouch.benchmark.support.cache import cache_folder, code_key, content_key, keep, kept

SPLITS = ("train", "guide", "judge", "heldout", "strangers")
STRANGERS = 300  # people of the split "strangers": they come after the design's own people
NAMES = {
    "glasses": ["no glasses", "glasses"],
    "smile": ["no smile", "smile"],
    "beard": ["no beard", "beard"],
    "long_hair": ["short hair", "long hair"],
    "dark_hair": ["light hair", "dark hair"],
    "hat": ["no hat", "hat"],
    "skin_tone": ["light skin", "medium skin", "dark skin"],
}
KEPT = 1000  # as many images or more are kept in the cache; fewer are drawn as fast as a file is read
OF_IMAGE = ("glasses", "smile", "hat")  # drawn for each image, in this order; the others belong to the person


@dataclass(frozen=True)
class Design:
    """The mix of people and attributes. Shares and chances lie in [0, 1].

    The first people have the stated `shares` of the images, the others share the rest evenly. `glasses` is the chance
    given light, dark hair: 15% of all images. People in `exclude` never appear; if `only` is given, nobody else does.
    `target` states the distribution of one attribute, or of several jointly (cells left out have share 0): those of
    the image are then drawn from it whatever the hair, for those of the person the shares of people are re-weighted.
    """

    people: int = 48
    seed: int = 0
    shares: tuple[float, ...] = (0.10, 0.06)
    glasses: tuple[float, float] = (0.30, 0.08)
    smile: float = 0.60
    hat: float = 0.10
    exclude: tuple[int, ...] = ()
    only: tuple[int, ...] = ()
    target: Mapping[str | tuple[str, ...], Mapping] | None = None

    def __post_init__(self) -> None:
        if self.people < 1 or len(self.shares) > self.people:
            raise ValueError(f"{len(self.shares)} shares are stated for {self.people} people")
        if unknown := sorted(set(self.exclude + self.only) - set(range(self.people))):
            raise ValueError(f"no such identities: {unknown}; there are 0..{self.people - 1}")
        chances = (*self.shares, *self.glasses, self.smile, self.hat)
        if min(chances) < 0 or max(chances) > 1 or sum(self.shares) > 1:
            raise ValueError("shares and chances must lie in [0, 1], and the shares sum to at most 1")
        _table(self.target)


def faces(split: str, n: int, size: int = 24, seed: int = 0, design: Design | None = None, start: int = 0) -> Images:
    """Images start .. start + n - 1 of a split, uint8 (n, 3, size, size), with the exact labels.

    "train", "guide", "judge" and "heldout" show the design's people in shots of their own; "strangers" shows 300
    other people, evenly, to whom `exclude` and `only` do not apply.
    """
    if split not in SPLITS:
        raise ValueError(f"no split {split!r}; there are {', '.join(SPLITS)}")
    if n < 0 or start < 0:
        raise ValueError(f"n and start must not be negative, got n={n}, start={start}")
    design = design or Design()
    people, shares = _cast(design, strangers=split == "strangers")
    chance = uniforms(f"{VERSION}/{split}/{seed}", np.arange(start, start + n))
    who = np.minimum(np.searchsorted(np.cumsum(shares), chance[:, 0], side="right"), np.flatnonzero(shares)[-1])
    labels = {"identity": who} | {name: people[name][who] for name in NAMES if name not in OF_IMAGE}
    for column, name in enumerate(OF_IMAGE, start=1):
        labels[name] = (chance[:, column] < _chance(design, name, labels)).astype(np.int64)
    shots = {name: low + (high - low) * chance[:, 4 + j] for j, (name, (low, high)) in enumerate(SHOT.items())}
    names = {
        "identity": [f"{'stranger' if split == 'strangers' else 'person'} {k}" for k in range(len(shares))]
    } | NAMES
    return Images(_drawn(people, shots | labels, size), {name: labels[name] for name in names}, names)


def _drawn(people: dict[str, np.ndarray], shots: dict[str, np.ndarray], size: int) -> np.ndarray:
    """`render`, through the cache: named by the renderer's code and by every number that it is given."""
    if len(shots["identity"]) < KEPT:
        return render(people, shots, size)
    given = {**people, **{f"shot {name}": values for name, values in shots.items()}}
    key = content_key(f"{code_key(renderer, shapes)} {size} {list(given)}", *given.values())
    file = cache_folder() / "faces" / f"{key}.npz"
    found = kept(file)
    if found is None:
        found = {"images": render(people, shots, size)}
        keep(file, found)
    return found["images"]


def mix(design: Design, *names: str) -> np.ndarray:
    """The exact joint distribution of the named attributes ("identity" too) in the design's images."""
    people, shares = _cast(design)
    sizes = {"identity": len(shares)} | {name: len(words) for name, words in NAMES.items()}
    cells = np.indices((len(shares), 2, 2, 2)).reshape(4, -1)
    labels = {"identity": cells[0]} | {name: people[name][cells[0]] for name in NAMES if name not in OF_IMAGE}
    share = shares[cells[0]]
    for name, value in zip(OF_IMAGE, cells[1:], strict=True):
        chance = _chance(design, name, labels)
        share = share * np.where(value == 1, chance, 1 - chance)
        labels[name] = value
    table = np.zeros([sizes[name] for name in names])
    np.add.at(table, tuple(labels[name] for name in names), share)
    return table


def _cast(design: Design, strangers: bool = False) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The people of a split and the share of its images that each has, float64 (people,)."""
    if strangers:
        everyone = population(design.seed, design.people + STRANGERS)
        people = {name: values[design.people :] for name, values in everyone.items()}
        return people, _reweighted(np.full(STRANGERS, 1 / STRANGERS), people, design.target)
    people = population(design.seed, design.people)
    rest = design.people - len(design.shares)
    shares = np.array([*design.shares, *[(1 - sum(design.shares)) / max(rest, 1)] * rest])
    shares[list(design.exclude)] = 0
    if design.only:
        shares[np.setdiff1d(np.arange(design.people), design.only)] = 0
    if not shares.any():
        raise ValueError("the design leaves nobody: look at exclude, only and shares")
    return people, _reweighted(shares / shares.sum(), people, design.target)


def _reweighted(shares: np.ndarray, people: dict[str, np.ndarray], target: Mapping | None) -> np.ndarray:
    """Shares of people such that their own attributes follow the target, each group's inner mix kept."""
    names, table = _table(target)
    personal = [name for name in names if name not in OF_IMAGE]
    if not personal:
        return shares
    wanted = table.sum(axis=tuple(range(len(personal), table.ndim)))
    cell = tuple(people[name] for name in personal)
    present = np.zeros_like(wanted)
    np.add.at(present, cell, shares)
    if (missing := (wanted > 0) & (present == 0)).any():
        raise ValueError(f"the target asks for {personal} = {np.argwhere(missing).tolist()}, and nobody is like that")
    return shares * wanted[cell] / np.where(present[cell] > 0, present[cell], 1)


def _chance(design: Design, name: str, labels: dict[str, np.ndarray]) -> np.ndarray | float:
    """The chance that attribute `name` of the image is 1, given the labels drawn before it."""
    names, table = _table(design.target)
    if name in names:
        axis = names.index(name)
        joint = table.sum(axis=tuple(range(axis + 1, table.ndim)))
        conditional = joint[..., 1] / np.maximum(joint.sum(-1), 1e-12)
        return conditional[tuple(labels[earlier] for earlier in names[:axis])]
    return np.array(design.glasses)[labels["dark_hair"]] if name == "glasses" else getattr(design, name)


def _table(target: Mapping | None) -> tuple[tuple[str, ...], np.ndarray]:
    """A target as attribute names and the array of their joint shares; axes in the order in which they are drawn."""
    if not target:
        return (), np.ones(())
    if len(target) != 1:
        raise ValueError("a target is one table: {'smile': {0: 0.5, 1: 0.5}} or {('beard', 'hat'): {(0, 0): ...}}")
    [(names, shares)] = target.items()
    names = (names,) if isinstance(names, str) else tuple(names)
    if unknown := [name for name in names if name not in NAMES]:
        raise ValueError(f"no attribute {unknown[0]!r}; there are {', '.join(NAMES)}")
    if len(set(names)) < len(names):
        raise ValueError(f"an attribute is named twice in the target: {names}")
    table = np.zeros([len(NAMES[name]) for name in names])
    for cell, share in shares.items():
        cell = cell if isinstance(cell, tuple) else (cell,)
        if cell not in np.ndindex(table.shape):
            raise ValueError(f"target cell {cell} does not fit {names} with {table.shape} values")
        table[cell] = share
    if table.min() < 0 or abs(table.sum() - 1) > 1e-6:
        raise ValueError(f"the target's shares must be at least 0 and sum to 1, not {table.sum():g}")
    order = sorted(range(len(names)), key=lambda axis: OF_IMAGE.index(names[axis]) if names[axis] in OF_IMAGE else -1)
    return tuple(names[axis] for axis in order), table.transpose(order)


def contact_sheet(people: int = 10, shots: int = 12, size: int = 24, scale: int = 3) -> np.ndarray:
    """One row a person, uint8 (people * size * scale, shots * size * scale, 3)."""
    rows = [faces("heldout", shots, size, design=Design(only=(k,)), start=k * shots).images for k in range(people)]
    sheet = np.stack(rows).transpose(0, 3, 1, 4, 2).reshape(people * size, shots * size, 3)
    return sheet.repeat(scale, 0).repeat(scale, 1)


if __name__ == "__main__":
    from PIL import Image

    if len(sys.argv) != 2:
        sys.exit("usage: python -m retouch.benchmark.data.faces OUT.png")
    Image.fromarray(contact_sheet()).save(sys.argv[1])
