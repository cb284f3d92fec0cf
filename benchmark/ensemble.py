"""Several judges that look at purified views of an image; where they disagree, the image is unclear.

    judges = Judges.load(weights.folder("digits-judges"))
    votes = judges.look(images)
    votes.labels("category")                      # 0..9, and 10 for unclear

One judge can be fooled by a pattern of a few levels, and by images unlike all that it was trained on. Members of
different architecture, seed and training are fooled by different ones: what one of them alone says does not count.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from retouch.benchmark import purify, weights
from retouch.benchmark.generators.gan import to_float
from retouch.benchmark.judges import BATCH, Judge

FILE = "ensemble.json"  # in an ensemble's folder: its members with their sha256, and the views


@dataclass(frozen=True)
class Votes:
    """What M judges say of N images, each the mean over its views.

    Attributes:
        probs: attribute -> float32 (M, N, K), probabilities of its classes.
        similarity: cosine to each known person, float32 (M, N, P); None without a recogniser.
        thresholds: (M,), the cosine from which each member accepts a person; None before they are measured.
    """

    probs: dict[str, np.ndarray]
    similarity: np.ndarray | None = None
    thresholds: np.ndarray | None = None

    def members(self, attribute: str) -> np.ndarray:
        """Each member's label, int64 (M, N)."""
        return self.probs[attribute].argmax(2)

    def labels(self, attribute: str) -> np.ndarray:
        """Labels int64 (N,): the class that all members see, K where they disagree."""
        return _agreed(self.members(attribute), self.probs[attribute].shape[2])

    def accepts(self, person: int) -> np.ndarray:
        """Whether each image shows the person, int64 (N,): 0 no member says so, 1 all do, 2 they disagree."""
        if self.similarity is None or self.thresholds is None:
            raise ValueError("the ensemble recognises nobody, or its thresholds are not measured yet")
        return _agreed((self.similarity[..., person] >= self.thresholds[:, None]).astype(np.int64), 2)


def _agreed(votes: np.ndarray, unclear: int) -> np.ndarray:
    """The label (N,) that all of votes (M, N) name, else `unclear`."""
    return np.where((votes == votes[0]).all(0), votes[0], unclear)


class Judges:
    """An ensemble of judges.

    Args:
        members: judges of the same attributes; views: names of `purify.VIEWS`.
        card: its measured errors: `confusion` (K, K + 1) for each attribute, the last column unclear; a recogniser's
            `thresholds` (M,) and `accepts` (P, 2, 3), rows other / this person, columns refused, accepted, unclear.

    Raises:
        ValueError: no members or no views, an unknown view, members that judge different attributes.
    """

    def __init__(self, members: list[Judge], views: list[str], card: dict[str, Any]) -> None:
        if not members or not views:
            raise ValueError("an ensemble needs at least one member and one view")
        if unknown := sorted(set(views) - purify.VIEWS.keys()):
            raise ValueError(f"no view {unknown[0]!r}; there are {', '.join(purify.VIEWS)}")
        if len({tuple(sorted(member.sizes.items())) for member in members}) > 1:
            raise ValueError("members of an ensemble must judge the same attributes with the same classes")
        self.members, self.views, self.card = members, views, card

    @classmethod
    def load(cls, folder: Path) -> "Judges":
        """Read an ensemble from its folder, and its members from theirs.

        Raises:
            WeightsError: a member that is missing or is not the one that the ensemble was measured with.
        """
        card, listed = weights.card(folder), json.loads((folder / FILE).read_text())
        members = [Judge.load(weights.folder(name)) for name in listed["members"]]
        for member, (name, sha256) in zip(members, listed["members"].items(), strict=True):
            if member.card["sha256"] != sha256:
                raise weights.WeightsError(f"{name} is not the member that {folder.name} was measured with: "
                                           f"`retouch pretrain {folder.name} --overwrite`")  # fmt: skip
        return cls(members, listed["views"], card)

    @property
    def sizes(self) -> dict[str, int]:
        """How many classes each attribute has."""
        return self.members[0].sizes

    @torch.no_grad()
    def look(self, images: np.ndarray) -> Votes:
        """Judge uint8 images (N, C, H, W)."""
        chunks = torch.from_numpy(np.ascontiguousarray(images)).split(BATCH)
        seen = [[_seen(member, to_float(chunk), self.views) for chunk in chunks] for member in self.members]
        joined = {
            head: np.stack([np.concatenate([chunk[head] for chunk in member]) for member in seen])
            for head in seen[0][0]
        }
        thresholds = self.card.get("measured", {}).get("thresholds")
        similarity = joined.pop("identity", None)
        return Votes(joined, similarity, None if thresholds is None else np.array(thresholds))


def _seen(member: Judge, x: torch.Tensor, views: list[str]) -> dict[str, np.ndarray]:
    """A member's mean probabilities (and cosines, for "identity") over views of images in [-1, 1]."""
    outputs = [member.network(purify.VIEWS[view](x)) for view in views]
    mean = {head: sum(one[head].softmax(1) for one in outputs) / len(views) for head in outputs[0]}
    if "identity" in mean:
        mean["identity"] = sum(one["identity"] for one in outputs) / (16.0 * len(views))
    return {head: values.numpy() for head, values in mean.items()}
