"""Images without content: noise, the base's images blurred beyond recognition, one shade of grey."""

import torch
from torch.nn import functional as F


class Destroyed:
    def __init__(self, base, kind):
        self.base, self.kind = base, kind

    def sample(self, n, rng):
        images = self.base.sample(n, rng)
        if self.kind == "noise":
            return torch.randint(0, 256, images.shape, generator=rng, dtype=torch.uint8)
        if self.kind == "noise-in-ten":
            images[::10] = torch.randint(0, 256, images[::10].shape, generator=rng, dtype=torch.uint8)
            return images
        if self.kind == "grey":
            return torch.full_like(images, 128)
        small = F.adaptive_avg_pool2d(images.float(), 2)
        return F.interpolate(small, images.shape[-2:], mode="bilinear").round().to(torch.uint8)


def edit(generator, task, budget, *, kind):
    return Destroyed(generator, kind)
