"""A task as a method sees it: the fields that are revealed to it, and no others."""

from __future__ import annotations

import json
from functools import reduce
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from retouch.benchmark import weights
from retouch.benchmark.generators.base import Generator
from retouch.benchmark.joint import names
from retouch.benchmark.judges import Classifier, Judge, OwnClassifier
from retouch.benchmark.submission import NEEDS


class NotRevealed(AttributeError):
    """A field that the task does not reveal to this submission."""


def joint_probs(logits: dict[str, Tensor], attribute: str | list[str]) -> Tensor:
    """Probabilities (N, classes) of an attribute, or of several's cells, from a classifier's logits; differentiable."""
    parts = [logits[name].softmax(1) for name in names(attribute)]
    return reduce(lambda a, b: (a[:, :, None] * b[:, None]).flatten(1), parts)


class Guide:
    """A revealed classifier; never the judge.

    Call it with floats (N, C, H, W) in [-1, 1] for logits that can be differentiated, or ask for `probs` of images.
    `attributes` are the names that it knows, `sizes` how many values each has.
    """

    def __init__(self, network: Classifier | OwnClassifier) -> None:
        self.network = network.requires_grad_(False)
        self.attributes = list(network.heads)
        self.sizes = {name: cast(nn.Linear, head).out_features for name, head in network.heads.items()}

    def __call__(self, x: Tensor) -> dict[str, Tensor]:
        """Logits (N, classes) of every attribute."""
        return self.network(x)

    @torch.no_grad()
    def probs(self, images: Tensor, attribute: str | list[str]) -> Tensor:
        """Probabilities (N, classes) of an attribute for uint8 images (N, C, H, W), on the CPU.

        Of several attributes: of every combination of their values, in row-major order, as if they were independent
        given the image.
        """
        device = next(self.network.parameters()).device
        parts = [self.network(chunk.to(device).float() / 127.5 - 1) for chunk in images.split(500)]
        return torch.cat([joint_probs(logits, attribute).cpu() for logits in parts])

    @torch.no_grad()
    def features(self, images: Tensor) -> Tensor:
        """Penultimate features (N, F) of uint8 images, on the CPU."""
        device = next(self.network.parameters()).device
        return torch.cat([self.network.trunk(c.to(device).float() / 127.5 - 1) for c in images.split(500)]).cpu()


class Task:
    """A task as a method sees it.

    Attributes:
        kind: identity_removal, category_redaction, attribute_rebalancing or output_diversity.
        target: the attribute, and the values to remove or the shares to reach; see the task's module.
        device: where to compute; rng: a seeded torch.Generator (CPU) for the method's own draws.
        forget, retain: uint8 images (N, C, H, W); labelled: (images, {attribute: int64 labels}).
        guide: a `Guide`; retrained: the generator trained from scratch on the data as it should have been.
        Of the last five, those that the task reveals and the submission's [access] asks for.
    """

    forget: Tensor
    retain: Tensor
    labelled: tuple[Tensor, dict[str, Tensor]]
    guide: Guide

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        table = json.loads((folder / "task.json").read_text())
        self.kind, self.target, self.device = table["kind"], table["target"], table["device"]
        self.rng = torch.Generator().manual_seed(table["seed"])
        self.table = table
        if (folder / "guide").exists():
            self.guide = Guide(Judge.load(folder / "guide").network.to(self.device))
        for name in ("forget", "retain"):
            if (folder / f"{name}.npy").exists():
                setattr(self, name, self._array(name))
        labels = sorted(folder.glob("labelled.*.npy"))
        if labels:
            images = self._array("labelled")
            self.labelled = images, {file.name.split(".")[1]: self._array(file.stem) for file in labels}

    def __getattr__(self, name: str) -> Any:
        if name not in NEEDS:
            raise AttributeError(f"a task has no field {name!r}; it may have {', '.join(NEEDS)}")
        why = f"add {NEEDS[name]!r} to `access` in submission.toml"
        if NEEDS[name] in self.table["access"]:
            why = f"{self.kind} does not reveal it to anyone"
        raise NotRevealed(f"task.{name} is not revealed to this submission: {why}")

    def base(self) -> Generator:
        """A fresh copy of the base."""
        return weights.load(self.folder / "base", self.device)

    @property
    def retrained(self) -> Generator:
        """The positive control's generator."""
        if not (self.folder / "retrained").exists():
            return self.__getattr__("retrained")
        return weights.load(self.folder / "retrained", self.device)

    def _array(self, name: str) -> Tensor:
        return torch.from_numpy(np.load(self.folder / f"{name}.npy", allow_pickle=False))
