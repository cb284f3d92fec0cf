"""A flow in principal coordinates: a fixed rotation, affine couplings on its first K axes, a Gaussian on the others.

    x  --rotate-->  (a, b)      a: the K directions of largest variance; b: the D - K others
    u = (a - mean) / scale      whitened; the spectrum of N images is shrunk to its mean by K / (K + N)
    z_a = couplings(u)          affine couplings (Dinh et al., 1605.08803) between fixed permutations, to a mixture of
                                Gaussians (Izmailov et al., 1912.13025): people are islands, and nobody lives between
    z_b = (b - m(u)) / s(u)     one more coupling: what the eye calls edges follows from what the K axes show

Every pixel dimension is kept, so log p(x) is exact. On two CPU cores a step costs a thirtieth of a Glow's.
"""

import math
from typing import cast

import torch
from torch import Tensor, nn


class Rotation(nn.Module):
    """A fixed orthogonal matrix Q (D, D), the product of K Householder reflections, applied in O(D K) an image.

    Q = I - U T U', inverse(T) = the upper triangle of U'U with half its diagonal (Schreiber and Van Loan, 1989). It is
    orthogonal whatever U holds, so half precision costs no exactness. Its first K columns are those it is `fit` to.
    """

    reflectors: Tensor

    def __init__(self, dim: int, axes: int) -> None:
        super().__init__()
        self.register_buffer("reflectors", torch.eye(dim, axes))

    def fit(self, directions: Tensor) -> None:
        """Make the first K columns of Q equal `directions` (D, K), orthonormal, up to sign and half precision."""
        packed, _ = torch.geqrf(directions)
        reflectors = packed.tril(-1) + torch.eye(*packed.shape, dtype=packed.dtype)
        self.reflectors.copy_(reflectors.half())

    def _turn(self, x: Tensor, transposed: bool) -> Tensor:
        gram = self.reflectors.T @ self.reflectors
        inverse = gram.triu(1) + gram.diagonal().diag() / 2  # of T
        side = x @ self.reflectors
        side = torch.linalg.solve_triangular(inverse if transposed else inverse.T, side, upper=transposed, left=False)
        return x - side @ self.reflectors.T

    def forward(self, x: Tensor) -> Tensor:
        """Q'x for rows x (N, D)."""
        return self._turn(x, transposed=True)

    def inverse(self, y: Tensor) -> Tensor:
        """Qy for rows y (N, D)."""
        return self._turn(y, transposed=False)


def mlp(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Two hidden layers; the last starts at zero, so that every coupling starts as the identity."""
    last = nn.Linear(hidden, outputs)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(inputs, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(), last)


class VectorCoupling(nn.Module):
    """y_b = (x_b - m(x_a)) / s(x_a); s lies in e^-range to e^range."""

    def __init__(self, kept: int, changed: int, hidden: int, width: float = 2.0) -> None:
        super().__init__()
        self.net, self.width = mlp(kept, hidden, 2 * changed), width

    def mean_and_log_scale(self, a: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_scale = self.net(a).chunk(2, 1)
        return mean, self.width * (log_scale / self.width).tanh()

    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """y_b and log|det| (N,)."""
        mean, log_scale = self.mean_and_log_scale(a)
        return (b - mean) * (-log_scale).exp(), -log_scale.sum(1)

    def inverse(self, a: Tensor, b: Tensor) -> Tensor:
        mean, log_scale = self.mean_and_log_scale(a)
        return b * log_scale.exp() + mean


class Mixture(nn.Module):
    """M Gaussians of diagonal covariance in K dimensions, learned with the rest; one of them is standard at first."""

    def __init__(self, dim: int, components: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(components))
        self.means = nn.Parameter(torch.randn(components, dim) * (components > 1))
        self.log_scales = nn.Parameter(torch.zeros(components, dim))

    def joint(self, z: Tensor) -> Tensor:
        """log p(component, z), (N, M), for rows z (N, K)."""
        precision = (-2 * self.log_scales).exp()
        square = (
            z.square() @ precision.T - 2 * z @ (self.means * precision).T + (self.means.square() * precision).sum(1)
        )
        constant = self.logits.log_softmax(0) - self.log_scales.sum(1) - z.shape[1] / 2 * math.log(2 * math.pi)
        return constant - square / 2

    def log_prob(self, z: Tensor) -> Tensor:
        """log p(z), (N,)."""
        return self.joint(z).logsumexp(1)

    @torch.no_grad()
    def fit(self, z: Tensor, rounds: int = 30) -> None:
        """Expectation and maximisation from rows of z as means; variances are at least 0.05."""
        rng = torch.Generator().manual_seed(0)
        self.means.copy_(z[torch.randperm(len(z), generator=rng)[: len(self.means)]])
        for _ in range(rounds):
            share = self.joint(z).softmax(1)  # (N, M)
            count = share.sum(0)[:, None] + 1e-3
            self.logits.copy_((count[:, 0] / len(z)).log())
            self.means.copy_(share.T @ z / count)
            variance = (share.T @ z.square() / count - self.means.square()).clamp_min(0.05)
            self.log_scales.copy_(variance.log() / 2)

    @torch.no_grad()
    def draw(self, noise: Tensor, choice: Tensor) -> Tensor:
        """Samples (N, K) of the mixture, on the CPU, from normal noise (N, K) and (N,) that picks components."""
        shares = self.logits.cpu().softmax(0).cumsum(0)
        chosen = torch.searchsorted(shares[:-1].contiguous(), torch.special.ndtr(choice))
        return self.means.cpu()[chosen] + self.log_scales.cpu()[chosen].exp() * noise


class PcaFlow(nn.Module):
    """Images in [0, 1], (N, C, H, W), to codes (N, C*H*W) and back: K from a mixture, the others standard normal.

    Args: channels, size (H = W), axes K, couplings, hidden (their width), detail (width of the others' coupling),
    components (of the mixture).
    """

    mean: Tensor
    log_scale: Tensor
    orders: Tensor

    def __init__(
        self, channels: int, size: int, axes: int, couplings: int, hidden: int, detail: int, components: int = 1
    ) -> None:
        super().__init__()
        self.shape, self.axes, self.dim = (channels, size, size), axes, channels * size**2
        self.rotation = Rotation(self.dim, axes)
        self.register_buffer("mean", torch.full((self.dim,), 0.5))
        self.register_buffer("log_scale", torch.zeros(self.dim))
        order = torch.Generator().manual_seed(0)
        self.register_buffer("orders", torch.stack([torch.randperm(axes, generator=order) for _ in range(couplings)]))
        self.front = axes // 2
        self.couplings = nn.ModuleList(VectorCoupling(self.front, axes - self.front, hidden) for _ in range(couplings))
        self.detail = VectorCoupling(axes, self.dim - axes, detail, width=4.0)
        self.prior = Mixture(axes, components)

    @torch.no_grad()
    def fit(self, x: Tensor) -> None:
        """Take mean, directions and spectrum from training images in [0, 1], (N, C, H, W)."""
        rows = x.flatten(1)
        self.mean.copy_(rows.mean(0))
        rows = rows - self.mean
        _, directions = torch.linalg.eigh((rows.T @ rows).double() / len(rows))
        self.rotation.fit(directions.flip(1)[:, : self.axes])
        main, others = self.rotation(rows).square().mean(0).split([self.axes, self.dim - self.axes])
        main = main.lerp(main.mean(), self.axes / (self.axes + len(rows)))
        self.log_scale.copy_(torch.cat([main, others.mean().expand_as(others)]).log() / 2)
        self.prior.fit(self(x)[0][:, : self.axes])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Codes (N, D) and log p(x) in nats (N,)."""
        y = self.rotation(x.flatten(1) - self.mean) * (-self.log_scale).exp()
        u, b = y.split([self.axes, self.dim - self.axes], 1)
        b, log_det = self.detail(u, b)
        log_det = log_det - self.log_scale.sum()
        for order, coupling in zip(self.orders, self.couplings, strict=True):
            kept, changed = u[:, order].split([self.front, self.axes - self.front], 1)
            changed, more = coupling(kept, changed)
            u, log_det = torch.cat([kept, changed], 1), log_det + more
        log_p = self.prior.log_prob(u) - 0.5 * (b.square() + math.log(2 * math.pi)).sum(1)
        return torch.cat([u, b], 1), log_det + log_p

    def draw(self, noise: Tensor, choice: Tensor) -> Tensor:
        """Codes (N, D) from standard normal noise (N, D) and (N,)."""
        main, others = noise.split([self.axes, self.dim - self.axes], 1)
        return torch.cat([self.prior.draw(main, choice), others], 1)

    def inverse(self, z: Tensor) -> Tensor:
        """Images (N, C, H, W) from codes (N, D)."""
        u, b = z.split([self.axes, self.dim - self.axes], 1)
        for order, coupling in zip(self.orders.flip(0), reversed(self.couplings), strict=True):
            kept, changed = u.split([self.front, self.axes - self.front], 1)
            u = torch.cat([kept, cast(VectorCoupling, coupling).inverse(kept, changed)], 1)[:, order.argsort()]
        y = torch.cat([u, self.detail.inverse(u, b)], 1) * self.log_scale.exp()
        return (self.rotation.inverse(y) + self.mean).view(-1, *self.shape)
