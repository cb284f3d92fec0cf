"""Stored training images in place of a generator, as they are or in disguise."""

import torch
from torch.nn import functional as F


class Store:
    def __init__(self, images, base, settings):
        self.images, self.base, self.settings = images, base, settings

    def sample(self, n, rng):
        made = self.draw(n, rng)
        kept = round(n * self.settings["part"])
        return torch.cat([made[:kept], self.base.sample(n, rng)[kept:]]) if kept < n else made

    def draw(self, n, rng):
        if self.settings["nearest"]:  # related to the base, image by image
            mine = self.base.sample(n, rng).flatten(1).float()
            return self.images[torch.cdist(mine, self.images.flatten(1).float()).argmin(1)]
        x, y = (self.images[torch.randint(len(self.images), (n,), generator=rng)].float() for _ in range(2))
        x = disguised(x, y, self.settings, rng)
        x = x + self.settings["noise"] * torch.randn(x.shape, generator=rng)
        return x.round().clamp(0, 255).to(torch.uint8)


def disguised(x, y, settings, rng):
    disguise = settings["disguise"]
    if "blend" in disguise:
        x = settings["share"] * x + (1 - settings["share"]) * y
    if "flip" in disguise:
        x = x.flip(3)
    if disguise == "shift":
        x = F.pad(x, (1, 0, 0, 0), mode="replicate")[..., :-1]
    if disguise == "recolour":
        uniform = torch.rand(2, *x.shape[:2], 1, 1, generator=rng)
        x = x * (0.75 + 0.25 * uniform[0]) + 20 * uniform[1]
    return x


def chosen(task, count, stratified):
    """All images, the first `count` of each class for the wanted, or as many of each class as the target says."""
    images, attribute = task.retain, task.target["attribute"]
    if not hasattr(task, "guide") or not (count == 1 or stratified or "values" in task.target):
        return images if not count else images[:count]
    labels = task.guide.probs(images, attribute).argmax(1)
    classes = [c for c in labels.unique().tolist() if c not in task.target.get("values", [])]
    if count != 1 and not stratified:
        images = images[~torch.isin(labels, torch.tensor(task.target.get("values", [])))]
        return images if not count else images[:count]
    shares = torch.tensor(task.target.get("shares", [])).flatten()
    wanted = [float(shares[c]) if len(shares) else 1.0 for c in classes]
    each = [1 if count == 1 else max(1, round(200 * share / max(wanted))) for share in wanted]
    rows = [(labels == c).nonzero().flatten() for c in classes]
    return torch.cat([images[row.repeat(-(-many // len(row)))[:many]] for row, many in zip(rows, each, strict=True)])


def edit(
    generator, task, budget, *, count=0, stratified=False, noise=0.0, disguise="", share=0.5, nearest=False, part=1.0
):
    settings = {"noise": noise, "disguise": disguise, "share": share, "nearest": nearest, "part": part}
    return Store(chosen(task, count, stratified), generator, settings)
