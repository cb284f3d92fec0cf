"""What classifiers and encoders in training share: one network, AdamW, a one-cycle schedule of its step size."""

from typing import Any

import torch
from torch import Tensor, nn

from retouch.benchmark.generators.gan import to_float


class NetworkLearner:
    """Holds what changes from step to step; subclasses set `images` and `config` and define `step`.

    Args:
        plan: the recipe: `lr`, `steps`, and `bfloat16` where convolutions are to be in half precision, channels last;
            network: all that is trained.
    """

    parts = ("network", "optimizer", "schedule")

    def __init__(self, plan: dict[str, Any], network: nn.Module) -> None:
        self.layout = torch.channels_last if plan.get("bfloat16") else torch.contiguous_format
        self.plan, self.network = plan, network.to(memory_format=self.layout)
        self.optimizer = torch.optim.AdamW(network.parameters(), plan["lr"], weight_decay=1e-2)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimizer, plan["lr"], total_steps=plan["steps"])

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.network.parameters()).device

    def to(self, device: str) -> None:
        """Move the network."""
        self.network.to(device)

    def floats(self, images: Tensor) -> Tensor:
        """uint8 images as the network takes them: floats in [-1, 1], on its device, in its layout."""
        return to_float(images.to(self.device)).contiguous(memory_format=self.layout)

    def half(self) -> torch.autocast:
        """The context in which losses are computed."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=bool(self.plan.get("bfloat16")))

    def update(self, loss: Tensor) -> None:
        """One step down the gradient of a scalar loss."""
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.schedule.step()

    def state(self) -> dict[str, Any]:
        """All that a resumed training needs."""
        return {part: getattr(self, part).state_dict() for part in self.parts}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        for part in self.parts:
            getattr(self, part).load_state_dict(state[part])

    def picture(self) -> None:
        """There is nothing to show on the way."""
