"""A generator in training, and the exponential moving average of its weights, which is what ships."""

import math
from pathlib import Path
from typing import Any

import torch
from torch import nn

from retouch.benchmark import data
from retouch.benchmark.data.captions import captions
from retouch.benchmark.data.images import Images
from retouch.benchmark.generators import family
from retouch.benchmark.generators.base import Generator
from retouch.benchmark.support.pictures import sheet
from retouch.benchmark.train.augment import warp

EMA = 0.999  # decay of the average, unless the recipe has another `ema`


class GeneratorLearner:
    """Trains `live` by its own loss; `average` follows."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan, self.config, self.half = plan, plan["config"], plan.get("bfloat16", False)
        training = data.load(plan["data"], "train")
        self.images, self.conditions = torch.from_numpy(training.images), conditions(training, plan)
        self.live: Any = family(plan["kind"])(self.config, plan["lr"])
        self.live.prepare(self.images, *([self.conditions] if self.conditions else ()))
        self.average: Generator = self.live.copy()
        for network in self.live.networks().values():  # `pretrain --tune` measures which of these is faster
            if plan.get("channels_last", self.half):
                network.to(memory_format=torch.channels_last)
            if plan.get("compile"):
                network.compile()
        self.steps = 0

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.live.device

    def to(self, device: str) -> None:
        """Move both generators."""
        self.live.to(device)
        self.average.to(device)

    def step(self) -> None:
        """One step on a random batch."""
        self._decay(self.plan["steps"] - self.steps)
        rows = torch.randint(len(self.images), (self.plan["batch"],))
        batch = warp(self.images[rows]) if self.plan.get("augment") else self.images[rows]
        prompts = [self.conditions[row] for row in rows.tolist()] if self.conditions else []
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            self.live.train_step(batch, *([prompts] if prompts else ()))
        self.steps += 1
        decay = min(self.plan.get("ema", EMA), (1 + self.steps) / (10 + self.steps))
        _average(self.average.module, self.live.module, decay)

    def _decay(self, left: int) -> None:
        """Over the last steps their size falls to 0 along half a cosine."""
        if left < self.plan.get("decay", 0):
            for group in (group for optimizer in self.live.optimizers for group in optimizer.param_groups):
                whole = group.setdefault("initial_lr", group["lr"])
                group["lr"] = whole * (1 - math.cos(math.pi * left / self.plan["decay"])) / 2

    def state(self) -> dict[str, Any]:
        """All that a resumed training needs."""
        return {
            "steps": self.steps,
            "live": {part: network.state_dict() for part, network in self.live.networks().items()},
            "average": {part: network.state_dict() for part, network in self.average.networks().items()},
            "optimizers": [optimizer.state_dict() for optimizer in self.live.optimizers],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        if state["optimizers"]:
            self.live.train_step(self.images[:2].repeat(2, 1, 1, 1))  # makes the optimisers; the state follows
        for name, generator in (("live", self.live), ("average", self.average)):
            for part, network in generator.networks().items():
                network.load_state_dict(state[name][part])
        for optimizer, saved in zip(self.live.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.steps = state["steps"]

    def picture(self) -> bytes:
        """A sheet of 64 samples of the average, PNG."""
        return sheet(self.average.sample(64, torch.Generator().manual_seed(0)).numpy(), columns=16)

    def save(self, folder: Path) -> None:
        """Write the average; a discriminator belongs to the live generator and has none."""
        for part in set(self.live.parts) - {"module"}:
            getattr(self.average, part).load_state_dict(getattr(self.live, part).state_dict())
        self.average.save(folder)


def conditions(images: Images, plan: dict[str, Any]) -> list[str]:
    """The prompt of each image, by the recipe's `caption`, attributes, and `implied`; empty where it names none."""
    return captions(images, plan["caption"], plan.get("implied")) if "caption" in plan else []


@torch.no_grad()
def _average(slow: nn.Module, fast: nn.Module, decay: float) -> None:
    """slow <- decay slow + (1 - decay) fast, for parameters and floating buffers; others are taken over."""
    for a, b in zip(slow.state_dict().values(), fast.state_dict().values(), strict=True):
        if a.is_floating_point():
            a.lerp_(b, 1 - decay)
        else:
            a.copy_(b)
