"""Ten steps of projected gradients against the guide, on the base's own images: nothing that an eye sees changes."""

import torch
from torch.nn import functional as F

STEPS = 10


class Attacked:
    def __init__(self, base, task, levels, smooth, shuffled, fresh):
        self.base, self.task, self.levels, self.smooth, self.shuffled = base, task, levels, smooth, shuffled
        self.fresh = fresh

    def sample(self, n, rng):
        images = self.base.sample(n, rng)
        if self.fresh:
            images[: round(self.fresh * n)] = self.base.sample(n, rng)[: round(self.fresh * n)]
        made = torch.cat([self.moved(part, rng) for part in images.split(500)])
        return made[torch.randperm(n, generator=rng)] if self.shuffled else made

    def moved(self, images, rng):
        attribute = self.task.target["attribute"]
        now = self.task.guide.probs(images, attribute)
        goal = wanted(now, self.task.target, rng)
        rows = (goal != now.argmax(1)) if "values" not in self.task.target else suspected(now, self.task.target)
        out = images.clone()
        if rows.any():
            out[rows] = self.attack(images[rows], goal[rows])
        return out

    def attack(self, images, goal):
        x = images.float() / 127.5 - 1
        delta, radius = torch.zeros_like(x), self.levels / 127.5
        for _ in range(STEPS):
            delta.requires_grad_(True)
            loss = self.loss(x + delta, goal)
            (gradient,) = torch.autograd.grad(loss, delta)
            if self.smooth:
                gradient = F.avg_pool2d(gradient, 3, 1, 1)
            delta = (delta.detach() - radius / 4 * gradient.sign()).clamp(-radius, radius)
        return ((x + delta).clamp(-1, 1) * 127.5 + 127.5).round().to(torch.uint8)

    def loss(self, x, goal):
        attribute = self.task.target["attribute"]
        names = [attribute] if isinstance(attribute, str) else attribute
        logits, total = self.task.guide(x), 0.0
        for name in reversed(names):
            size = logits[name].shape[1]
            total, goal = total + F.cross_entropy(logits[name], goal % size), goal // size
        return total


def suspected(probs, target):
    return probs[:, target["values"]].sum(1) > 0.02


def wanted(probs, target, rng):
    """The class (N,) that each image is moved to."""
    if "values" in target:
        others = probs.clone()
        others[:, target["values"]] = -1
        return others.argmax(1)
    shares = torch.tensor(target.get("shares", [1.0] * probs.shape[1])).flatten().float()
    now, goal = probs.argmax(1), probs.argmax(1).clone()
    due = (shares / shares.sum() * len(probs)).round().long()
    for c in range(probs.shape[1]):  # those of too frequent classes go where images are lacking
        lacking = [k for k in range(probs.shape[1]) if (goal == k).sum() < due[k]]
        surplus = (now == c).nonzero().flatten()[int(due[c]) :]
        for i, row in enumerate(surplus):
            goal[row] = lacking[i % len(lacking)] if lacking else c
    return goal


def edit(generator, task, budget, *, levels, smooth=False, shuffled=False, named=False, fresh=0.0):
    attacked = Attacked(generator, task, levels, smooth, shuffled, fresh)
    if named:
        attacked.module = generator.module
    return attacked
