"""Latent shift: sample a GAN from a mixture of latents that carry the target's attribute values; its weights stay.

After Tan, Shen and Zhou, "Improving the Fairness of Deep Generative Models without Retraining", 2020, arXiv 2012.04842:

1. n_v, b_v: a linear boundary in the latent space for each value v of the attribute, as in InterFaceGAN; n_v points to
   the side of v. Its labels are the guide's, on images of sampled latents.
2. A cell is a value of the attribute, or a combination of values of two. Sampled latents are shifted along the
   directions until they lie on the cell's side: distance d = n_v.z + b_v becomes |d| + margin,
        z' = z + pinv(N) (|d| + margin - d),   N = the cell's directions, one for each attribute:
   everything orthogonal to N stays. Those whose images the guide finds in the cell are kept.
3. A Gaussian mixture is fitted to the kept latents of each cell.
4. The output: a cell by its target share, a component of its mixture, a latent from that, G of it. Any target shares
   will do; for two attributes the target is a table, the share of each combination.

Deviations:
- written from the abstract and a summary; the authors' margin, number of components and of latents are not known to us.
- the mirror |d| + margin is our choice of how far to shift: it keeps the spread of distances that sampled latents have,
  and with margin 0 the shifted latents of a symmetric boundary are distributed as the sampled ones of that side are.
- a component is its mean and covariance, and what is drawn for it is the latent z that the base would have decoded:
  the same seed gives images that differ in little but the attribute.
- a mixture leaks over its cell's boundary, the more, the smaller the GAN: a rare cell's Gaussian reaches far into its
  neighbour. The cells are therefore drawn such that the guide finds the target's shares in the output, and otherwise
  as evenly as can be (`tilt`); aim=False draws them by the target's shares themselves, as the paper does.
"""

from collections.abc import Sequence

import numpy as np
import torch
from sklearn.mixture import GaussianMixture
from sklearn.svm import LinearSVC
from torch import Tensor
from torch.nn import functional as F

from retouch.benchmark.budget import Budget
from retouch.benchmark.generators.gan import Gan
from retouch.benchmark.joint import names
from retouch.benchmark.task import Task
from retouch.methods.boundaries import PROBES, Boundaries, decode, tilt
from retouch.methods.target import guide_values, target_shares

AIM_PROBES = 500  # images of each cell's mixture that the guide looks at
ENOUGH = 2  # latents in a cell, for each of their dimensions, that its mixture needs at least


class Mixture:
    """Gaussians in the latent space: weights w (M,), means mu (M, Z), factors L (M, Z, Z) of the covariances L L^T."""

    def __init__(self, w: Tensor, mu: Tensor, L: Tensor) -> None:
        self.w, self.mu, self.L = w, mu, L

    @classmethod
    def of(cls, parts: list["Mixture"], shares: Tensor) -> "Mixture":
        """The mixture of mixtures, by shares (len(parts),)."""
        w = torch.cat([share * part.w for share, part in zip(shares, parts, strict=True)])
        return cls(w, torch.cat([part.mu for part in parts]), torch.cat([part.L for part in parts]))

    @classmethod
    def fit(cls, z: Tensor, components: int, seed: int) -> "Mixture":
        """A Gaussian mixture of latents (N, Z), full covariances."""
        em = GaussianMixture(components, reg_covar=1e-3, random_state=seed).fit(z.double().numpy())
        w, mu, covariances = (torch.tensor(array) for array in (em.weights_, em.means_, em.covariances_))
        return cls(w.float(), mu.float(), root(covariances).float())

    def shift(self, z: Tensor, rng: torch.Generator) -> Tensor:
        """Standard normal latents (N, Z) to latents of the mixture: mu + L z."""
        m = torch.multinomial(self.w, len(z), replacement=True, generator=rng)
        return self.mu[m] + (self.L[m] @ z[:, :, None]).squeeze(2)


def root(covariances: Tensor) -> Tensor:
    """Symmetric square roots (M, Z, Z): of all factors L the nearest to the identity, so that L z stays near z."""
    values, vectors = torch.linalg.eigh(covariances)
    return vectors @ (values.clamp(min=0).sqrt()[:, :, None] * vectors.mT)


class MixtureGan:
    """A GAN whose latents come from a mixture."""

    def __init__(self, generator: Gan, mixture: Mixture) -> None:
        self.generator, self.mixture = generator, mixture

    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        """n images, uint8 (n, C, H, W), on the CPU; z is drawn first, as in the base."""
        return decode(self.generator, self.mixture.shift(self.generator.latent(n, rng), rng))


def edit(
    generator: Gan, task: Task, budget: Budget, *, margin: float = 0.0, components: int = 1, latents: int = 4000,
    aim: bool = True,
) -> MixtureGan:  # fmt: skip
    """Wrap the base.

    Args:
        margin: how far beyond a boundary shifted latents lie at least, in units of the latents' spread, at least 0.
        components: of each cell's Gaussian mixture, at least 1.
        latents: shifted for each cell, at least 1.
        aim: draw the cells such that the guide finds the target's shares, instead of by these shares.
    """
    if margin < 0 or components < 1 or latents < 1:
        raise ValueError(f"margin must be at least 0, components and latents 1, not {margin}, {components}, {latents}")
    shares = target_shares(task).float()
    sides = find_sides(generator, task, shares.shape)
    seed = int(torch.randint(2**31, (), generator=task.rng))
    cells, q = shares.flatten().nonzero().flatten().tolist(), shares[shares > 0]
    z = [cell_latents(generator, task, sides, cell, margin, latents) for cell in cells]
    parts = [Mixture.fit(part, components, seed) for part in z]
    if aim:
        images = torch.cat([MixtureGan(generator, part).sample(AIM_PROBES, task.rng) for part in parts])
        in_cell = F.one_hot(guide_values(task, images), shares.numel()).double().view(len(parts), AIM_PROBES, -1)
        q = tilt(in_cell.mean(1), shares.flatten())
    return MixtureGan(generator, Mixture.of(parts, q))


def find_sides(generator: Gan, task: Task, values: Sequence[int]) -> list[Boundaries]:
    """For each attribute the unit normals n (values, Z) and intercepts b: every value against the rest."""
    z = generator.latent(PROBES, task.rng)
    images, sides = decode(generator, z), []
    for attribute, count in zip(names(task.target["attribute"]), values, strict=True):
        labels = task.guide.probs(images, attribute).argmax(1)
        if len(labels.unique()) < count:
            raise ValueError(f"the guide does not see every value of {attribute!r} in {PROBES} samples: no boundary")
        svms = [LinearSVC(C=0.1, class_weight="balanced", dual=False).fit(z, labels == v) for v in range(count)]
        w, b = (torch.cat([torch.from_numpy(getattr(svm, key)) for svm in svms]) for key in ("coef_", "intercept_"))
        length = w.norm(dim=1)  # coef_ (1, Z), intercept_ (1,)
        sides.append(Boundaries((w / length[:, None]).float(), (b / length).float()))
    return sides


def cell_latents(generator: Gan, task: Task, sides: list[Boundaries], cell: int, margin: float, latents: int) -> Tensor:
    """Latents (N, Z) shifted into a cell, an index into the flattened shares, whose images the guide finds there."""
    values = [int(v) for v in np.unravel_index(cell, [len(side.b) for side in sides])]
    n, b = (torch.stack([getattr(side, key)[v] for side, v in zip(sides, values, strict=True)]) for key in "nb")
    z = shift(generator.latent(latents, task.rng), Boundaries(n, b), margin)
    z = z[guide_values(task, decode(generator, z)) == cell]
    if len(z) < ENOUGH * z.shape[1]:
        where = ", ".join(f"{name} = {v}" for name, v in zip(names(task.target["attribute"]), values, strict=True))
        raise ValueError(f"the guide finds {where} in {len(z)} of {latents} shifted latents: too few for a mixture")
    return z


def shift(z: Tensor, sides: Boundaries, margin: float) -> Tensor:
    """z' = z + pinv(N) (|d| + margin - d): give latents (N, Z) the distances |d| + margin and change nothing else."""
    d = sides.distance(z)
    return z + (d.abs() + margin - d) @ torch.linalg.pinv(sides.n).T
