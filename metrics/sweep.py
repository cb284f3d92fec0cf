"""The two passes over all pairs that every kernel and neighbour metric reads: a set among itself, and one against another.

Tiles of t = u.v / d about one centre (float32 products are accurate there) are computed once, and from each tile come
- the polynomial kernel (x.y/d + 1)^3 = (t + c_i + c_j)^3: the powers t^2, t^3 from the tile, all else in closed form
  and float64, so that a large offset c does not drown the difference that kernel distance is;
- squared distances d (2 h_i + 2 h_j - 2 t), h = |u|^2 / 2d: float32 finds the candidates, float64 decides.
The tie rule: a point on the surface of a ball is inside (<=, as in Kynkäänniemi et al. 2019 and torch-fidelity; prdc has <).
"""
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

TILE = 2048
SPARE = 4  # candidates kept beyond k, in case float32 has swapped near-ties
PAIRS = 4_000_000  # numbers held at a time when pairs are decided in float64


@dataclass(frozen=True)
class Own:
    """What a set of n points is among itself."""

    radii2: np.ndarray  # (n,) squared distance to the k-th nearest other point, float64
    kernel: np.ndarray  # (n,) mean kernel value to the n - 1 others
    hubs: float  # share of points that are among the k nearest of another: precision of a fresh sample (leave one out)


@dataclass(frozen=True)
class Cross:
    """What n generated and m reference points are to one another."""

    kernel_x: np.ndarray  # (n,) mean kernel value to the reference
    kernel_y: np.ndarray  # (m,) mean kernel value to the generated
    balls: np.ndarray  # (n,) how many reference balls hold this generated point
    covered: np.ndarray  # (m,) bool: this reference point's ball holds a generated one
    recalled: np.ndarray  # (m,) bool: a generated point's ball holds this reference point


class Side:
    """A set of points about the common centre, served in float32 tiles, with its float64 scalars."""

    def __init__(self, points: np.ndarray, centre: np.ndarray, device: str) -> None:
        self.points, self.centre, self.device = points, centre, device
        self.n, self.d = points.shape
        shift, scale = float(centre @ centre), 1 / self.d
        self.half, self.level = np.empty(self.n), np.empty(self.n)
        for rows in self.slices():
            u = points[rows] - centre
            self.half[rows] = np.einsum("ij,ij->i", u, u) * scale / 2
            self.level[rows] = 0.5 + (u @ centre + shift / 2) * scale  # c_i; c_i + c_j = 1 + the centre's part of x.y/d
        self.powers = self._powers()

    def slices(self) -> Iterator[slice]:
        """Row ranges of one tile each."""
        return (slice(start, min(start + TILE, self.n)) for start in range(0, self.n, TILE))

    def tile(self, rows: slice) -> "object":
        """u / sqrt(d) as a float32 (or float64, as the input) tensor on the device."""
        import torch

        u = torch.from_numpy(self.points[rows]).to(self.device)
        u = u - torch.from_numpy(self.centre.astype(self.points.dtype)).to(self.device)
        return u.mul_(self.d**-0.5)

    def _powers(self) -> np.ndarray:
        """sum_j u_j c_j^p / d for p = 0, 1, 2: (d, 3)."""
        total = np.zeros((self.d, 3))
        for rows in self.slices():
            total += (self.points[rows] - self.centre).T @ np.vander(self.level[rows], 3, increasing=True)
        return total / self.d

    def known_part(self, other: "Side") -> np.ndarray:
        """sum_j 3 t_ij (c_i + c_j)^2 + (c_i + c_j)^3 over all points j of the other side, float64 (n,)."""
        c, sums = self.level, [np.sum(other.level**p) for p in range(4)]
        t = np.concatenate([(self.points[rows] - self.centre) @ other.powers for rows in self.slices()])  # (n, 3)
        linear = 3 * (c * c * t[:, 0] + 2 * c * t[:, 1] + t[:, 2])
        return linear + c**3 * sums[0] + 3 * c * c * sums[1] + 3 * c * sums[2] + sums[3]


class KernelSums:
    """Row sums of t^2, t^2 c_j and t^3, collected over the tiles."""

    def __init__(self, side: Side) -> None:
        self.side, self.total = side, np.zeros((side.n, 3))

    def add(self, rows: slice, square: "object", cube: "object", other_level: np.ndarray, axis: int) -> None:
        """Adds a tile's t^2 and t^3 to the sums of its rows (axis 1) or of its columns (axis 0)."""
        import torch

        ones = np.stack([np.ones_like(other_level), other_level], 1)
        weights = torch.as_tensor(ones, dtype=square.dtype, device=square.device)
        self.total[rows, :2] += ((square if axis == 1 else square.T) @ weights).cpu().numpy()
        self.total[rows, 2] += cube.sum(axis).cpu().numpy()

    def means(self, other: Side, own: bool) -> np.ndarray:
        """Mean kernel value of each point to the other side's points; `own` leaves the point itself out."""
        c = self.side.level
        total = self.side.known_part(other) + 3 * (c * self.total[:, 0] + self.total[:, 1]) + self.total[:, 2]
        if not own:
            return total / other.n
        t = 2 * self.side.half  # t_ii; its square and cube are left out of the tiles already
        return (total - 3 * t * (2 * c) ** 2 - (2 * c) ** 3) / (other.n - 1)


def own_pass(points: np.ndarray, centre: np.ndarray, k: int, name: str, device: str = "cpu") -> Own:
    """One pass over the upper triangle of all pairs of (n, d) points."""
    import torch

    n = len(points)
    if n < k + 1:
        raise ValueError(f"{name}: found {n} rows, wanted at least {k + 1} for the {k} nearest neighbours")
    side, width = Side(points, centre, device), min(k + SPARE, n - 1)
    sums = KernelSums(side)
    half = torch.from_numpy(side.half.astype(points.dtype)).to(device)
    best = torch.full((n, width), -torch.inf, dtype=half.dtype, device=device)
    index = torch.zeros((n, width), dtype=torch.int64, device=device)
    for i, rows in enumerate(side.slices()):
        left = side.tile(rows)
        for columns in list(side.slices())[i:]:
            diagonal = columns == rows
            t = left @ (left if diagonal else side.tile(columns)).T
            if diagonal:
                t.fill_diagonal_(-torch.inf)
            _keep_nearest(best, index, rows, columns, t - half[columns], width)
            if diagonal:
                t.fill_diagonal_(0)
            else:
                _keep_nearest(best, index, columns, rows, t.T - half[rows], width)
            _add_kernel(t, sums, rows, sums if not diagonal else None, columns)
    radii2, hubs = _radii(points, index.cpu().numpy(), k)
    return Own(radii2, sums.means(side, own=True), hubs)


def cross_pass(x: np.ndarray, y: np.ndarray, centre: np.ndarray, radii2_x: np.ndarray, radii2_y: np.ndarray,
               closed: bool = True, device: str = "cpu") -> Cross:
    """One pass over all pairs of generated x (n, d) and reference y (m, d), with the squared radii of both."""
    a, b = Side(x, centre, device), Side(y, centre, device)
    sums_x, sums_y = KernelSums(a), KernelSums(b)
    balls, covered, recalled = np.zeros(a.n, np.int64), np.zeros(b.n, bool), np.zeros(b.n, bool)
    for rows in a.slices():
        left = a.tile(rows)
        for columns in b.slices():
            t = left @ b.tile(columns).T
            i, j = inside(t, a, rows, b, columns, None, radii2_y[columns], closed)
            balls[rows] += np.bincount(i, minlength=rows.stop - rows.start)
            covered[columns.start + j] = True
            _, j = inside(t, a, rows, b, columns, radii2_x[rows], None, closed)
            recalled[columns.start + j] = True
            _add_kernel(t, sums_x, rows, sums_y, columns)
    return Cross(sums_x.means(b, own=False), sums_y.means(a, own=False), balls, covered, recalled)


def inside(t: "object", a: Side, rows: slice, b: Side, columns: slice, radii2_rows: np.ndarray | None,
           radii2_columns: np.ndarray | None, closed: bool) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (i, j) of the tile within the ball of the row's (or of the column's) point."""
    import torch

    slack = np.finfo(a.points.dtype).eps * (8 + 2 * a.d**0.5)  # rounding of a product of d terms, generously
    hi, hj = a.half[rows], b.half[columns]
    ri = np.zeros(len(hi)) if radii2_rows is None else radii2_rows / (2 * a.d)
    rj = np.zeros(len(hj)) if radii2_columns is None else radii2_columns / (2 * a.d)
    low_i, low_j = ((h * (1 - slack) - r) for h, r in ((hi, ri), (hj, rj)))
    low_i, low_j = (torch.from_numpy(v.astype(a.points.dtype)).to(t.device) for v in (low_i, low_j))
    mask = (t - low_i[:, None]) >= low_j
    found = np.flatnonzero(mask.cpu().numpy()) if t.device.type == "cpu" else mask.flatten().nonzero()[:, 0].cpu().numpy()
    i, j = np.divmod(found, len(hj))
    margin = t.flatten()[torch.from_numpy(found).to(t.device)].cpu().numpy() - (hi[i] - ri[i]) - (hj[j] - rj[j])
    unsure = np.flatnonzero(np.abs(margin) <= slack * (hi[i] + hj[j]))
    keep = margin > 0
    limit = radii2_rows[i[unsure]] if radii2_rows is not None else radii2_columns[j[unsure]]
    exact = pair_distance2(a.points, rows.start + i[unsure], b.points, columns.start + j[unsure])
    keep[unsure] = exact <= limit if closed else exact < limit
    return i[keep], j[keep]


def pair_distance2(x: np.ndarray, i: np.ndarray, y: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Squared distances of pairs x[i], y[j] in float64, in chunks."""
    step = max(1, PAIRS // x.shape[1])
    parts = [np.square(x[i[s:s + step]].astype(np.float64) - y[j[s:s + step]]).sum(1) for s in range(0, len(i), step)]
    return np.concatenate(parts) if parts else np.zeros(0)


def _keep_nearest(best: "object", index: "object", rows: slice, columns: slice, score: "object", width: int) -> None:
    """Merges a tile's nearest columns into the rows' lists; score = t - h_j grows as the distance shrinks."""
    import torch

    value, where = score.topk(min(width, score.shape[1]), dim=1)
    value = torch.cat([best[rows], value], 1)
    where = torch.cat([index[rows], where + columns.start], 1)
    best[rows], order = value.topk(width, dim=1)
    index[rows] = where.gather(1, order)


def _add_kernel(t: "object", row_sums: KernelSums, rows: slice, column_sums: KernelSums | None, columns: slice) -> None:
    square = t * t
    cube = t.mul_(square)  # the tile is used up here
    other = column_sums or row_sums
    row_sums.add(rows, square, cube, other.side.level[columns], axis=1)
    if column_sums is not None:
        column_sums.add(columns, square, cube, row_sums.side.level[rows], axis=0)


def _radii(points: np.ndarray, index: np.ndarray, k: int) -> tuple[np.ndarray, float]:
    """Exact squared k-th distances among the candidates (n, width), and the share of points in anyone's k nearest."""
    n, width = index.shape
    distance2 = pair_distance2(points, np.repeat(np.arange(n), width), points, index.ravel()).reshape(n, width)
    order = np.argsort(distance2, axis=1, kind="stable")[:, :k]
    nearest = np.take_along_axis(index, order, 1)
    return np.take_along_axis(distance2, order[:, -1:], 1)[:, 0], len(np.unique(nearest)) / n
