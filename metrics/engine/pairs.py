"""The two passes over all pairs that every kernel and neighbour metric reads: a set among itself, and two sets.

Symbols. a: one centre for both sets; u_i = x_i - a; and of each pair or point

(1)  t_ij = u_i.u_j / d                         products in float32, accurate about the centre
(2)  h_i = |u_i|^2 / 2d,  e_i = u_i.a / d       float64
(3)  |x_i - x_j|^2 = 2d (h_i + h_j - t_ij)      squared distance
(4)  x_i.x_j / d + 1 = b_ij + o,  b_ij = t_ij + e_i + e_j,  o = |a|^2 / d + 1        base of the kernel
(5)  (b + o)^3 - o^3 = b^3 + 3 o b^2 + 3 o^2 b                                        the kernel, less a constant
(6)  sum_j b_ij   = u_i.P_0 + sum_j (e_i + e_j),                                      P_p = sum_j u_j e_j^p / d
(7)  sum_j b_ij^2 = sum_j t_ij^2 + 2 (e_i u_i.P_0 + u_i.P_1) + sum_j (e_i + e_j)^2
(8)  sum_j b_ij^3 = sum_j t_ij^3 + 3 (e_i sum_j t_ij^2 + sum_j t_ij^2 e_j)
                    + 3 (e_i^2 u_i.P_0 + 2 e_i u_i.P_1 + u_i.P_2) + sum_j (e_i + e_j)^3

(9)  sum_j t_ij^2 = u_i^T M_0 u_i,  sum_j t_ij^2 e_j = u_i^T M_1 u_i,                 M_p = sum_j e_j^p u_j u_j^T / d^2

Tiles of t are computed once, and each metric takes its share of every tile. Of the kernel's sums only the powers t^2
and t^3 come from tiles, t^2 only of features so wide that (9) costs more; all else is float64 in closed form. Kernel
distance is a difference of means of (5) in which o^3 cancels; to leave it out spares the difference from drowning where
features have a large offset. Of the distances (3), float32 finds the candidates and float64 decides.
The tie rule: a point on the surface of a ball is inside (<=, as in Kynkäänniemi et al. 2019 and torch-fidelity; prdc
has <).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from retouch.metrics.engine.balls import Covering, pair_distance2
from retouch.metrics.engine.nearest import Nearest, places

if TYPE_CHECKING:
    from torch import Tensor

TILE = 1000
NARROW = 128  # up to this width (9) is faster than tiles


@dataclass(frozen=True)
class Own:
    """What a set of n points is among itself."""

    radii2: np.ndarray  # (n, 2) squared distances to the k-th and the (k+1)-th nearest other point, float64
    nearest: np.ndarray  # (n, k) row numbers of the k nearest others
    kernel: np.ndarray  # (n,) mean kernel value to the n - 1 others, less o^3

    @property
    def hubs(self) -> float:
        """Share of points that are among the k nearest of another: what precision would be for a fresh sample."""
        return len(np.unique(self.nearest)) / len(self.nearest)


@dataclass(frozen=True)
class Cross:
    """What n generated and m reference points are to one another."""

    kernel_x: np.ndarray  # (n,) mean kernel value to the reference, less o^3
    kernel_y: np.ndarray  # (m,) mean kernel value to the generated, less o^3
    forth: Covering  # generated points in reference balls
    back: Covering  # reference points in generated balls


class Side:
    """A set of points about the common centre, served in float32 tiles, with its float64 scalars."""

    def __init__(self, points: np.ndarray, centre: np.ndarray, device: str) -> None:
        self.points, self.centre, self.device = points, centre, device
        self.n, self.d = points.shape
        scale = 1 / self.d
        self.offset = float(centre @ centre) * scale + 1  # o of (4)
        self.half, self.level = np.empty(self.n), np.empty(self.n)  # h and e of (2)
        self.powers = np.zeros((self.d, 3))  # P_0, P_1, P_2 of (6)
        self.seconds = np.zeros((2, self.d, self.d)) if self.d <= NARROW else None  # M_0, M_1 of (9)
        for rows in self.slices():
            u = points[rows] - centre
            self.half[rows] = np.einsum("ij,ij->i", u, u) * scale / 2
            self.level[rows] = u @ centre * scale
            self.powers += u.T @ np.vander(self.level[rows], 3, increasing=True) * scale
            if self.seconds is not None:
                self.seconds += np.stack([u.T @ u, (u * self.level[rows, None]).T @ u]) * scale**2

    @staticmethod
    def of(points: np.ndarray | Side, centre: np.ndarray, device: str) -> Side:
        """A Side as it is, an array as a new Side."""
        return points if isinstance(points, Side) else Side(points, centre, device)

    def slices(self) -> Iterator[slice]:
        """Row ranges of one tile each."""
        return (slice(start, min(start + TILE, self.n)) for start in range(0, self.n, TILE))

    def tile(self, rows: slice) -> Tensor:
        """u / sqrt(d) as a float32 (or float64, as the input) tensor on the device."""
        import torch

        u = torch.from_numpy(self.points[rows]).to(self.device)
        u = u - torch.from_numpy(self.centre.astype(self.points.dtype)).to(self.device)
        return u.mul_(self.d**-0.5)

    def closed_sums(self, other: Side) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The parts of (6), (7) and (8) that need no tiles, over all points of the other side, each float64 (n,)."""
        e, n = self.level, other.n
        first, second, third = (np.sum(other.level**power) for power in (1, 2, 3))
        up = np.concatenate([(self.points[rows] - self.centre) @ other.powers for rows in self.slices()])  # (n, 3)
        linear = up[:, 0] + n * e + first
        square = 2 * (e * up[:, 0] + up[:, 1]) + n * e**2 + 2 * e * first + second
        cube = (
            3 * (e**2 * up[:, 0] + 2 * e * up[:, 1] + up[:, 2]) + n * e**3 + 3 * e**2 * first + 3 * e * second + third
        )
        return linear, square, cube

    def square_sums(self, other: Side, own: bool) -> np.ndarray | None:
        """(9) over the other side's points, or all but itself: float64 (2, n); None for wide features."""
        if other.seconds is None:
            return None
        sums = np.empty((2, self.n))
        for rows in self.slices():
            u = self.points[rows] - self.centre
            sums[:, rows] = np.einsum("pij,ij->pi", u @ other.seconds, u)
        return sums - (2 * self.half) ** 2 * np.stack([np.ones(self.n), self.level]) if own else sums


class KernelSums:
    """Row sums of t^2, t^2 e_j and t^3, added up over the tiles; of t^3 alone where (9) has the others."""

    def __init__(self, side: Side) -> None:
        self.side, self.total = side, np.zeros((side.n, 3))

    def add(self, rows: slice, square: Tensor, cube: Tensor, other_level: np.ndarray, axis: int) -> None:
        """Add a tile's t^2 and t^3 to the sums of its rows (axis 1) or of its columns (axis 0)."""
        import torch

        self.total[rows, 2] += cube.sum(axis).cpu().numpy()
        if self.side.seconds is None:
            level = torch.from_numpy(other_level).to(square.device, square.dtype)
            sums = square.sum(axis), (square if axis == 1 else square.T).mv(level)
            self.total[rows, :2] += torch.stack(sums, 1).cpu().numpy()

    def means(self, other: Side, own: bool) -> np.ndarray:
        """Mean of (5) of each point with the other side's points; `own`: with all points but itself."""
        e, o, (square, weighted, cube) = self.side.level, self.side.offset, self.total.T
        if (closed := self.side.square_sums(other, own)) is not None:
            square, weighted = closed
        b1, b2, b3 = self.side.closed_sums(other)
        b2 = b2 + square
        b3 = b3 + 3 * (e * square + weighted) + cube
        if not own:
            return (b3 + 3 * o * b2 + 3 * o**2 * b1) / other.n
        t = 2 * self.side.half  # t_ii; the tiles have no square and cube of it
        b1 = b1 - (t + 2 * e)
        b2 = b2 - (4 * e * t + 4 * e**2)
        b3 = b3 - (12 * e**2 * t + 8 * e**3)
        return (b3 + 3 * o * b2 + 3 * o**2 * b1) / (other.n - 1)


def own_pass(points: np.ndarray | Side, centre: np.ndarray, k: int, name: str, device: str = "cpu") -> Own:
    """Pass over the upper triangle of all pairs of (n, d) points."""
    import torch

    side = Side.of(points, centre, device)
    points, n = side.points, side.n
    if n < k + 1:
        raise ValueError(f"{name}: found {n} rows, wanted at least {k + 1} for the {k} nearest neighbours")
    half, sums = torch.from_numpy(side.half.astype(points.dtype)).to(side.device), KernelSums(side)
    nearest = Nearest(n, k, half)
    space = Space(half)
    for i, rows in enumerate(side.slices()):
        left = side.tile(rows)
        for columns in list(side.slices())[i:]:
            diagonal = columns == rows
            t, scratch = space.products(left, left if diagonal else side.tile(columns))
            if diagonal:
                t.fill_diagonal_(-torch.inf)
            nearest.add(rows, columns, torch.sub(t, half[columns], out=scratch), axis=1)  # (3): nearer is larger
            if diagonal:
                t.fill_diagonal_(0)
            else:
                nearest.add(columns, rows, torch.sub(t, half[rows, None], out=scratch), axis=0)
            _add_kernel(t, scratch, sums, rows, sums if not diagonal else None, columns)
    return Own(*nearest.radii(points), sums.means(side, own=True))


def cross_pass(
    x: np.ndarray | Side,
    y: np.ndarray | Side,
    centre: np.ndarray,
    radii2_x: np.ndarray,
    radii2_y: np.ndarray,
    closed: bool = True,
    device: str = "cpu",
) -> Cross:
    """Pass over all pairs of generated x (n, d) and reference y (m, d), with the squared radii (n, 2), (m, 2)."""
    a, b = Side.of(x, centre, device), Side.of(y, centre, device)
    sums_x, sums_y = KernelSums(a), KernelSums(b)
    forth, back = Covering(a.n, b.n), Covering(b.n, a.n)
    space = Space(a.tile(slice(0, 1)))
    for rows in a.slices():
        left = a.tile(rows)
        for columns in b.slices():
            t, scratch = space.products(left, b.tile(columns))
            i, j, core = inside(t, scratch, a, rows, b, columns, radii2_y[columns], False, closed)
            forth.add(i, j, core)
            i, j, core = inside(t, scratch, a, rows, b, columns, radii2_x[rows], True, closed)
            back.add(j, i, core)
            _add_kernel(t, scratch, sums_x, rows, sums_y, columns)
    return Cross(sums_x.means(b, own=False), sums_y.means(a, own=False), forth, back)


def inside(
    t: Tensor, scratch: Tensor, a: Side, rows: slice, b: Side, columns: slice, radii2: np.ndarray, around_rows: bool,
    closed: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Pairs (i, j) of the tile that are within the wider ball of the row's (or column's) point; which in the inner."""
    slack = np.finfo(a.points.dtype).eps * (8 + 2 * a.d**0.5)  # rounding of a product of d terms, generously
    hi, hj = a.half[rows], b.half[columns]
    reach = np.minimum(radii2[:, 1], 8 * a.d * max(hi.max(), hj.max())) / (2 * a.d)  # an infinite radius holds all
    low_i, low_j = hi * (1 - slack), hj * (1 - slack)
    low_i, low_j = (low_i - reach, low_j) if around_rows else (low_i, low_j - reach)
    i, j, value = _above(t, scratch, low_i, low_j)  # (3): within the ball where t_ij >= h_i + h_j - radius^2 / 2d
    distance2 = 2 * a.d * (hi[i] + hj[j] - value)  # (3)
    limits = radii2[i if around_rows else j]
    unsure = np.flatnonzero((np.abs(distance2[:, None] - limits) <= 2 * a.d * slack * (hi[i] + hj[j])[:, None]).any(1))
    i, j = i + rows.start, j + columns.start
    distance2[unsure] = pair_distance2(a.points, i[unsure], b.points, j[unsure])
    within = (distance2[:, None] <= limits) if closed else (distance2[:, None] < limits)
    keep = within[:, 1]
    return i[keep], j[keep], within[keep, 0]


def _above(
    t: Tensor, scratch: Tensor, low_i: np.ndarray, low_j: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where t_ij >= low_i + low_j: few entries of many."""
    import torch

    rows, columns = (torch.from_numpy(v).to(t.device, t.dtype) for v in (low_i, low_j))
    flat = places(torch.sub(t, rows[:, None], out=scratch), columns)
    i, j = np.divmod(flat, t.shape[1])
    return i, j, t.flatten()[torch.from_numpy(flat).to(t.device)].cpu().numpy().astype(np.float64)


class Space:
    """Memory for a tile and for what is made of it, used again for every tile."""

    def __init__(self, like: Tensor) -> None:
        self._memory = like.new_empty((2, TILE * TILE))

    def products(self, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
        """left right^T, and a tensor of the same shape for the steps after."""
        import torch

        shape = len(left), len(right)
        t, scratch = (part[: shape[0] * shape[1]].view(shape) for part in self._memory)
        if left is right and t.device.type == "cpu":  # numpy takes the symmetric product, half the work
            np.matmul(left.numpy(), left.numpy().T, out=t.numpy())
        else:
            torch.mm(left, right.T, out=t)
        return t, scratch


def _add_kernel(
    t: Tensor, scratch: Tensor, row_sums: KernelSums, rows: slice, column_sums: KernelSums | None, columns: slice
) -> None:
    """Add the tile's powers to the sums of its rows, and of its columns unless these are the same points."""
    import torch

    square = torch.mul(t, t, out=scratch)
    cube = t.mul_(square)  # the tile is used up here
    other = column_sums or row_sums
    row_sums.add(rows, square, cube, other.side.level[columns], axis=1)
    if column_sums is not None:
        column_sums.add(columns, square, cube, row_sums.side.level[rows], axis=0)
