"""Which points lie in which k-NN balls, kept so that leaving out any one point can be worked out afterwards.

Besides the balls themselves (radius r_k) their shells are kept (up to r_{k+1}): without point j, exactly the balls that
have j among their k nearest grow to r_{k+1}. Points in two balls or more stay covered whichever point is left out, so
only the others need their shells remembered: a short list.
"""

import numpy as np

PAIRS = 200_000  # numbers held at a time when pairs are decided in float64: they stay in the cache


class Covering:
    """Points (n) against balls (m): counts on both sides, and the shells of barely covered points."""

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
        """Variance of the share of points in any ball: over points, and over balls by leaving one out.
        nearest: (m, k).
        """
        n, m = len(self.count), len(nearest)
        p = float(np.mean(self.count > 0))
        point, ball = self.shell
        once = self.count[point] == 1  # a point's only ball goes: does another grow over it?
        grows = (nearest[ball[once]] == self.only[point[once]][:, None]).any(1)
        saved = np.zeros(n, bool)
        saved[point[once][grows]] = True
        lost = np.bincount(self.only[(self.count == 1) & ~saved], minlength=m)
        never = ~once
        # (point, left-out) that become covered
        pairs = np.unique((point[never, None] * m + nearest[ball[never]]).ravel())
        gained = np.bincount(pairs % m, minlength=m)
        return p * (1 - p) / n + left_out_variance(lost - gained, lost + gained) / n**2

    def density_variance(self, nearest: np.ndarray) -> float:
        """Variance of the mean number of balls around a point."""
        n, m = len(self.count), len(nearest)
        shells = np.repeat(self.wide - self.held, nearest.shape[1])
        gained = np.bincount(nearest.ravel(), weights=shells, minlength=m)
        return float(np.var(self.count) / n + left_out_variance(self.held - gained, self.held + gained) / n**2)

    def coverage_variance(self, nearest: np.ndarray) -> float:
        """Variance of the share of balls that hold a point."""
        n, m = len(self.count), len(nearest)
        covered = self.held > 0
        would = np.repeat(~covered & (self.wide > 0), nearest.shape[1])
        gained = np.bincount(nearest.ravel(), weights=would, minlength=m)
        over_balls = left_out_variance(covered - gained, gained) / (m - 1) ** 2
        lost = np.bincount(self.sole[self.held == 1], minlength=n)  # each ball that held this point alone
        return over_balls + left_out_variance(lost, lost) / m**2


def left_out_variance(change: np.ndarray, noise: np.ndarray) -> float:
    """Jackknife sum of squares of what leaving each one out changes, less the counting noise of the other sample."""
    return float(max(0.0, np.sum((change - change.mean()) ** 2) - noise.sum()))


def pair_distance2(x: np.ndarray, i: np.ndarray, y: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Squared distances of pairs x[i], y[j] in float64, in chunks."""
    step, result = max(1, PAIRS // x.shape[1]), np.empty(len(i))
    for start in range(0, len(i), step):
        some = slice(start, start + step)
        gap = np.subtract(x[i[some]], y[j[some]], dtype=np.float64)
        np.einsum("ij,ij->i", gap, gap, out=result[some])
    return result
