"""Distribution guidance: steer the attribute shares of a whole batch in the h-space of a frozen diffusion model.

Parihar, Bhat, Basu, Mallick, Kundu and Babu, "Balancing Act: Distribution-Guided Debiasing in Diffusion Models",
CVPR 2024, arXiv 2402.18206.

Before sampling (see h_space)
    1. pseudo-label real images with a classifier; draw as many of every value of the attribute;
    2. invert them by DDIM (eta 0) with the frozen UNet and keep h_t, its middle block's output, at every timestep;
    3. fit the Attribute Distribution Predictor (ADP): one linear layer a timestep on the flattened h_t.
Sampling: at every DDIM step but the first, for a batch of B images
    q = mean_i softmax(ADP_t(h_i) / T)                             the distribution that the batch is heading for
    L = sum_k (q_k - p_k)^2 / p_k    or    sum_k q_k log(q_k / p_k)         chi-square or KL to the target p
    h <- h - scale * grad_h(300 L)                         through the linear layer only; the skips stay as they are
    epsilon = what the rest of the UNet makes of that h; the DDIM update uses it throughout.
Several attributes have an ADP each, and the gradients are summed: the marginals are guided, not the joint distribution.
`joint` is a variant of our own: one ADP over all combinations of values, their joint shares as its target.

Deviations from the paper
    - 300 goes with B = 100. We write 3 B, the same there: a batch's mean leaves each image 1/B of the gradient, and
      where the images do not fill the last batch, the guidance must not change.
    - How many images are inverted is what `share` of the budget pays for, at most 1,000 of a value (paper: 1,000 to
      2,000), and the default number of DDIM steps is the base's own (paper: 50): they multiply to the cost.
    - The submission's default T is 1 (paper: 8, a point of its own and the default of `edit`): the logits of a small h
      are small, and T = 8 makes q all but even whatever the batch holds.
    - The released step is 1.5 beta_t^0.05 times the gradient within a window of timesteps, its scale an option for each
      attribute that "needs to be tuned": `schedule` and `window`. Its effect depends on the size of h and of the
      predictors' weights. `scale="auto"` is our variant that sets itself: the step's unit is |h| / |weights|, and
      of SCALES the smallest is taken that comes within TIE of the best discrepancy of guided batches, by the guide.
    - Inversion takes the image for the least noisy level, where noise has a standard deviation of about 0.01.
    - Optimiser and epochs of the ADP are ours (Adam, 1e-3, 20).
    - Of a base that takes prompts the batches have one prompt each; the predictors are fitted under the empty one.
    - `source="noise"` and `source="sampling"` are variants of our own: h of images with fresh noise, or of the base's
      own samples on their way (see h_space for the reason).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from retouch.benchmark.budget import Budget
from retouch.benchmark.generators.diffusion import Diffusion
from retouch.benchmark.task import Task
from retouch.methods.guidance import GuidanceSampler, Sampling, marginals
from retouch.methods.h_space import FEWEST, FORWARDS, Head, Predictor, edit_h, learn

LOSS_WEIGHT = 3.0  # the paper's 300, for each of its 100 images
SCALES = 0.03, 0.1, 0.3, 1.0, 3.0  # relative steps among which the method chooses
TRIAL, TIE = 100, 0.04  # images of each guided batch, at most; discrepancies that its chance makes no different
RESERVE = 0.3  # of what collecting h leaves of the budget: for the fit and for the guide


def chi_square(q: Tensor, p: Tensor) -> Tensor:
    """sum_k (q_k - p_k)^2 / p_k: the paper's loss for images."""
    return ((q - p) ** 2 / p).sum()


def kl(q: Tensor, p: Tensor) -> Tensor:
    """sum_k q_k log(q_k / p_k): the paper's loss for text-conditional models."""
    return (q * (q / p).log()).sum()


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"chi_square": chi_square, "kl": kl}


@dataclass
class Strength:
    """How to guide, see `edit`; `relative`: scale is in units of |h| / |weights of the predictor|."""

    scale: float
    temperature: float
    loss: str
    window: Sequence[float] = (0, 1000)
    schedule: bool = False
    relative: bool = False

    def __post_init__(self) -> None:
        if self.scale < 0 or self.temperature <= 0:
            raise ValueError(f"scale must be at least 0 and temperature above 0, not {self.scale}, {self.temperature}")
        if len(self.window) != 2 or self.window[0] > self.window[1]:
            raise ValueError(f"window is the first and the last timestep of guidance, ascending, not {self.window}")
        if self.loss not in LOSSES:
            raise ValueError(f"no loss {self.loss!r}; there are {', '.join(LOSSES)}")


class DistributionGuidance(GuidanceSampler):
    """The base, sampled with h moved towards the targets; `heads` holds a predictor and a target for each attribute."""

    def __init__(self, generator: Diffusion, sampling: Sampling, heads: dict[str, Head], strength: Strength) -> None:
        super().__init__(generator, sampling)
        self.heads, self.strength = heads, strength

    def epsilon(self, x: Tensor, step: int, t: Tensor) -> Tensor:
        """The frozen UNet's, from the second step on with the moved h in the place of its own."""
        first, last = self.strength.window
        on = step > 0 and first <= t <= last
        beta = self.generator.scheduler.betas[t].item()
        factor = 1.5 * beta**0.05 if self.strength.schedule else 1.0
        with edit_h(self.generator, lambda h: self.move(h, step, factor) if on else None):
            return self.noise(x, t)

    def move(self, h: Tensor, step: int, factor: float = 1.0) -> Tensor:
        """h - factor * scale * grad_h(3 B L) for the h (B, C', H', W') of a batch."""
        loss = LOSSES[self.strength.loss]
        with torch.enable_grad():
            h = h.detach().requires_grad_()
            losses = (self.unit(predictor, h, step) * loss(self.q(predictor, h, step), p)
                      for predictor, p in self.heads.values())  # fmt: skip
            L = sum(losses, torch.zeros(()))
            (gradient,) = torch.autograd.grad(LOSS_WEIGHT * len(h) * L, h)
        return h.detach() - factor * self.strength.scale * gradient

    def unit(self, predictor: Predictor, h: Tensor, step: int) -> float:
        """The unit of the step: 1, or where it is relative |h| / |weights|, as the gradient is as long as these.

        scale = 1 then moves h by its own length times what the loss asks for; |h| is a mean over the batch.
        """
        if not self.strength.relative:
            return 1.0
        return (h.detach().flatten(1).norm(dim=1).mean() / predictor.weight[step].norm()).item()

    def q(self, predictor: Predictor, h: Tensor, step: int) -> Tensor:
        """The distribution (K,) that the batch is heading for, by a predictor."""
        return (predictor(h, step) / self.strength.temperature).softmax(1).mean(0)


def edit(
    generator: Diffusion, task: Task, budget: Budget, *, scale: float | str = 100.0, temperature: float = 8.0,
    batch: int = 100, loss: str = "chi_square", steps: int | None = None, eta: float = 1.0, share: float = 0.5,
    source: str = "inversion", joint: bool = False, window: Sequence[float] = (0, 1000), schedule: bool = False,
) -> DistributionGuidance:  # fmt: skip
    """Fit the predictors and wrap the base; its weights are not touched.

    Args:
        scale: step size in h, at least 0, or "auto": the method chooses it. temperature: T, above 0.
        batch: images that share a distribution, at least 1; below some tens they cannot carry one.
        loss: "chi_square" or "kl".
        steps: DDIM steps, at least 2; None for the base's own number. eta: noise of the DDIM steps, in [0, 1].
        share: of the budget's training steps, in (0, 1], for collecting h.
        source: of h: "inversion" of images, the paper's, images with fresh "noise", or the base's own "sampling".
        joint: guide all attributes by one predictor, over the combinations of their values.
        window: first and last timestep, of 1,000, at which h is moved. schedule: the released factor 1.5 beta_t^0.05.
    """
    auto = scale == "auto"
    strength = Strength(0.0 if auto else float(scale), temperature, loss, window, schedule, relative=auto)
    sampling = Sampling.of(generator, steps, eta, batch)
    heads = learn(generator, task, budget, sampling, share, source=source, joint=joint)
    guidance = DistributionGuidance(generator, sampling, heads, strength)
    if auto:
        guidance.strength.scale = choose_scale(guidance, task, trial_size((1 - share) * budget.train_steps, sampling))
    return guidance


def trial_size(train_steps: float, sampling: Sampling) -> int:
    """Images of each guided batch that so many training steps pay for, RESERVE left: at most TRIAL.

    Raises:
        ValueError: too few for a share to be seen.
    """
    n = min(TRIAL, int((1 - RESERVE) * train_steps * FORWARDS / (sampling.steps * len(SCALES))))
    if n < FEWEST:
        few = f"the budget pays for {n} images of each scale, {FEWEST} are needed"
        raise ValueError(f"{few}: lower `share` or `steps`, or state a scale")
    return n


def choose_scale(guidance: DistributionGuidance, task: Task, n: int) -> float:
    """The smallest of SCALES whose guided batch of n comes as near to the target as any, by the guide."""
    seed = int(torch.randint(2**31, (), generator=task.rng))
    apart = {}
    for scale in SCALES:
        guidance.strength.scale = scale
        images = guidance.sample(n, torch.Generator().manual_seed(seed))
        gaps = [task.guide.probs(images, name).mean(0) - p.cpu() for name, p in marginals(task).items()]
        apart[scale] = torch.stack([gap.norm() for gap in gaps]).mean().item()
    print("discrepancy of guided batches by scale", *(f"{scale}: {gap:.3f}" for scale, gap in apart.items()))
    return min(scale for scale, gap in apart.items() if gap <= min(apart.values()) + TIE)
