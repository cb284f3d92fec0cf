"""A judge or guide in training."""

from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F

from retouch.benchmark import data
from retouch.benchmark.data.images import Images, concat
from retouch.benchmark.generators.gan import to_float
from retouch.benchmark.judges import Classifier, Judge
from retouch.benchmark.train.augment import perturb
from retouch.benchmark.train.measure import measure_judge


class ClassifierLearner:
    """Trains a `Classifier` by cross-entropy on all its heads at once."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan = plan
        known = data.load(plan["data"], plan["split"])
        if plan.get("extra"):  # people beside those of the data set, so that the recogniser learns faces, not a list
            known = _together(known, data.load(plan["extra"]["data"], plan["extra"]["split"]))
        self.images = torch.from_numpy(known.images)
        self.labels = {head: torch.from_numpy(known.labels[head]) for head in plan["heads"]}
        channels, size = known.images.shape[1:3]
        heads = {head: int(labels.max()) + 1 for head, labels in self.labels.items()}
        self.config = {"trunk": plan["trunk"], "channels": channels, "size": size, "heads": heads}
        self.config |= {key: plan[key] for key in ("width", "features") if key in plan}
        self.network = Classifier(**self.config)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), plan["lr"], weight_decay=1e-2)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimizer, plan["lr"], total_steps=plan["steps"])

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.network.parameters()).device

    def to(self, device: str) -> None:
        """Move the network."""
        self.network.to(device)

    def step(self) -> None:
        """One step on a random batch."""
        rows = torch.randint(len(self.images), (self.plan["batch"],))
        logits = self.network.train()(perturb(to_float(self.images[rows].to(self.device))))
        loss = sum(F.cross_entropy(logits[head], labels[rows].to(self.device), label_smoothing=0.05)
                   for head, labels in self.labels.items())  # fmt: skip
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.schedule.step()

    def state(self) -> dict[str, Any]:
        """All that a resumed training needs."""
        return {part: getattr(self, part).state_dict() for part in ("network", "optimizer", "schedule")}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        for part in ("network", "optimizer", "schedule"):
            getattr(self, part).load_state_dict(state[part])

    def picture(self) -> None:
        """A classifier has nothing to show."""

    def save(self, folder: Path) -> None:
        """Write the weights."""
        Judge(self.network, {}).save(folder)

    def measure(self, folder: Path) -> dict[str, Any]:
        """What the card says of the weights in FOLDER."""
        return measure_judge(Judge.load(folder), self.plan)


def _together(known: Images, strangers: Images) -> Images:
    """Both sets, the strangers' identities counted on from the known ones."""
    first = len(known.names["identity"])
    shifted = {**strangers.labels, "identity": strangers.labels["identity"] + first}
    names = {**known.names, "identity": known.names["identity"] + strangers.names["identity"]}
    return concat([Images(known.images, known.labels, names), Images(strangers.images, shifted, names)])
