"""Taming normalizing flows: forget by moving likelihoods to a target, remember by keeping their distribution.

Malnick, Avidan and Fried, "Taming Normalizing Flows", WACV 2024, arXiv 2211.16488. Every weight of the flow is tuned
for a few hundred Adam steps; bpd(x) is bits per dimension, with fresh dequantisation noise at every evaluation.

    every 10 steps  mu, sigma <- mean, standard deviation of bpd by the *current* model on remember images
                    t = mu + delta sigma                                                     (constants in the graph)
    stop            identity: when max_i |bpd(x_i) - t| <= 0.15 delta sigma over all forget images, before each update;
                    category, attribute: every 10 steps, when the share of the forgotten classes among 512 samples, by
                    the guide, has come down to the target share
    L_f = mean_i sigmoid((bpd(x_i) - t)^2)                  8 forget images; attracts to t from both sides, no ascent
    L_r = gamma [KL(P || Q) + KL(Q || P)] + (1 - gamma) mean bpd                                    8 remember images
                    P, Q: Gaussians fitted to the batch's bpd under the frozen base and under the current model
    L = alpha L_f + (1 - alpha) L_r                                                  alpha = gamma = 0.6; Adam, 5e-5

To raise the share of an attribute the roles are swapped: the rare images are remembered, the others forgotten.

Deviations from the paper and the released code:
- The remember set is `task.retain`, which holds no image of the person or category; the released code leaves the
  forget images inside it. An image that is remembered and forgotten at once pulls both ways.
- For an attribute the guide labels the training images, which have no labels here; the paper uses the data set's own.
  Attributes of more than two values: all values above their target share are forgotten together.
- For category and attribute the released script has no such stop, only a number of iterations: `closed_loop=False`.
- Adam's step size is 2e-4, four times the paper's: some 200 steps must do what several hundred did.
- The steps are at most the paper's (800, and 500 by the guide) and at most what `share` of the budget pays, some 200
  on the tiny track. Forget and remember images go through the model together, which changes the cost alone.
- The base has learned Gaussian priors and, on digits, affine coupling; log-determinants stay per sample.
The gradient of sigmoid(d^2) in d vanishes at 0 and beyond 2.5 bpd. It is not rescaled: how much of its largest
value is left is printed every 10 steps. So is the share: a low likelihood need not stop the model from sampling.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from retouch.benchmark.budget import Budget
from retouch.benchmark.generators.flow import Flow
from retouch.benchmark.task import Task
from retouch.methods.target import guide_values, target_shares, unwanted_values
from retouch.methods.training import descend

SAMPLES = 512  # samples from which the share is estimated
EVERY = 10  # steps between two looks at mu, sigma and the share
MOST_STEPS = {"identity_removal": 800, "category_redaction": 500, "attribute_rebalancing": 500}
STEP_COST = 1.5  # training steps of the base (batch 64) that one step here costs: 1.1, and 0.4 for mu and sigma
PEAK = 0.3935  # the largest slope of sigmoid(d^2), at |d| = 1.02 bpd


@dataclass(frozen=True)
class Roles:
    """Who is forgotten and who is remembered: uint8 images (N, C, H, W).

    values: for category and attribute, the guide's classes that are to become rarer; share: theirs among the samples
    that ends the edit. Identity has neither: its rule is a distance.
    """

    forget: Tensor
    remember: Tensor
    values: tuple[int, ...] = ()
    share: float = 0.0


@dataclass(frozen=True)
class Settings:
    """What `edit` may be told, see there; each is checked."""

    delta: float
    alpha: float
    gamma: float
    lr: float
    batch: int
    tolerance: float
    stop_share: float
    share: float
    moments: int
    kl: str
    closed_loop: bool

    def __post_init__(self) -> None:
        for name in ("delta", "lr", "tolerance"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, not {getattr(self, name)}")
        for name in ("alpha", "share"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie in (0, 1], not {getattr(self, name)}")
        if not (0 <= self.gamma <= 1 and 0 <= self.stop_share < 1):
            raise ValueError(
                f"gamma in [0, 1] and stop_share in [0, 1) are needed, not {self.gamma}, {self.stop_share}"
            )
        if min(self.batch, self.moments) < 2:
            raise ValueError(f"batch and moments must be at least 2, for a Gaussian is fitted to each, not {self}")
        if self.kl not in DIVERGENCES:
            raise ValueError(f"kl is one of {', '.join(DIVERGENCES)}, not {self.kl!r}")


def edit(
    generator: Flow, task: Task, budget: Budget, *, delta: float = 4.0, alpha: float = 0.6, gamma: float = 0.6,
    lr: float = 2e-4, batch: int = 8, tolerance: float = 0.15, stop_share: float = 0.01, share: float = 0.8,
    moments: int = 1024, kl: str = "both", closed_loop: bool = True,
) -> Flow:  # fmt: skip
    """Tame a flow.

    Args:
        delta: the strength: distance of t above mu, in sigmas, > 0; 1 in the released code, up to 4 in the paper.
        alpha: weight of forgetting against remembering, in (0, 1]; 1 is the ablation without a remember term.
        gamma: weight of the KL against the likelihood in the remember term, in [0, 1].
        lr: Adam's step size, > 0.
        batch: images to forget, and to remember, a step; at least 2.
        tolerance: identity: how near to t every forget image must come, in units of delta sigma, > 0.
        stop_share: category: share of samples at which to stop, in [0, 1); an attribute stops at the task's own target.
        share: of the budget to use at most, in (0, 1]; below 1 leaves room for a slower moment of the machine.
        moments: remember images from which mu and sigma are estimated, at least 2.
        kl: "both" directions, or one as an ablation: "forward", KL(P || Q), or "reverse", KL(Q || P).
        closed_loop: category and attribute: False takes all steps, as the released script does, whatever the share.
    """
    settings = Settings(delta, alpha, gamma, lr, batch, tolerance, stop_share, share, moments, kl, closed_loop)
    return tame(generator, task, budget, forget_loss, settings)


def tame(generator: Flow, task: Task, budget: Budget, L_forget: Callable[[Tensor, float], Tensor], s: Settings) -> Flow:
    """Minimise alpha L_forget + (1 - alpha) L_r until the stopping rule holds; L_forget of bpd (N,) and t."""
    roles = assign_roles(generator, task, s.stop_share)
    _check_roles(roles)
    base = generator.copy()
    base.module.requires_grad_(False)
    adam = torch.optim.Adam(generator.module.parameters(), s.lr)
    for step in budget.steps(most_steps(task.kind, s.share * budget.train_steps)):
        if step % EVERY == 0:
            mu, sigma = estimate_moments(generator, roles.remember, s.moments, task.rng)
            t = mu + s.delta * sigma
        x_f, x_r = draw(roles.forget, s.batch, task.rng), draw(roles.remember, s.batch, task.rng)
        end, progress = stop(generator, task, roles, step, t, s.tolerance * s.delta * sigma)
        end = end and (s.closed_loop or not roles.values)
        if end or step % EVERY == 0:
            slope = pull(generator, x_f, t, task.rng)
            print(f"taming step {step}: mu {mu:.3f} sigma {sigma:.3f} t {t:.3f}; {progress}; {slope}")
        if end:
            break
        bpd = generator.bits_per_dim(torch.cat([x_f, x_r]), task.rng)  # (forget + remember,), one pass for both
        L_f = L_forget(bpd[: len(x_f)], t)
        L_r = remember_loss(base.bits_per_dim(x_r, task.rng), bpd[len(x_f) :], s.gamma, s.kl)
        descend(adam, s.alpha * L_f + (1 - s.alpha) * L_r)
    return generator


def forget_loss(bpd: Tensor, t: float) -> Tensor:
    """L_f: mean sigmoid of the squared distance to t; bpd (N,) of forget images."""
    return torch.sigmoid((bpd - t) ** 2).mean()


def remember_loss(p: Tensor, q: Tensor, gamma: float, kl: str = "both") -> Tensor:
    """L_r: KL between the bpd (N,) of a remember batch under base, p, and current model, q; and the mean of q."""
    return gamma * DIVERGENCES[kl](p, q) + (1 - gamma) * q.mean()


def symmetric_kl(p: Tensor, q: Tensor) -> Tensor:
    """KL(P || Q) + KL(Q || P) of the Gaussians fitted to p and q, (N,) each; the logarithms of sigma cancel."""
    (p_var, p_mean), (q_var, q_mean) = torch.var_mean(p), torch.var_mean(q)
    gap = (p_mean - q_mean) ** 2
    return (p_var + gap) / (2 * q_var) + (q_var + gap) / (2 * p_var) - 1


def gaussian_kl(p: Tensor, q: Tensor) -> Tensor:
    """KL(P || Q) of the Gaussians fitted to p and q, (N,) each."""
    (p_var, p_mean), (q_var, q_mean) = torch.var_mean(p), torch.var_mean(q)
    return (q_var / p_var).log() / 2 + (p_var + (p_mean - q_mean) ** 2) / (2 * q_var) - 0.5


DIVERGENCES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "both": symmetric_kl,
    "forward": gaussian_kl,
    "reverse": lambda p, q: gaussian_kl(q, p),
}


@torch.no_grad()
def estimate_moments(generator: Flow, remember: Tensor, n: int, rng: torch.Generator) -> tuple[float, float]:
    """mu and sigma of the current model's bpd over at most n remember images."""
    bpd = torch.cat([generator.bits_per_dim(part, rng) for part in draw(remember, n, rng).split(256)])
    return bpd.mean().item(), bpd.std().item()


def draw(images: Tensor, n: int, rng: torch.Generator) -> Tensor:
    """n different images, or all where there are no more."""
    return images[torch.randperm(len(images), generator=rng)[:n]]


@torch.no_grad()
def stop(generator: Flow, task: Task, roles: Roles, step: int, t: float, near: float) -> tuple[bool, str]:
    """Whether the edit ends, all forget images within `near` bpd of t or the share come down; and the progress."""
    if not roles.values:
        farthest = (generator.bits_per_dim(roles.forget, task.rng) - t).abs().max().item()
        return farthest <= near, f"farthest {farthest:.3f}, to come to {near:.3f}"
    if step % EVERY:
        return False, ""
    share = guide_share(task, generator.sample(SAMPLES, task.rng), roles.values)
    return share <= roles.share, f"share {share:.3f}, to come to {roles.share:.3f}"


@torch.no_grad()
def pull(generator: Flow, images: Tensor, t: float, rng: torch.Generator) -> str:
    """Describe the distance of forget images from t and the forget loss's slope there: a stall shows here."""
    d = generator.bits_per_dim(images, rng) - t
    slope = 2 * d.abs() * torch.sigmoid(d**2) * torch.sigmoid(-(d**2))
    return f"forget batch at t {d.mean():+.3f}, slope {slope.mean() / PEAK:.0%} of its largest"


def guide_share(task: Task, images: Tensor, values: tuple[int, ...]) -> float:
    """Share of images for which the guide decides on one of the values."""
    return torch.isin(guide_values(task, images), torch.tensor(values)).double().mean().item()


def most_steps(kind: str, train_steps: float) -> int:
    """The number of steps: the paper's at most, and no more than so many training steps of the base pay for."""
    return max(1, min(MOST_STEPS[kind], round(train_steps / STEP_COST)))


def assign_roles(generator: Flow, task: Task, stop_share: float) -> Roles:
    """Choose the images to forget and to remember."""
    if not hasattr(generator, "bits_per_dim"):
        raise ValueError(f"taming needs exact likelihoods: a flow, not a {type(generator).__name__}")
    if task.kind == "identity_removal":
        return Roles(task.forget, task.retain)
    if task.kind == "category_redaction":
        return Roles(task.forget, task.retain, tuple(unwanted_values(task)), stop_share)
    if task.kind == "attribute_rebalancing":
        return swapped_roles(generator, task)
    raise ValueError(f"taming forgets a person or a category or rebalances an attribute; {task.kind} is none of these")


def swapped_roles(generator: Flow, task: Task) -> Roles:
    """Rebalancing: the classes that samples show more often than the target are forgotten, the rare ones remembered."""
    target = target_shares(task).flatten()
    labels = guide_values(task, generator.sample(SAMPLES, task.rng))
    excess = torch.bincount(labels, minlength=len(target)) / SAMPLES - target
    often = torch.nonzero(excess > 0).flatten() if (excess > 0).any() else excess.argmax()[None]
    forget = torch.isin(guide_values(task, task.retain), often)
    return Roles(task.retain[forget], task.retain[~forget], tuple(often.tolist()), target[often].sum().item())


def _check_roles(roles: Roles) -> None:
    if len(roles.forget) == 0:
        raise ValueError("there are no images to forget: give at least one, or a target that leaves something to do")
    if len(roles.remember) < 2:
        raise ValueError(f"sigma and the KL need at least 2 images to remember; there are {len(roles.remember)}")
