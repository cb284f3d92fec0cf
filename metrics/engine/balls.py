"""Which points lie in which k-NN balls, so that leaving out any one point can be worked out afterwards.

Symbols. r_k(j): distance of ball j's centre to its k-th nearest other centre; n points, m balls. Without centre l,
exactly the balls that have l among their k nearest grow from r_k to r_{k+1}, and ball l is gone. So besides the balls
their shells r_k < distance <= r_{k+1} are recorded. A point in two balls or more stays covered whichever centre is left
out: only the others need their shells, a short list.

(1)  variance of a share p of n points = p (1 - p) / n                  over the points, the balls given
(2)  variance over the balls = sum_l (D_l - mean D)^2 / n^2             D_l: points lost minus gained without centre l
     jackknife of Efron and Stein 1981, less the part of D_l that is the points' own counting noise, a Poisson variance
     of (lost + gained)
"""

import numpy as np

PAIRS = 200_000  # numbers held at a time when pairs are decided in float64: they stay in the cache


class Covering:
    """Points (n) against balls (m): counts on both sides, and the shells around points in at most one ball."""

    def __init__(self, points: int, balls: int) -> None:
        self.count = np.zeros(points, np.int64)  # balls that hold the point
        self.only = np.full(points, -1)  # one of them
        self.held = np.zeros(balls, np.int64)  # points within r_k
        self.wide = np.zeros(balls, np.int64)  # points within r_{k+1}
        self.sole = np.full(balls, -1)  # one of the points held
        self.shell = np.zeros((2, 0), np.int64)  # (point, ball) with r_k < distance <= r_{k+1}

    def add(self, point: np.ndarray, ball: np.ndarray, core: np.ndarray) -> None:
        """Pairs within r_{k+1}; `core` (bool): within r_k."""
        self.wide += np.bincount(ball, minlength=len(self.wide))
        inner_point, inner_ball = point[core], ball[core]
        self.held += np.bincount(inner_ball, minlength=len(self.held))
        self.count += np.bincount(inner_point, minlength=len(self.count))
        self.only[inner_point] = inner_ball
        self.sole[inner_ball] = inner_point
        shell = np.concatenate([self.shell, np.stack([point[~core], ball[~core]])], axis=1)
        self.shell = shell[:, self.count[shell[0]] <= 1]

    def share_variance(self, nearest: np.ndarray) -> float:
        """Variance of the share of points in any ball, (1) + (2). nearest (m, k): each centre's nearest others."""
        n, m = len(self.count), len(nearest)
        p = float(np.mean(self.count > 0))
        point, ball = self.shell
        once = self.count[point] == 1  # the point's only ball may go; does a ball beside it grow over the point?
        grows = (nearest[ball[once]] == self.only[point[once]][:, None]).any(1)
        saved = np.zeros(n, bool)
        saved[point[once][grows]] = True
        lost = np.bincount(self.only[(self.count == 1) & ~saved], minlength=m)
        never = ~once  # points in no ball become covered where a ball beside them grows
        pairs = np.unique(
            (point[never, None] * m + nearest[ball[never]]).ravel()
        )  # (point, centre left out), once each
        gained = np.bincount(pairs % m, minlength=m)
        return p * (1 - p) / n + left_out_variance(lost - gained, lost + gained) / n**2  # (1) + (2)

    def density_variance(self, nearest: np.ndarray) -> float:
        """Variance of the mean number of balls around a point: over points, and over balls as (2)."""
        n, m = len(self.count), len(nearest)
        shells = np.repeat(self.wide - self.held, nearest.shape[1])
        gained = np.bincount(nearest.ravel(), weights=shells, minlength=m)
        return float(np.var(self.count) / n + left_out_variance(self.held - gained, self.held + gained) / n**2)

    def coverage_variance(self, nearest: np.ndarray) -> float:
        """Variance of the share of balls that hold a point: over the balls as (2), and over the points as (2)."""
        n, m = len(self.count), len(nearest)
        covered = self.held > 0
        would = np.repeat(~covered & (self.wide > 0), nearest.shape[1])
        gained = np.bincount(nearest.ravel(), weights=would, minlength=m)
        over_balls = left_out_variance(covered - gained, gained) / (m - 1) ** 2
        lost = np.bincount(self.sole[self.held == 1], minlength=n)  # each ball that held this point alone
        return over_balls + left_out_variance(lost, lost) / m**2


def left_out_variance(change: np.ndarray, noise: np.ndarray) -> float:
    """sum (D - mean D)^2 of the changes D that leaving out each point makes, less the other sample's counting noise."""
    return float(max(0.0, np.sum((change - change.mean()) ** 2) - noise.sum()))


def pair_distance2(x: np.ndarray, i: np.ndarray, y: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Squared distances of pairs x[i], y[j] in float64, in chunks."""
    step, result = max(1, PAIRS // x.shape[1]), np.empty(len(i))
    for start in range(0, len(i), step):
        some = slice(start, start + step)
        gap = np.subtract(x[i[some]], y[j[some]], dtype=np.float64)
        np.einsum("ij,ij->i", gap, gap, out=result[some])
    return result
