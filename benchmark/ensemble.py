"""Several judges that look at purified views of an image; where they disagree, the image is unclear.

    judges = Judges.load(weights.folder("digits-judges"))
    votes = judges.look(images)
    votes.labels["category"]                      # 0..9, and 10 for unclear

One judge can be fooled by a pattern of a few levels, and by images unlike all that it was trained on. Members of
different architecture, seed and training are fooled by different ones: what one of them alone says does not count.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from retouch import metrics
from retouch.benchmark import purify, weights
from retouch.benchmark.generators.gan import to_float
from retouch.benchmark.judges import BATCH, Judge

FEATURES = "features of the trunk"  # among a member's outputs
FILE = "ensemble.json"  # in an ensemble's folder: its members with their sha256, and the views


@dataclass(frozen=True)
class Votes:
    """What M judges say of N images, each the mean over its views.

    Attributes:
        probs: attribute -> float32 (M, N, K), probabilities of its classes.
        features: of all members side by side, float32 (N, M F), so that their cosine is the mean of the members'.
        similarity: cosine to each known person, float32 (M, N, P); None without a recogniser.
        thresholds: (M,), the cosine from which each member accepts a person; None before they are measured.
    """

    probs: dict[str, np.ndarray]
    features: np.ndarray | None = None
    similarity: np.ndarray | None = None
    thresholds: np.ndarray | None = None

    def members(self, attribute: str) -> np.ndarray:
        """Each member's label, int64 (M, N)."""
        return self._scores(attribute).argmax(2)

    def guess(self, attribute: str) -> np.ndarray:
        """The label that the members' mean favours, int64 (N,), also where they disagree."""
        return self._scores(attribute).mean(0).argmax(1)

    @property
    def labels(self) -> dict[str, np.ndarray]:
        """Labels int64 (N,) of every attribute: the class that all members see, K where they disagree."""
        known = [*self.probs, *["identity"] * (self.similarity is not None)]
        return {name: metrics.agreed(self.members(name), self._scores(name).shape[2]) for name in known}

    def accepting(self, person: int) -> np.ndarray:
        """Whether each member accepts each image as the person, bool (M, N)."""
        if self.similarity is None or self.thresholds is None:
            raise ValueError("the ensemble recognises nobody, or its thresholds are not measured yet")
        return self.similarity[..., person] >= self.thresholds[:, None]

    def accepts(self, person: int) -> np.ndarray:
        """Whether each image shows the person, int64 (N,): 0 no member says so, 1 all do, 2 they disagree."""
        return metrics.agreed(self.accepting(person).astype(np.int64), 2)

    def arrays(self) -> dict[str, np.ndarray]:
        """All of it as arrays by name; `of` takes them back."""
        parts = {"features": self.features, "similarity": self.similarity, "thresholds": self.thresholds}
        known = {name: array for name, array in parts.items() if array is not None}
        return known | {f"probs.{name}": array for name, array in self.probs.items()}

    @classmethod
    def of(cls, arrays: dict[str, np.ndarray]) -> "Votes":
        """What `arrays` gave."""
        probs = {name.removeprefix("probs."): array for name, array in arrays.items() if name.startswith("probs.")}
        return cls(probs, *(arrays.get(name) for name in ("features", "similarity", "thresholds")))

    def _scores(self, attribute: str) -> np.ndarray:
        """What each member's label is the largest of, (M, N, K): probabilities, or cosines to the people."""
        if attribute == "identity" and self.similarity is not None:
            return self.similarity
        return self.probs[attribute]


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

    def to(self, device: str) -> "Judges":
        """Move the members' networks; returns the ensemble."""
        for member in self.members:
            member.to(device)
        return self

    @property
    def sizes(self) -> dict[str, int]:
        """How many classes each attribute has."""
        return self.members[0].sizes

    def probs(self, votes: Votes, attribute: str) -> np.ndarray:
        """The members' mean probabilities (N, K) of an attribute for images that they have looked at."""
        return votes.probs[attribute].mean(0)

    def accepting(self, votes: Votes, person: int) -> np.ndarray:
        """Whether each member accepts each image as the person, bool (M, N)."""
        return votes.accepting(person)

    def likeness(self, person: int) -> np.ndarray:
        """The members' mean cosine between what they take for the person and for everybody that they know, (P,)."""
        return np.mean([member.likeness(person) for member in self.members], axis=0)

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
        features, similarity = joined.pop(FEATURES), joined.pop("identity", None)
        features = np.concatenate(features / np.linalg.norm(features, axis=2, keepdims=True), axis=1)
        return Votes(joined, features, similarity, None if thresholds is None else np.array(thresholds))


def _seen(member: Judge, x: torch.Tensor, views: list[str]) -> dict[str, np.ndarray]:
    """A member's mean probabilities (cosines, for "identity") and features over views of images in [-1, 1]."""
    x = x.to(next(member.network.parameters()).device)
    features = [member.network.trunk(purify.VIEWS[view](x)) for view in views]
    outputs = [member.network.logits(one) for one in features]
    mean: dict[str, Any] = {head: sum(one[head].softmax(1) for one in outputs) / len(views) for head in outputs[0]}
    mean[FEATURES] = sum(features[1:], features[0]) / len(views)
    if "identity" in mean:
        mean["identity"] = sum(one["identity"] for one in outputs) / (16.0 * len(views))
    return {head: values.cpu().numpy() for head, values in mean.items()}
