"""Attribute Distribution Predictors: linear layers that read attributes off the h-space of a frozen diffusion model.

h is the output of the UNet's middle block (Kwon et al., arXiv 2210.10960). The predictors are those of Parihar et al.
(arXiv 2402.18206): one linear layer a timestep, pseudo-labels from a classifier, h of real images by DDIM inversion.
Inverted images are no fair sample of what the sampler meets at high noise: they carry the image's attributes in full,
where noise carries none. Two variants of ours: h of images with fresh noise, and h along the base's own sampling, where
the guide labels the images that it ends in.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retouch.benchmark.budget import Budget
from retouch.benchmark.generators.diffusion import Diffusion
from retouch.benchmark.generators.gan import to_float
from retouch.benchmark.task import Task
from retouch.methods.guidance import GuidanceSampler, Sampling, marginals
from retouch.methods.target import guide_values, target_shares
from retouch.methods.training import BATCH, descend

FORWARDS = 3 * BATCH  # images through the UNet for the price of one training step: a batch, there and back
FEWEST = 20  # images that a class needs
MOST = 1000  # images of a class that are inverted, where the budget has room
HELD_OUT = 5  # one image in so many measures the accuracy
EPOCHS, LR = 20, 1e-3
SOURCES = ("inversion", "noise", "sampling")


class Predictor(nn.Module):
    """ADP: a linear layer for each timestep on the flattened h.

    Attributes:
        accuracy: at each step of the sampler, the share of held-out inverted images, as many of every class, that it
            gets right.
    """

    def __init__(self, steps: int, features: int, classes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(steps, features, classes))
        self.bias = nn.Parameter(torch.zeros(steps, 1, classes))
        self.accuracy: list[float] = []

    def forward(self, h: Tensor, step: int) -> Tensor:
        """Logits (B, K) from h (B, C', H', W') at a step of the sampler; step 0 is the noisiest."""
        return h.flatten(1) @ self.weight[step] + self.bias[step]

    def every_step(self, h: Tensor) -> Tensor:
        """Logits (S, B, K) from h (S, B, F) at all steps."""
        return torch.baddbmm(self.bias, h, self.weight)


Head = tuple[Predictor, Tensor]  # and the target shares (K,)


@contextmanager
def edit_h(generator: Diffusion, edit: Callable[[Tensor], Tensor | None]) -> Iterator[None]:
    """Make the UNet go on with edit(h) in the place of h, within this context; its skip connections stay."""
    hook = generator.module.mid_block.register_forward_hook(lambda _module, _inputs, h: edit(h))
    try:
        yield
    finally:
        hook.remove()


def learn(
    generator: Diffusion,
    task: Task,
    budget: Budget,
    sampling: Sampling,
    share: float,
    *,
    source: str,
    joint: bool = False,
) -> dict[str, Head]:
    """Fit a predictor for each attribute that the task names, print how well they predict at each timestep.

    Args:
        share: of the budget's training steps, in (0, 1], that collecting h may cost.
        source: of h, a name in SOURCES.
        joint: one head over all combinations of values instead, with their joint shares as target.
    """
    if not 0 < share <= 1 or source not in SOURCES:
        raise ValueError(
            f"share must lie in (0, 1] and source be one of {', '.join(SOURCES)}, not {share} and {source!r}"
        )
    targets, steps = marginals(task), sampling.steps
    if joint:  # one head over all combinations of values
        targets = {" x ".join(targets): target_shares(task).flatten().float().to(task.device)}
    room = round(share * budget.train_steps * FORWARDS / steps / len(targets))  # images for each attribute
    images = task.retain
    if source == "sampling":
        images, own = follow(generator, sampling, room, task.rng)
    heads = {}
    for name, p in targets.items():
        values = guide_values(task, images) if joint else task.guide.probs(images, name).argmax(1)
        rows = draw(values, len(p), room, task.rng)
        if source == "sampling":
            h = own[:, rows]
        else:
            h = collect(generator, images[rows], steps, None if source == "inversion" else task.rng)
        heads[name] = fit(h, values[rows].to(h.device), len(p), task, budget), p
        levels = zip(generator.scheduler.timesteps.tolist(), heads[name][0].accuracy, strict=True)
        print(f"{name}: {len(rows)} images; accuracy by timestep", *(f"{t}: {a:.2f}" for t, a in levels))
    return heads


def draw(labels: Tensor, classes: int, n: int, rng: torch.Generator) -> Tensor:
    """Indices, shuffled, of at most n images and 1,000 a class; as many of every class, as far as there are.

    Raises:
        ValueError: a class with fewer than 20 images to draw.
    """
    counts, each = torch.bincount(labels, minlength=classes), min(n // classes, MOST)
    if min(int(counts.min()), each) < FEWEST:
        raise ValueError(
            f"every value needs {FEWEST} images; the guide finds {counts.tolist()}, {each} of each can be paid for: "
            "raise `share`, or choose an attribute that the training images show"
        )
    of_class = [torch.nonzero(labels == k)[:, 0] for k in range(classes)]
    rows = torch.cat([part[torch.randperm(len(part), generator=rng)[:each]] for part in of_class])
    return rows[torch.randperm(len(rows), generator=rng)]


class PlainSampler(GuidanceSampler):
    """The base, sampled with the settings of guidance but without any."""

    def epsilon(self, x: Tensor, step: int, t: Tensor) -> Tensor:
        """The UNet's prediction."""
        return self.generator.module(x, t).sample


def follow(generator: Diffusion, sampling: Sampling, n: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """n samples, uint8, and h (S, n, F) on the way to them, at every step of the sampler."""
    outputs: list[Tensor] = []

    def keep(h: Tensor) -> None:  # h stays as it is
        outputs.append(h.flatten(1))

    with edit_h(generator, keep):
        images = PlainSampler(generator, sampling).sample(n, rng)
    return images, torch.stack([torch.cat(outputs[i :: sampling.steps]) for i in range(sampling.steps)])


@torch.no_grad()
def collect(generator: Diffusion, images: Tensor, steps: int, rng: torch.Generator | None) -> Tensor:
    """h (S, N, F) of uint8 images (N, C, H, W) at every step of the sampler, the noisiest first.

    Along their DDIM inversion (eta 0) if rng is None, else with noise from it, drawn anew for every step.
    """
    generator.module.eval()
    generator.scheduler.set_timesteps(steps)
    outputs: list[Tensor] = []

    def keep(h: Tensor) -> None:  # h stays as it is
        outputs.append(h.flatten(1))

    with edit_h(generator, keep):
        for part in images.split(BATCH):
            x = to_float(part.to(generator.device))
            _invert(generator, x) if rng is None else _noise(generator, x, rng)
    levels = [torch.cat(outputs[i::steps]) for i in range(steps)]
    return torch.stack(levels[::-1])


def _invert(generator: Diffusion, x: Tensor) -> None:
    """x_{t+1} = sqrt(a_{t+1}) x0(x_t) + sqrt(1 - a_{t+1}) epsilon(x_t): the sampler's own update, backwards."""
    levels = generator.scheduler.timesteps.flip(0)  # from the image to the noise
    alphas = generator.scheduler.alphas_cumprod[levels].tolist()
    for t, a, a_next in zip(levels, alphas, [*alphas[1:], alphas[-1]], strict=True):
        epsilon = generator.module(x, t).sample
        x0 = (x - (1 - a) ** 0.5 * epsilon) / a**0.5
        x = a_next**0.5 * x0 + (1 - a_next) ** 0.5 * epsilon


def _noise(generator: Diffusion, x: Tensor, rng: torch.Generator) -> None:
    """x_t = sqrt(a_t) x + sqrt(1 - a_t) z."""
    for t in generator.scheduler.timesteps.flip(0):
        z = torch.randn(x.shape, generator=rng).to(x.device)
        generator.module(generator.scheduler.add_noise(x, z, t), t)


def fit(h: Tensor, labels: Tensor, classes: int, task: Task, budget: Budget) -> Predictor:
    """Cross-entropy at all steps at once, on h (S, N, F) and labels (N,); a fifth of the images is held out."""
    predictor = Predictor(len(h), h.shape[2], classes).to(h.device)
    optimizer = torch.optim.Adam(predictor.parameters(), LR)
    n_test = len(labels) // HELD_OUT
    batches = -(-(len(labels) - n_test) // BATCH)
    for step in budget.steps(EPOCHS * batches):
        if step % batches == 0:
            parts = (n_test + torch.randperm(len(labels) - n_test, generator=task.rng)).split(BATCH)
        part = parts[step % batches]
        logits = predictor.every_step(h[:, part])  # (S, B, K)
        descend(optimizer, F.cross_entropy(logits.flatten(0, 1), labels[part].repeat(len(h))))
    predictor.requires_grad_(False)
    hits = predictor.every_step(h[:, :n_test]).argmax(2) == labels[:n_test]
    predictor.accuracy = hits.float().mean(1).tolist()
    return predictor
