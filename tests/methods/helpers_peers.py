"""Images of two attributes, side and tone; a GAN and a guide that know them; tasks that reveal what a test gives."""

from functools import cache

import numpy as np
import torch
from helpers_data_redaction import write_task
from small import rng, small
from torch.nn import functional as F

from retouch.benchmark.generators.gan import to_float
from retouch.benchmark.judges import Classifier
from retouch.benchmark.task import Guide

MIX = {(0, 0): 160, (0, 1): 100, (1, 0): 60, (1, 1): 30}  # images of each side and tone
RIGHT = {"attribute": "side", "values": [1]}


def kinds(side, tone, n):
    """uint8 (n, 1, 8, 8): the left (0) or right (1) half is dim (0) or bright (1), the rest is dark."""
    noise = np.random.default_rng(2 * side + tone).integers(0, 40, (n, 1, 8, 8))
    noise[..., slice(4 * side, 4 * side + 4)] += 90 + 120 * tone
    return torch.from_numpy(noise.astype(np.uint8))


def side_of(images):
    """1 where the right half is the brighter one, (N,)."""
    return (images[..., 4:].float().mean((1, 2, 3)) > images[..., :4].float().mean((1, 2, 3))).long()


def tone_of(images):
    """1 where the brighter half is bright, (N,)."""
    halves = torch.stack([images[..., :4].float().mean((1, 2, 3)), images[..., 4:].float().mean((1, 2, 3))])
    return (halves.max(0).values > 170).long()


def mixed():
    """All images of the mix."""
    return torch.cat([kinds(*kind, n) for kind, n in MIX.items()])


@cache
def trained_base(steps=400):
    """A GAN that makes the mix, more or less; trained once for all the files of tests, which edit copies of it."""
    gan, images = small("gan", 2e-3), mixed()
    draws = rng(3)
    for _ in range(steps):
        gan.train_step(images[torch.randint(len(images), (32,), generator=draws)])
    assert 0.1 < side_of(gan.sample(500, rng())).float().mean() < 0.45
    return gan


@cache
def side_and_tone_guide():
    """A guide that tells sides and tones apart; trained once, too."""
    torch.manual_seed(1)
    network, images = Classifier("plain", 1, 8, {"side": 2, "tone": 2}, width=4, features=8), mixed()
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    for _ in range(80):
        logits = network(to_float(images))
        loss = F.cross_entropy(logits["side"], side_of(images)) + F.cross_entropy(logits["tone"], tone_of(images))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return Guide(network)


def guided_task(folder, guide, target, **given):
    """A task with this guide and target; `given`: retain, forget."""
    task = write_task(folder, target=target, **given)
    task.guide = guide
    return task
