"""Feature Unlearning for Pre-trained GANs and VAEs (Moon, Cho, Kim; AAAI 2024, arXiv 2303.05699). The GAN's form.

No data: what is to be forgotten is found in the latent space, and the old generator G0 is the teacher.

1. z_e, the target vector: mean of the latents whose images show the target minus mean of the others, normalised.
2. proj(z) = z.z_e; a latent has the target where proj(z) > t. Its erased latent lies at the threshold,
        e(z) = z - (proj(z) - t) z_e.
3. G is trained on sampled latents, with x = G0(e(z)) for those that have the target, x = G0(z) for the others:
        L_unlearn = |G(z) - x|_1 over the first,  L_recon = |G(z) - x|_1 over the second,
        L_percep = 1 - SSIM(G(z), x) over all, against blur;
        L = alpha L_unlearn + L_recon + beta L_percep.

Deviations:
- written from a summary; the authors' t, alpha and beta are not known to us. t is the quantile of proj over the latents
  with the target that leaves `recall` of them above; the more, the lower t and the farther erased latents move.
- a person picks the images with the target in the paper, the guide does here.
- a category or a person is no direction: behind t there are latents without the target, and their images change too;
  others with it lie at t and below. `strength` moves erased latents beyond the threshold, e(z) = z - s (proj(z) - t)
  z_e; the paper's is 1, 2 mirrors them.
- SSIM of one scale and a window of 7 pixels: images of 8 pixels have no further scales.
- G's batch statistics stay those of G0: batches of erased images would move them.
"""

from copy import deepcopy

import torch
from torch import Tensor
from torch.nn import functional as F

from retouch.benchmark.budget import Budget
from retouch.benchmark.generators.gan import Gan
from retouch.benchmark.task import Task
from retouch.methods.boundaries import decode
from retouch.methods.target import shows_unwanted
from retouch.methods.training import BATCH, descend

PROBES = 4000  # latents that the guide looks at for the target vector
WINDOW = 7  # pixels of a side of SSIM's windows
C1, C2 = 0.02**2, 0.06**2  # SSIM's constants for a range of 2


def edit(
    generator: Gan, task: Task, budget: Budget, *, strength: float = 1.0, recall: float = 0.9, alpha: float = 1.0,
    beta: float = 0.1, share: float = 0.5, lr: float = 1.0,
) -> Gan:  # fmt: skip
    """Unlearn the values that the target names.

    Args:
        strength: s, how far erased latents move: 1 to the threshold, 2 as far behind it; above 0.
        recall: share of the target's latents above the threshold, in (0, 1).
        alpha, beta: weights of the unlearning and of the perceptual term, above 0 and at least 0.
        share: of the budget's training steps, in (0, 1].
        lr: step size relative to the pre-training's, above 0.
    """
    for name, value in {"strength": strength, "alpha": alpha, "lr": lr}.items():
        if value <= 0:
            raise ValueError(f"{name} must be positive, not {value}")
    if beta < 0 or not (0 < recall < 1 and 0 < share <= 1):
        raise ValueError(f"beta must be at least 0, recall in (0, 1), share in (0, 1], not {beta}, {recall}, {share}")
    z_e, t = target_vector(generator, task, recall)
    old = deepcopy(generator.module).eval().requires_grad_(False)
    adam = torch.optim.Adam(generator.module.parameters(), lr * generator.lr)
    for _ in budget.steps(max(1, round(share * budget.train_steps))):
        z = generator.latent(BATCH, task.rng)
        erased, has = erase(z, z_e, t, strength)
        x = old(erased.to(generator.device))
        y = generator.module.eval()(z.to(generator.device))
        descend(adam, unlearn_loss(y, x, has.to(x.device), alpha, beta))
    return generator


def target_vector(generator: Gan, task: Task, recall: float) -> tuple[Tensor, float]:
    """z_e (Z,), of length 1, and the threshold t."""
    shows = shows_unwanted(task)
    z = generator.latent(PROBES, task.rng)
    has = shows(decode(generator, z))
    if not has.any() or has.all():
        raise ValueError(f"the guide sees the target in {int(has.sum())} of {PROBES} samples: there is no direction")
    z_e = F.normalize(z[has].mean(0) - z[~has].mean(0), dim=0)
    return z_e, (z[has] @ z_e).quantile(1 - recall).item()


def erase(z: Tensor, z_e: Tensor, t: float, strength: float) -> tuple[Tensor, Tensor]:
    """Move latents (N, Z) with the target to the threshold and beyond; return all, and which have it, bool (N,)."""
    above = z @ z_e - t
    return z - strength * above.clamp(min=0)[:, None] * z_e, above > 0


def unlearn_loss(y: Tensor, x: Tensor, has: Tensor, alpha: float, beta: float) -> Tensor:
    """alpha L_unlearn + L_recon + beta L_percep of images y and targets x, (N, C, H, W) in [-1, 1]; a batch's mean."""
    each = (y - x).abs().flatten(1).mean(1)
    return (torch.where(has, alpha, 1.0) * each).mean() + beta * (1 - ssim(y, x))


def ssim(a: Tensor, b: Tensor) -> Tensor:
    """Structural similarity of images (N, C, H, W) in [-1, 1], mean over windows (Wang et al., 2004)."""
    mean = lambda x: F.avg_pool2d(x, min(WINDOW, x.shape[-1]), 1)  # noqa: E731
    mu_a, mu_b = mean(a), mean(b)
    var_a, var_b, cov = mean(a * a) - mu_a**2, mean(b * b) - mu_b**2, mean(a * b) - mu_a * mu_b
    return (((2 * mu_a * mu_b + C1) * (2 * cov + C2)) / ((mu_a**2 + mu_b**2 + C1) * (var_a + var_b + C2))).mean()
