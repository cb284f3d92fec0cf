"""A judge or guide in training."""

from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from retouch.benchmark import data
from retouch.benchmark.data.images import Images, concat
from retouch.benchmark.judges import Classifier, Judge
from retouch.benchmark.train.augment import blurred, flipped, perturb
from retouch.benchmark.train.learner import NetworkLearner


class ClassifierLearner(NetworkLearner):
    """Trains a `Classifier` by cross-entropy on all its heads at once.

    The recipe may ask for `blur`, the share of images that are blurred; `flip`, left and right exchanged in half of
    them; and `adversary`, in levels of 255, the size of an adversarial step that each batch makes first (fast
    adversarial training, Wong et al., arXiv 2001.03994).
    """

    def __init__(self, plan: dict[str, Any]) -> None:
        known = data.load(plan["data"], plan["split"])
        if plan.get("extra"):  # people beside those of the data set, so that the recogniser learns faces, not a list
            known = _together(known, data.load(plan["extra"]["data"], plan["extra"]["split"]))
        self.images = torch.from_numpy(known.images)
        self.labels = {head: torch.from_numpy(known.labels[head]) for head in plan["heads"]}
        channels, size = known.images.shape[1:3]
        heads = {head: int(labels.max()) + 1 for head, labels in self.labels.items()}
        self.config = {"trunk": plan["trunk"], "channels": channels, "size": size, "heads": heads}
        self.config |= {key: plan[key] for key in ("width", "features") if key in plan}
        super().__init__(plan, Classifier(**self.config))

    def step(self) -> None:
        """One step on a random batch."""
        self.network.train()
        rows = torch.randint(len(self.images), (self.plan["batch"],))
        labels = {head: labels[rows].to(self.device) for head, labels in self.labels.items()}
        x = perturb(self.floats(self.images[rows]))
        x = flipped(x) if self.plan.get("flip") else x
        if share := self.plan.get("blur"):
            x = blurred(x, share)
        if levels := self.plan.get("adversary"):
            x = self._adversarial(x, labels, levels / 127.5)
        self.update(self._loss(x, labels))

    def _loss(self, x: Tensor, labels: dict[str, Tensor]) -> Tensor:
        with self.half():
            logits = self.network(x)
        losses = (F.cross_entropy(logits[head].float(), truth, label_smoothing=0.05) for head, truth in labels.items())
        return sum(losses, torch.zeros(()))

    def _adversarial(self, x: Tensor, labels: dict[str, Tensor], radius: float) -> Tensor:
        """x moved within a box of `radius` around it: a random start and one signed gradient step up the loss."""
        start = radius * (2 * torch.rand(x.shape) - 1).to(x.device)
        start.requires_grad_()
        (gradient,) = torch.autograd.grad(self._loss(x + start, labels), start)
        return x + (start.detach() + 1.25 * radius * gradient.sign()).clamp(-radius, radius)

    def save(self, folder: Path) -> None:
        """Write the weights."""
        Judge(cast(Classifier, self.network), {}).save(folder)


def _together(known: Images, strangers: Images) -> Images:
    """Both sets, the strangers' identities counted on from the known ones."""
    first = len(known.names["identity"])
    shifted = {**strangers.labels, "identity": strangers.labels["identity"] + first}
    names = {**known.names, "identity": known.names["identity"] + strangers.names["identity"]}
    return concat([Images(known.images, known.labels, names), Images(strangers.images, shifted, names)])
