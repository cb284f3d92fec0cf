"""Self-Conditioned GANs for Image Editing (Liu, Gal, Bermano, Chen, Cohen-Or; SIGGRAPH 2022, arXiv 2202.04040).

Not the CVPR 2020 paper of nearly the same name, which clusters a discriminator's features.

A GAN neglects the tails of its data, so that walking its latents along an attribute soon leaves what it can draw. The
GAN is therefore fine-tuned to take the attribute as a condition, on data in which the tails are as frequent as the
core; the labels come from its own latent space:

1. n, b: a linear boundary of each attribute in the latent space. Every training image x is inverted, G(z) ~ x; its
   label is the signed distance d = n.z + b, from the 0.5 to the 99.5 percentile scaled to [0, 1] and clipped.
2. Queries uniform in [0, 1]^k; for each one of the 10 images whose labels are nearest. Training draws these.
3. Three modes for each attribute, (low, mid, high): v interpolates linearly between neighbours, their sum is 1.
4. G's input becomes a weighted sum of a bank of constants, all of them copies of the old one; weights: the base's 1,
   and for each attribute (low, 0, high).
5. D's trunk gets a second head for the modes. Its adversarial head is not told them.
6. L_D = adversarial + lambda sum_a KL(modes of x_a || head_a(x)), x real, resampled
   L_G = adversarial + lambda sum_a KL(modes of v_a || head_a(G(z, v))), v uniform in [0, 1]^k, lambda = 0.5.
All weights of the trained G and D are fine-tuned. To edit: keep z, change v.

Deviations, and why:
- G has no learned constant: the bank is added to its first feature map and starts as copies of the constant that the
  old G has there, 0. The edited G starts as the old one, whatever v.
- The encoder (the authors': e4e, pre-trained) is D's trunk with a linear layer, trained on pairs (G(z), z); ten steps
  on each image's latent follow. D has seen the data, and the budget pays for both, in each run in full: so at most
  2,000 of the training images are inverted instead of all, or as many as are paid for beside the fine-tuning, and
  training draws from these. (All of them with a single step each: labels half as good.) To invert all 20,000 rendered
  faces takes 6% of their GAN's pre-training; the point `all-images` inverts as many as are paid for.
- Some hundred steps instead of some ten thousand: lambda is 2 instead of 0.5 (5 reaches further still); the bank learns
  20 times faster than the old weights and the new head 5 times; 20,000 queries instead of 250,000 (more than training
  draws); EMA over a tenth of the steps.
- lambda may rise to its value over the first part of the steps (`ramp`); measured on hats, it changes nothing.
- The base's own game instead of StyleGAN2's, for which its D was not trained: hinge loss instead of the logistic one,
  one batch of fakes for both updates, the augmentations of the base's own training (`augment` adds others). R1 every 16
  steps, as released, with weight `r1`; spectral norms bound D's gradient everywhere, and the released weight, 10,
  flattens this D and ruins the images: 0 is the default. No
  path length: its running mean would not settle in a hundred steps. z instead of w, as there is no mapping network.
- The attributes of the task, one or two, instead of three at once. One of many values (the categories of
  output_diversity) has the principal directions of its boundaries' normals as axes.
- The paper samples v uniformly. The task states the output's shares (or even ones stand for them), and v is as near to
  uniform as gives them by the guide: `Editor.aim`. Training always draws v uniformly; aim=False samples so too.
- KL is a mean over images; the released code's is also divided by the number of modes, 3.
"""

from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from scipy.spatial import cKDTree
from torch import Tensor, nn
from torch.nn import functional as F

from retouch.benchmark.budget import Budget
from retouch.benchmark.generators.diffaugment import AUGMENTATIONS
from retouch.benchmark.generators.gan import Gan, Synthesis, to_float, to_uint8
from retouch.benchmark.generators.residual import ResidualSynthesis
from retouch.benchmark.task import Task
from retouch.methods.boundaries import PERCENTILES, Editor, find_boundaries
from retouch.methods.inversion import invert, train_encoder
from retouch.methods.target import shares_or_even
from retouch.methods.training import BATCH, descend

QUERIES, NEIGHBOURS, MODES = 20_000, 10, 3
R1_EVERY = 16  # steps from one gradient penalty to the next
STEP = 1.1  # what a step of the fine-tuning takes, in the base's training steps; the second head is the rest
BANK, HEAD = 20.0, 5.0  # step size of the bank and of the new head over that of the old weights


class ConditionalSynthesis(nn.Module):
    """G(z, v): the old synthesis network with a bank of constants at its first feature map."""

    def __init__(self, synthesis: Synthesis | ResidualSynthesis, attributes: int, z: Tensor) -> None:
        """z: latents (N, Z), of which the first feature map's shape is seen."""
        super().__init__()
        self.synthesis = synthesis
        with torch.no_grad():
            shape = synthesis.first(z).shape[1:]
        self.bank = nn.Parameter(torch.zeros(1 + MODES * attributes, *shape))  # [1 | 3 per attribute]

    def forward(self, z: Tensor, modes: Tensor) -> Tensor:
        """Images in [-1, 1] from latents (N, Z) and soft labels (N, k, 3)."""
        constant = torch.einsum("nj,jchw->nchw", input_weights(modes), self.bank)
        return self.synthesis.rest(self.synthesis.first(z) + constant)


def input_weights(modes: Tensor) -> Tensor:
    """Weights (N, 1 + 3k) of the bank: the base's constant 1; low and high as in the soft label, mid 0."""
    ends = modes * modes.new_tensor([1.0, 0.0, 1.0])
    return torch.cat([modes.new_ones(len(modes), 1), ends.flatten(1)], 1)


def soft_labels(v: Tensor) -> Tensor:
    """Values (N, k) in [0, 1] to modes (N, k, 3), low at 0, mid at 0.5, high at 1, linear between them."""
    return (1 - 2 * (v[..., None] - v.new_tensor([0.0, 0.5, 1.0])).abs()).clamp(min=0)


def mode_loss(logits: Tensor, modes: Tensor) -> Tensor:
    """sum_a KL(modes_a || head_a), mean over images; logits (N, 3k), modes (N, k, 3)."""
    log_q = logits.view_as(modes).log_softmax(-1)
    return F.kl_div(log_q, modes, reduction="sum") / len(modes)


def normalise(distance: Tensor) -> Tensor:
    """Signed distances (N, k) to labels in [0, 1]: from the 0.5 to the 99.5 percentile, clipped."""
    low, high = distance.quantile(distance.new_tensor(PERCENTILES), dim=0)
    return ((distance - low) / (high - low)).clamp(0, 1)


def resample(labels: Tensor, queries: int, rng: torch.Generator) -> Tensor:
    """Rows (queries,) of labels (N, k): one of the 10 nearest neighbours of each of the uniform queries."""
    points = torch.rand(queries, labels.shape[1], generator=rng)
    near = torch.from_numpy(cKDTree(labels).query(points, k=min(NEIGHBOURS, len(labels)))[1]).view(queries, -1)
    return near.gather(1, torch.randint(near.shape[1], (queries, 1), generator=rng)).squeeze(1)


def adam(old: Iterable[nn.Parameter], new: Iterable[nn.Parameter], lr: float, faster: float) -> torch.optim.Adam:
    """The base's Adam (0, 0.9); the new weights learn faster."""
    groups: list[dict[str, Any]] = [{"params": old}, {"params": new, "lr": faster * lr}]
    return torch.optim.Adam(groups, lr, betas=(0.0, 0.9))


@dataclass(frozen=True)
class Game:
    """The settings of the fine-tuning, see `edit`; `steps` is its length."""

    lr: float
    strength: float
    steps: int
    ramp: float = 0.0
    r1: float = 0.0
    augment: Sequence[str] = ()

    def weight(self, step: int) -> float:
        """lambda at a step: from almost 0 to `strength` over the first `ramp` of the steps, and then constant."""
        rise = self.ramp * self.steps
        return self.strength * min(1.0, (step + 1) / rise if rise else 1.0)


class Trainer:
    """G(z, v) and D with its second head; `step` is one step of each, on resampled images with their labels."""

    def __init__(self, generator: Gan, attributes: int, game: Game) -> None:
        self.generator, self.attributes, self.game, self.steps_done = generator, attributes, game, 0
        z = generator.latent(1, torch.Generator()).to(generator.device)
        self.synthesis = ConditionalSynthesis(generator.module, attributes, z).to(generator.device).train()
        self.discriminator = generator.discriminator
        width = self.discriminator.feature_dim
        head = nn.Sequential(nn.Linear(width, width), nn.LeakyReLU(0.2), nn.Linear(width, MODES * attributes))
        self.head = head.to(generator.device)
        self.g_adam = adam(self.synthesis.synthesis.parameters(), [self.synthesis.bank], game.lr, BANK)
        self.d_adam = adam(self.discriminator.parameters(), self.head.parameters(), 2 * game.lr, HEAD)
        self.average, self.decay = deepcopy(self.synthesis), max(0.0, 1 - 10 / game.steps)
        self.augmentations = [*generator.augmentations, *(AUGMENTATIONS[name] for name in game.augment)]

    def step(self, images: Tensor, labels: Tensor, rng: torch.Generator) -> tuple[float, float]:
        """Update D, then G, then the average, on uint8 images with labels (B, k); return both losses."""
        device = self.generator.device
        real, real_modes = to_float(images.to(device)), soft_labels(labels).to(device)
        fake_modes = soft_labels(torch.rand(len(images), self.attributes, generator=rng)).to(device)
        fake = self.synthesis(self.generator.latent(len(images), rng).to(device), fake_modes)
        d_loss = self.d_loss(real, real_modes, fake.detach())
        descend(self.d_adam, d_loss)
        if self.game.r1 and self.steps_done % R1_EVERY == 0:
            descend(self.d_adam, self.game.r1 / 2 * R1_EVERY * self.slope(real))
        g_loss = self.g_loss(fake, fake_modes)
        descend(self.g_adam, g_loss)
        self.accumulate()
        self.steps_done += 1
        return d_loss.item(), g_loss.item()

    @property
    def strength(self) -> float:
        """lambda at the present step."""
        return self.game.weight(self.steps_done)

    def features(self, x: Tensor) -> Tensor:
        """D's features (N, F) of augmented images."""
        for augment in self.augmentations:
            x = augment(x)
        return self.discriminator.features(x)

    def d_loss(self, real: Tensor, modes: Tensor, fake: Tensor) -> Tensor:
        """Hinge loss + lambda sum_a KL(modes_a || head_a(real))."""
        features, head = self.features(real), self.discriminator.head
        adversarial = F.relu(1 - head(features)).mean() + F.relu(1 + head(self.features(fake))).mean()
        return adversarial + self.strength * mode_loss(self.head(features), modes)

    def g_loss(self, fake: Tensor, modes: Tensor) -> Tensor:
        """-D(fake) + lambda sum_a KL(modes_a || head_a(fake))."""
        features = self.features(fake)
        return -self.discriminator.head(features).mean() + self.strength * mode_loss(self.head(features), modes)

    def slope(self, real: Tensor) -> Tensor:
        """R1: mean |grad_x D(x)|^2 at real images (Mescheder et al., 1801.04406)."""
        real = real.detach().requires_grad_()
        score = self.discriminator.head(self.features(real)).sum()
        (gradient,) = torch.autograd.grad(score, real, create_graph=True)
        return gradient.square().flatten(1).sum(1).mean()

    @torch.no_grad()
    def accumulate(self) -> None:
        """The exponential moving average of all weights and batch statistics."""
        for mean, now in zip(self.average.state_dict().values(), self.synthesis.state_dict().values(), strict=True):
            mean.lerp_(now, 1 - self.decay) if mean.is_floating_point() else mean.copy_(now)


def edit(
    generator: Gan,
    task: Task,
    budget: Budget,
    *,
    strength: float = 2.0,
    share: float = 0.4,
    inversion: float = 0.4,
    images: int = 2000,
    latent_steps: int = 10,
    directions: int = 3,
    lr: float = 0.5,
    ramp: float = 0.0,
    r1: float = 0.0,
    augment: Sequence[str] = (),
    aim: bool = True,
) -> Editor:
    """Fine-tune the base to take the task's attribute as a condition.

    Args:
        strength: lambda, the weight of the KL terms, at least 0; the paper's is 0.5, too little for so few steps.
        share: of the budget's training steps spent on fine-tuning, in (0, 1).
        inversion: steps of the encoder over the budget's training steps, in (0, 1); each costs about a third of one.
        images: how many training images are inverted, at least 100, if the budget pays for them beside `share`.
        latent_steps: for each of them after the encoder, at least 0.
        directions: axes of an attribute with more than two values, at least 1.
        lr: step size relative to the pre-training's, above 0.
        ramp: share of the steps over which lambda rises from 0, in [0, 1]; the released code has none.
        r1: weight of D's gradient penalty, at least 0; 10 in the released code.
        augment: names of augmentations beside the base's own, of `colour`, `translation`, `cutout`.
        aim: choose the distribution of values that gives the target's shares by the guide (even ones if unstated).
    """
    check(task, strength, share, inversion, images, latent_steps, lr)
    boundaries = find_boundaries(generator, task, directions)
    encoder = train_encoder(generator, task, budget, max(1, round(inversion * budget.train_steps)), generator.lr)
    data = task.retain[torch.randperm(len(task.retain), generator=task.rng)[:images]]
    z = invert(generator, data, encoder, budget, latent_steps, 1 - STEP * share)
    labels = normalise(boundaries.distance(z))
    rows = resample(labels, QUERIES, task.rng)
    steps = max(1, round(share * budget.train_steps))
    trainer = Trainer(generator, labels.shape[1], Game(generator.lr * lr, strength, steps, ramp, r1, augment))
    for _ in budget.steps(steps):
        batch = rows[torch.randint(len(rows), (BATCH,), generator=task.rng)]
        trainer.step(data[batch], labels[batch], task.rng)
    synthesis, device = trainer.average.eval(), generator.device
    draw = lambda z, v: to_uint8(synthesis(z.to(device), soft_labels(v).to(device)))  # noqa: E731
    editor = Editor(generator, draw, labels.shape[1])
    if aim:
        editor.aim(task)
    return editor


def check(
    task: Task, strength: float, share: float, inversion: float, images: int, latent_steps: int, lr: float
) -> None:
    """Raise a ValueError for settings that make no sense."""
    shares_or_even(task)  # refuses a target that the guide does not know
    if strength < 0 or latent_steps < 0:
        raise ValueError(f"strength and latent_steps must not be negative, not {strength} and {latent_steps}")
    if lr <= 0 or not (0 < share < 1 and 0 < inversion < 1):
        raise ValueError(f"lr must be positive, share and inversion in (0, 1), not {lr}, {share} and {inversion}")
    if min(images, len(task.retain)) < 10 * NEIGHBOURS:
        raise ValueError(
            f"{min(images, len(task.retain))} images are too few: resampling needs at least {10 * NEIGHBOURS}"
        )
