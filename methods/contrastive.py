"""A label-free encoder of images, trained by contrast: two views of an image shall be alike, other images unlike it.

SimCLR (Chen, Kornblith, Norouzi and Hinton, ICML 2020, arXiv 2002.05709): for a batch of N images, two random views of
each, z their projections of length 1,
    L = -mean_i log( exp(z_i.z_i' / tau) / sum_{j != i} exp(z_i.z_j / tau) )    over all 2N views, i' the other one.
Features are what the trunk makes of an image, before the projection.

Deviations: a network of three layers and views that suit images of 8 to 64 pixels (shifts by up to an eighth, contrast
and brightness, noise): no flips, which turn digits into others, and no crops, which leave nothing of 8 pixels.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retouch.benchmark.budget import Budget
from retouch.benchmark.generators.diffaugment import translation
from retouch.benchmark.generators.gan import to_float
from retouch.methods.training import descend, draw_batch

BATCH, WIDTH, FEATURES, PROJECTION = 128, 32, 64, 32
TAU, LR, NOISE = 0.2, 2e-3, 0.1


def train_encoder(images: Tensor, budget: Budget, steps: int, rng: torch.Generator, device: str) -> nn.Module:
    """Train the trunk, images in [-1, 1] (N, C, H, W) -> features (N, 64), on uint8 images for so many steps."""
    trunk = nn.Sequential(
        nn.Conv2d(images.shape[1], WIDTH, 3, padding=1), nn.ReLU(),
        nn.Conv2d(WIDTH, 2 * WIDTH, 4, stride=2, padding=1), nn.ReLU(),
        nn.Conv2d(2 * WIDTH, 4 * WIDTH, 4, stride=2, padding=1), nn.ReLU(),
        nn.Flatten(), nn.LazyLinear(FEATURES),
    ).to(device)  # fmt: skip
    trunk(to_float(images[:2].to(device)))  # the lazy layer's width
    head = nn.Sequential(nn.ReLU(), nn.Linear(FEATURES, PROJECTION)).to(device)
    adam = torch.optim.Adam([*trunk.parameters(), *head.parameters()], LR)
    for _ in budget.steps(steps):
        x = to_float(draw_batch(images, min(BATCH, len(images)), rng).to(device))
        z = F.normalize(head(trunk(torch.cat([view(x, rng), view(x, rng)]))))
        descend(adam, contrast(z))
    return trunk.eval().requires_grad_(False)


def view(x: Tensor, rng: torch.Generator) -> Tensor:
    """A random view of each image in [-1, 1]: shifted, contrast times 0.6 to 1.4, brightness plus up to 0.3, noise."""
    gain, offset = torch.rand(2, len(x), 1, 1, 1, generator=rng).to(x.device)
    noise = torch.randn(x.shape, generator=rng).to(x.device)
    return translation(x + 1) * (0.6 + 0.8 * gain) - 1 + 0.6 * (offset - 0.5) + NOISE * noise


def contrast(z: Tensor) -> Tensor:
    """The loss of projections z (2N, P) of length 1; row i and row i + N are views of one image."""
    n = len(z) // 2
    similarity = (z @ z.T / TAU).fill_diagonal_(-torch.inf)
    other = torch.cat([torch.arange(n, 2 * n), torch.arange(n)]).to(z.device)
    return F.cross_entropy(similarity, other)
