"""Judges score, guides are revealed: classifiers and recognisers of several architectures, one loading path."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from retouch.benchmark import networks, trunks
from retouch.benchmark.generators.gan import to_float

BATCH = 64  # images that a judge looks at at a time: more leave the processor's cache and take up to twice as long


class Classifier(nn.Module):
    """A trunk with one linear head for each attribute; an "identity" head compares by cosine.

    Args:
        trunk: a name of `trunks.TRUNKS`; heads: number of classes for each attribute.
    """

    def __init__(
        self, trunk: str, channels: int, size: int, heads: dict[str, int], width: int = 24, features: int = 64
    ) -> None:
        super().__init__()
        self.trunk = trunks.trunk(trunk, channels, size, width, features)
        self.heads = nn.ModuleDict({name: nn.Linear(features, n, bias=name != "identity") for name, n in heads.items()})

    def logits(self, features: Tensor) -> dict[str, Tensor]:
        """Logits (N, classes) of every head from features (N, F)."""
        out = {name: head(F.relu(features)) for name, head in self.heads.items() if name != "identity"}
        if "identity" in self.heads:
            unit = F.normalize(self.heads["identity"].get_parameter("weight"), dim=1)
            out["identity"] = 16.0 * F.normalize(features, dim=1) @ unit.T
        return out

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Logits of every head for images (N, C, H, W) in [-1, 1]; differentiable."""
        return self.logits(self.trunk(x))


class OwnClassifier(nn.Module):
    """A classifier from outside, from images in [-1, 1] to the logits of its heads, in their order, side by side.

    A recogniser gives an embedding (N, F) instead, which is compared with one template (F,) for each known person.
    """

    def __init__(self, network: nn.Module, heads: dict[str, int], templates: Tensor | None = None) -> None:
        super().__init__()
        self.trunk, self.sizes = network, heads
        self.heads = nn.ModuleDict({name: nn.Linear(1, n) for name, n in heads.items()})  # what they are asked is n
        if templates is not None:
            self.heads["identity"] = nn.Linear(templates.shape[1], len(templates), bias=False)
            self.heads["identity"].load_state_dict({"weight": templates})

    def logits(self, features: Tensor) -> dict[str, Tensor]:
        """Logits (N, classes) of every head from what the network gives."""
        if "identity" in self.heads:
            unit = F.normalize(self.heads["identity"].get_parameter("weight"), dim=1)
            return {"identity": 16.0 * F.normalize(features, dim=1) @ unit.T}
        if features.shape[1] != sum(self.sizes.values()):
            raise ValueError(f"the classifier gives {features.shape[1]} logits, its heads have {self.sizes}")
        return dict(zip(self.sizes, features.split(list(self.sizes.values()), 1), strict=True))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Logits of every head for images (N, C, H, W) in [-1, 1]; differentiable."""
        return self.logits(self.trunk(x))


def own_classifier(folder: Path, config: dict[str, Any]) -> OwnClassifier:
    """The classifier that `config` names: {"network": see `networks.network`, "heads": sizes, ...}."""
    network = networks.network(folder, config)
    file = folder / "templates.safetensors"
    return OwnClassifier(network, config["heads"], load_file(file)["identity"] if file.is_file() else None).eval()


@dataclass(frozen=True)
class Verdict:
    """What a judge says of N images.

    Attributes:
        features: float32 (N, F); labels: attribute -> int64 (N,); identities: cosine to each known person (N, P).
    """

    features: np.ndarray
    labels: dict[str, np.ndarray]
    identities: np.ndarray | None

    @property
    def similarity(self) -> np.ndarray:
        """Cosine to each known person, (N, P).

        Raises:
            ValueError: a judge that is no recogniser.
        """
        if self.identities is None:
            raise ValueError("the judge has no head called identity: it recognises nobody")
        return self.identities

    def members(self, attribute: str) -> np.ndarray:
        """Each judge's label, int64 (1, N): there is one."""
        return self.labels[attribute][None]

    def guess(self, attribute: str) -> np.ndarray:
        """The likeliest label, int64 (N,)."""
        return self.labels[attribute]

    def arrays(self) -> dict[str, np.ndarray]:
        """All of it as arrays by name; `of` takes them back."""
        known = {} if self.identities is None else {"identities": self.identities}
        return {"features": self.features, **known, **{f"labels.{name}": found for name, found in self.labels.items()}}

    @classmethod
    def of(cls, arrays: dict[str, np.ndarray]) -> "Verdict":
        """What `arrays` gave."""
        labels = {name.removeprefix("labels."): found for name, found in arrays.items() if name.startswith("labels.")}
        return cls(arrays["features"], labels, arrays.get("identities"))


class Judge:
    """A trained classifier with its card: measured confusion for each attribute, the recogniser's threshold."""

    def __init__(self, network: Classifier | OwnClassifier, card: dict[str, Any]) -> None:
        self.network, self.card = network.eval(), card

    @classmethod
    def load(cls, folder: Path) -> "Judge":
        """Read a judge or guide from its weights folder; the hash is checked by `retouch.benchmark.weights.card`."""
        from retouch.benchmark.weights import card

        read = card(folder)
        if "network" in read["config"]:
            return cls(own_classifier(folder, read["config"]), read)
        network = Classifier(**read["config"])
        network.load_state_dict({k: v.float() if v.is_floating_point() else v
                                 for k, v in load_file(folder / "model.safetensors").items()})  # fmt: skip
        return cls(network, read)

    def to(self, device: str) -> "Judge":
        """Move the network; returns the judge."""
        self.network.to(device)
        return self

    def save(self, folder: Path) -> None:
        """Write the weights in half precision."""
        folder.mkdir(parents=True, exist_ok=True)
        state = {k: v.half() if v.is_floating_point() else v for k, v in self.network.state_dict().items()}
        save_file({k: v.contiguous().cpu() for k, v in state.items()}, folder / "model.safetensors")

    @property
    def sizes(self) -> dict[str, int]:
        """How many classes each attribute has."""
        return self.card["config"]["heads"]

    @torch.no_grad()
    def probs(self, verdict: "Verdict", attribute: str) -> np.ndarray:
        """Probabilities (N, classes) of an attribute for images that the judge has looked at."""
        features = torch.from_numpy(verdict.features).to(next(self.network.parameters()).device)
        return self.network.logits(features)[attribute].softmax(1).cpu().numpy()

    def accepting(self, verdict: Verdict, person: int) -> np.ndarray:
        """Whether the judge accepts each image as the person, bool (1, N)."""
        return (verdict.similarity[:, person] >= self.card["measured"]["threshold"])[None]

    def likeness(self, person: int) -> np.ndarray:
        """Cosine between what it takes for the person and for everybody that it knows, (P,)."""
        templates = self.network.heads["identity"].get_parameter("weight").detach().cpu().numpy()
        unit = templates / np.maximum(np.linalg.norm(templates, axis=1, keepdims=True), 1e-12)  # strangers have none
        return unit @ unit[person]

    @torch.no_grad()
    def look(self, images: np.ndarray) -> Verdict:
        """Judge uint8 images (N, C, H, W)."""
        device = next(self.network.parameters()).device
        features, labels, identities = [], [], []
        for chunk in torch.from_numpy(np.ascontiguousarray(images)).split(BATCH):
            found = self.network.trunk(to_float(chunk.to(device)))
            logits = self.network.logits(found)
            features.append(found.cpu())
            if "identity" in logits:
                identities.append((logits["identity"] / 16.0).cpu())
            labels.append({name: value.argmax(1).cpu() for name, value in logits.items()})
        return Verdict(
            torch.cat(features).numpy(),
            {name: torch.cat([chunk[name] for chunk in labels]).numpy() for name in labels[0]},
            torch.cat(identities).numpy() if identities else None,
        )


def below(card: dict[str, Any], gate: dict[str, float]) -> list[str]:
    """What of a judge's or an ensemble's card misses a gate, a line each; none: it passes.

    Args:
        card: with `measured`, of an ensemble for each of its members; gate: the least "balanced_accuracy", "auc" or
            (of recognisers) "true_accepts" of every attribute.

    Raises:
        ValueError: a figure that the gate asks for and the card does not have.
    """
    rows = card["measured"].get("members", [card["measured"]])
    lines = []
    for measure, least in gate.items():
        for number, row in enumerate(rows):
            if measure not in row:
                raise ValueError(f"{card['name']} has no {measure}: `retouch measure {card['name']}` measures it")
            values = row[measure] if isinstance(row[measure], dict) else {"identity": {"value": row[measure]}}
            who = f"member {number} of {card['name']}" if len(rows) > 1 else card["name"]
            lines += [
                f"{who}: {measure.replace('_', ' ')} of {attribute} is {one['value']:.3f}, the gate asks for {least}"
                for attribute, one in values.items() if one["value"] < least
            ]  # fmt: skip
    return lines
