"""A label-free encoder in training: two views of one image shall be near each other and far from all other images."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retouch.benchmark import data, encoders
from retouch.benchmark.encoders import Encoder
from retouch.benchmark.generators.gan import to_float
from retouch.benchmark.train.augment import view
from retouch.benchmark.train.learner import NetworkLearner

TEMPERATURE = 0.2
PROJECTED = 64  # dimensions in which views are compared; the projection is thrown away afterwards


class EncoderLearner(NetworkLearner):
    """Trains an encoder by NT-Xent on the recipe's `views` (the arguments of `augment.view`).

    `part = [i, k]` takes images i, i + k, i + 2k, ... of the split: two encoders of one split share none.
    """

    def __init__(self, plan: dict[str, Any]) -> None:
        first, every = plan.get("part", (0, 1))
        self.images = torch.from_numpy(data.load(plan["data"], plan["split"]).images[first::every])
        channels, size = self.images.shape[1:3]
        self.config = {"trunk": plan["trunk"], "channels": channels, "size": size, "width": plan["width"]}
        self.config["features"] = features = plan["features"]
        self.encoder = encoders.network(**self.config)
        projector = nn.Sequential(nn.Linear(features, 2 * features), nn.ReLU(), nn.Linear(2 * features, PROJECTED))
        super().__init__(plan, nn.Sequential(self.encoder, projector))

    def step(self) -> None:
        """One step on two views of each image of a random batch."""
        self.network.train()
        batch = self.images[torch.randperm(len(self.images))[: self.plan["batch"]]]
        x = view(self.floats(batch).repeat(2, 1, 1, 1), **self.plan["views"])
        with self.half():
            z = self.network(x)
        self.update(nt_xent(z.float()))

    def save(self, folder: Path) -> None:
        """Write the encoder, its last layer set to the mean and variance of all training images."""
        norm = self.encoder[1]
        with torch.no_grad():
            raw = torch.cat([self.encoder.eval()[0](to_float(part.to(self.device))) for part in self.images.split(250)])
            norm.get_buffer("running_mean").copy_(raw.mean(0))
            norm.get_buffer("running_var").copy_(raw.var(0))
        Encoder(self.encoder, {}).save(folder)


def nt_xent(z: Tensor) -> Tensor:
    """Normalised, temperature-scaled cross-entropy (Chen et al., equation 1) of (2N, D): rows i and i + N pair up."""
    z = F.normalize(z, dim=1)
    similar = z @ z.T / TEMPERATURE
    similar.fill_diagonal_(-torch.inf)  # nobody is compared with itself
    return F.cross_entropy(similar, torch.arange(len(z), device=z.device).roll(len(z) // 2))
