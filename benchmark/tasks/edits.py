"""Identity at equal change: how much of a person is left when an attribute has moved so and so far.

The evaluation of Self-Conditioned GANs (Liu et al., SIGGRAPH 2022). Whatever was edited, there is an image before and
one after: its change is the total variation between the judge's probabilities of the attribute, identity the cosine of
its features; the curve is the mean identity in bins of change. Editors are asked for one latent at several values.
"""

from __future__ import annotations

from functools import reduce
from typing import Any, NamedTuple

import numpy as np

from retouch import metrics
from retouch.benchmark import joint
from retouch.benchmark.question import Question
from retouch.benchmark.setup import Setup
from retouch.benchmark.tasks.view import View

EDITS, VALUES = 500, 5  # latents in all whose images an editor moves: the middle and four other values
CHANGES = np.linspace(0, 1, 11)  # bins of the curve
MOVED = 0.5  # change from which an edit counts as one


class Looks(NamedTuple):
    """Images as the judge sees them: features of length 1 (N, F), probabilities (N, C) of an attribute's values."""

    unit: np.ndarray
    chance: np.ndarray

    def rows(self, chosen: Any) -> Looks:
        """Some of the images."""
        return Looks(self.unit[chosen], self.chance[chosen])


class Moves(NamedTuple):
    """Pairs of images, before and after: change and identity, (N,) each."""

    change: np.ndarray
    identity: np.ndarray


def questions(name: str, setup: Setup, latents: np.ndarray, rng: np.random.Generator, noise: int) -> list[Question]:
    """Each latent (N, Z) at the middle and at VALUES - 1 random values of one attribute of the target, then the next.

    Values (VALUES, N) lie in [0, 1], the first row is 0.5. The answers are called NAME_ATTRIBUTE.
    """
    attributes, asked = joint.names(setup.target["attribute"]), []
    for k, (attribute, z) in enumerate(zip(attributes, np.array_split(latents, len(attributes)), strict=True)):
        values = np.concatenate([np.full((1, len(z)), 0.5), rng.random((VALUES - 1, len(z)))]).astype(np.float32)
        asked.append(Question.edit_attribute(f"{name}_{attribute}", z, values, setup.shape, noise, k))
    return asked


def looks(judge: Any, seen: Any, attribute: joint.Attribute) -> Looks:
    """What a judge's verdict says of an attribute, or of several jointly, as if independent given the image."""
    unit = seen.features / np.linalg.norm(seen.features, axis=1, keepdims=True)
    parts = [judge.probs(seen, name) for name in joint.names(attribute)]
    return Looks(unit, reduce(lambda a, b: (a[:, :, None] * b[:, None]).reshape(len(a), -1), parts))


def moves(before: Looks, after: Looks, whose: Looks | None = None) -> Moves:
    """Images (N,) and what they became; identity to `before`, or to `whose`."""
    change = np.abs(after.chance - before.chance).sum(1) / 2  # total variation: for two values, of either
    return Moves(change, (after.unit * (whose or before).unit).sum(1))


def of_answer(judge: Any, edits: np.ndarray, attribute: str, whose: Looks | None = None) -> Moves:
    """Edited images (V, N, C, H, W) against the first row of them; identity to that, or to `whose` (N, ...)."""
    values, n = edits.shape[:2]
    first = np.tile(np.arange(n), values - 1)
    seen = looks(judge, judge.look(edits.reshape(-1, *edits.shape[2:])), attribute)
    return moves(seen.rows(first), seen.rows(slice(n, None)), whose and whose.rows(first))


def joined(parts: list[Moves]) -> Moves:
    """The moves of several attributes."""
    return Moves(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def measure(view: View, attribute: joint.Attribute) -> tuple[dict[str, metrics.Estimate], dict[str, Any]]:
    """edit_reach, edited_identity and the curve of all edits that were asked for; of several attributes each one's."""
    names = [name for name in joint.names(attribute) if f"edits_{name}" in view.answers]
    if not names:
        return {}, {}
    parts = {name: of_answer(view.judge, view.answers[f"edits_{name}"], name) for name in names}
    whole = joined(list(parts.values()))
    details: dict[str, Any] = {"identity_curve": curve(whole)}
    if len(parts) > 1:
        details["identity_curve_by_attribute"] = {name: curve(part) for name, part in parts.items()}
    return far("edit_reach", "edited_identity", whole), details


def far(reach: str, identity: str, found: Moves) -> dict[str, metrics.Estimate]:
    """The share of moves that are far, and the mean identity that these keep, by their metrics' names."""
    moved = found.change >= MOVED
    return {reach: metrics.share(moved)} | mean_identity(identity, found.identity[moved])


def mean_identity(name: str, identity: np.ndarray) -> dict[str, metrics.Estimate]:
    """The mean of identities (N,) by its metric's name; nothing where there are none."""
    if len(identity) == 0:
        return {}
    (mean,) = metrics.identity_curve(identity, np.zeros(len(identity)), np.array([0.0, 1.0])).means
    return {name: mean} if mean else {}


def curve(found: Moves) -> dict[str, list[Any]]:
    """The curve as a record's details keep it: bins' middles, mean identity with its interval, how many are in each."""
    bins = metrics.identity_curve(found.identity, found.change, CHANGES)
    rows = [(mean.value, mean.low, mean.high) if mean else (None,) * 3 for mean in bins.means]
    identity, low, high = ([None if v is None else round(v, 5) for v in column] for column in zip(*rows, strict=True))
    middle = [round(float(v), 3) for v in (CHANGES[1:] + CHANGES[:-1]) / 2]
    return {"change": middle, "identity": identity, "low": low, "high": high, "count": list(bins.counts)}
