"""SalUn: saliency unlearning (Fan, Liu, Zhang, Wong, Wei, Liu; ICLR 2024, arXiv 2310.12508). Diffusion.

1. The saliency mask: the weights whose gradient of the forget images' loss is largest at the base theta_o,
        m_S = 1(|grad_theta ell(theta_o; D_f)| >= gamma),    gamma the median: half of the weights.
2. Only these are trained, theta_u = m_S (theta_o + Delta) + (1 - m_S) theta_o, the forget images under another label:
        L = E_{x ~ D_f} |epsilon_theta(x_t | c') - epsilon_theta(x_t | c)|^2 + alpha ell(theta; D_r),   c' != c.

By prompt, where the target names a concept: c are prompts that name it, c' the nearest that does not, what it predicts
under c' is not trained, and D_f and D_r are the base's own images, as where the authors take out nudity.

Deviations where the base has no prompts:
- there are no labels c to change. What a label decides is which image is read out of the noise, so that is changed:
  of a noised forget image x_t = sqrt(a) x + sqrt(1 - a) e the model is to read a random retained image x',
        epsilon' = (x_t - sqrt(a) x') / sqrt(1 - a),
  the answer that x' would have led to the same x_t. The paper's other form, for classifiers, relabels at random too.
- |epsilon' - e|^2 grows without bound where there is little noise; it is weighed by min(1, (1 - a) / a), which is the
  squared error of the image read where that is the smaller.

In both, ell is the base's own pre-training loss; the gradient for the mask is summed over 256 forget images.
"""

from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from retouch.benchmark.budget import Budget
from retouch.benchmark.generators.conditional_diffusion import ConditionalDiffusion
from retouch.benchmark.generators.diffusion import Diffusion
from retouch.benchmark.generators.gan import to_float
from retouch.benchmark.task import Task
from retouch.methods.concept import Pairs, drawn, nearest, own_images, sorted_out

OWN = 256  # own images of either kind, by prompt
BATCH = 32  # forget images, and retained ones, in a step: together the pre-training's batch
PASSES = 8  # batches from which the saliency is estimated


def edit(
    generator: Diffusion, task: Task, budget: Budget, *, sparsity: float = 0.5, alpha: float = 1.0, share: float = 0.5,
    lr: float = 0.1,
) -> Diffusion:  # fmt: skip
    """Unlearn task.forget; of a base with prompts, what those draw that name `target["concept"]`.

    Args:
        sparsity: share of the weights that stay as they are, in [0, 1); 0 is relabelling without a mask.
        alpha: weight of the retained images' loss, at least 0; the lower, the stronger the unlearning.
        share: of the budget's training steps, in (0, 1].
        lr: step size relative to the pre-training's, above 0.
    """
    if not 0 <= sparsity < 1 or not 0 < share <= 1:
        raise ValueError(f"sparsity must lie in [0, 1) and share in (0, 1], not {sparsity} and {share}")
    if alpha < 0 or lr <= 0:
        raise ValueError(f"alpha must be at least 0 and lr positive, not {alpha} and {lr}")
    if not isinstance(generator, Diffusion):
        raise ValueError(f"relabelling noised images needs a diffusion generator, not a {type(generator).__name__}")
    concept = task.target.get("concept")
    prompted = cast(ConditionalDiffusion, generator)  # where there is one
    forget, retain = own_pairs(prompted, concept, task.rng) if concept else revealed(task)
    mask = saliency(generator, forget, task.rng, budget, sparsity)
    adam = torch.optim.Adam(generator.module.parameters(), lr * generator.lr)
    generator.module.train()
    for _ in budget.steps(max(1, round(share * budget.train_steps))):
        x_f, x_other, x_r = (drawn(part, BATCH, task.rng) for part in (forget, retain, retain))
        if concept:
            relabelling = prompt_loss(prompted, x_f, concept, task.rng)
        else:
            relabelling = image_loss(generator, x_f[0], x_other[0], task.rng)
        adam.zero_grad()
        (relabelling + alpha * ell(generator, x_r)).backward()
        for gradient, m in zip(gradients(generator), mask, strict=True):
            gradient.mul_(m)  # Adam leaves alone what never had a gradient
        adam.step()
    return generator


def revealed(task: Task) -> tuple[Pairs, Pairs]:
    """D_f and D_r of a base without prompts."""
    if len(task.forget) == 0 or len(task.retain) == 0:
        raise ValueError(f"{len(task.forget)} images to forget and {len(task.retain)} to retain: one of each is needed")
    return (task.forget, []), (task.retain, [])


def own_pairs(generator: ConditionalDiffusion, concept: str, rng: torch.Generator) -> tuple[Pairs, Pairs]:
    """D_f and D_r of a base with prompts: its images of those that name the concept, and of the others."""
    named, others = sorted_out(generator.prompts, concept)
    return own_images(generator, named, OWN, rng), own_images(generator, others, OWN, rng)


def ell(generator: Any, batch: Pairs) -> Tensor:
    """The pre-training's loss of images, under their prompts if they have any."""
    images, prompts = batch
    return generator.loss(images, *([prompts] if prompts else ()))


def saliency(
    generator: Diffusion, forget: Pairs, rng: torch.Generator, budget: Budget, sparsity: float
) -> list[Tensor]:
    """m_S for each parameter: 1 where the forget loss's gradient is at least the quantile `sparsity` of all, else 0."""
    generator.module.train().zero_grad()
    for _ in budget.steps(PASSES):
        ell(generator, drawn(forget, BATCH, rng)).backward()
    size = [gradient.abs() for gradient in gradients(generator)]
    rank = torch.cat([part.flatten() for part in size]).sort().values
    gamma = rank[int(sparsity * len(rank))]
    return [(part >= gamma).float() for part in size]


def gradients(generator: Diffusion) -> list[Tensor]:
    """The gradient of each parameter."""
    return [parameter.grad for parameter in generator.module.parameters() if parameter.grad is not None]


def image_loss(generator: Diffusion, x: Tensor, other: Tensor, rng: torch.Generator) -> Tensor:
    """Mean over noised uint8 images x of min(1, (1-a)/a) |epsilon' - epsilon(x_t)|^2, epsilon' as if x were `other`."""
    x_t, t, a = noised(generator, x, rng)
    answer = (x_t - a.sqrt() * to_float(other.to(generator.device))) / (1 - a).sqrt()
    error = (generator.module(x_t, t).sample - answer) ** 2
    return (((1 - a) / a).clamp(max=1) * error).mean()


def prompt_loss(generator: ConditionalDiffusion, forget: Pairs, concept: str, rng: torch.Generator) -> Tensor:
    """Mean over noised images of |epsilon(x_t | c') - epsilon(x_t | c)|^2, without a gradient through the first."""
    x, c = forget
    others = sorted_out(generator.prompts, concept)[1]
    x_t, t, _ = noised(generator, x, rng)
    with torch.no_grad():
        answer = generator.module(x_t, t, [nearest(prompt, others) for prompt in c]).sample
    return F.mse_loss(generator.module(x_t, t, c).sample, answer)


def noised(generator: Diffusion, x: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """x_t (N, C, H, W) of uint8 images at random steps t (N,), and the steps' a (N, 1, 1, 1)."""
    scheduler, device = generator.scheduler, generator.device
    t = torch.randint(scheduler.config.num_train_timesteps, (len(x),), generator=rng)
    a = scheduler.alphas_cumprod[t].to(device)[:, None, None, None]
    x_t = a.sqrt() * to_float(x.to(device)) + (1 - a).sqrt() * torch.randn(x.shape, generator=rng).to(device)
    return x_t, t.to(device), a
