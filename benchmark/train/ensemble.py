"""An ensemble in the place of a learner: its members are trained already, it is only put together and measured."""

from pathlib import Path
from typing import Any

import torch

from retouch.benchmark import ensemble, weights
from retouch.benchmark.judges import Judge
from retouch.benchmark.support.files import write_json


class EnsembleLearner:
    """Takes the recipe's `members` and `views`; the recipe has no steps."""

    device = torch.device("cpu")

    def __init__(self, plan: dict[str, Any]) -> None:
        self.members = {name: weights.card(weights.folder(name))["sha256"] for name in plan["members"]}
        self.views = plan["views"]
        judges = [Judge.load(weights.folder(name)) for name in self.members]
        self.config = {"heads": ensemble.Judges(judges, self.views, {}).sizes}

    def to(self, device: str) -> None:
        """Ensembles stay on the CPU."""

    def save(self, folder: Path) -> None:
        """Write which members look at which views."""
        write_json(folder / ensemble.FILE, {"members": self.members, "views": self.views})
