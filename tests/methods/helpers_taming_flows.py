"""A flow and a guide that train in a second or two, and the images that they know."""

import torch
from small import rng
from torch import Tensor

from retouch.benchmark.generators.flow import Flow
from retouch.benchmark.judges import Classifier

FLOW = {"channels": 1, "size": 4, "bits": 4, "levels": 1, "steps": 2, "hidden": 8, "affine": True}
GUIDE = {"trunk": "plain", "channels": 1, "size": 4, "width": 4, "features": 8, "heads": {"tone": 2}}


def images(n: int, dark: float, seed: int = 0) -> tuple[Tensor, Tensor]:
    """n uint8 images (n, 1, 4, 4), noisy grey with the share `dark` of them dark, and their tone: 1 dark, 0 bright."""
    tone = (torch.arange(n) < dark * n).long()
    level = torch.where(tone == 1, 70, 170)[:, None, None, None]
    return (level + 40 * torch.randn(n, 1, 4, 4, generator=rng(seed))).clamp(0, 255).to(torch.uint8), tone


def trained_flow(data: Tensor, steps: int = 300, make: type[Flow] = Flow) -> Flow:
    """A small flow after `steps` training steps of batch 64."""
    torch.manual_seed(0)
    flow, draws = make(FLOW, lr=3e-3), rng(1)
    for _ in range(steps):
        flow.train_step(data[torch.randint(len(data), (64,), generator=draws)])
    flow.module.eval()
    return flow


def trained_guide(steps: int = 100) -> Classifier:
    """A guide that tells dark images from bright ones."""
    torch.manual_seed(0)
    data, tone = images(1000, 0.5, seed=2)
    network = Classifier(**GUIDE)
    adam = torch.optim.Adam(network.parameters(), 1e-2)
    for _ in range(steps):
        rows = torch.randint(1000, (64,))
        loss = torch.nn.functional.cross_entropy(network(data[rows].float() / 127.5 - 1)["tone"], tone[rows])
        adam.zero_grad()
        loss.backward()
        adam.step()
    return network
