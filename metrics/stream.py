"""Features in batches: sums for FD and Vendi scores, a reservoir of rows for all pairs, and no other row is kept.

A row's block and its place in the order of the reservoir follow from its number and the seed alone (the lowest numbers
stay: a bottom-k sample, Cohen and Kaplan 2007). So batches of any size give the same, and streams of pieces, made on
several machines, merge into the stream of the whole. FD and Vendi scores rest on all rows, the kernel distance and the
neighbour metrics on the reservoir; beyond the width of the jackknife, so do the corrections of FD and Vendi scores.
"""

from __future__ import annotations

import numpy as np

from retouch.metrics.checks import as_features
from retouch.metrics.engine.moments import BLOCKS, ROWS, WIDE, Moments
from retouch.metrics.vendi_score import normalised

RESERVOIR = 10_000  # rows


class Stream:
    """What is kept of (n, width) features, of which `start` rows belong to pieces before this one.

    seed: of what nobody who makes the features should know beforehand, the rows that the reservoir takes.
    """

    def __init__(self, width: int, rows: int = RESERVOIR, seed: int = 0, start: int = 0) -> None:
        self.width, self.size, self.seed, self.start, self.n = width, rows, seed, start, 0
        count = BLOCKS if width <= WIDE else 1
        self.centre: np.ndarray | None = None
        self.counts = np.zeros(count, np.int64)  # rows of each block
        self.sums = np.zeros((count, width))  # t of engine.moments
        self.squares = np.zeros((count, width, width))  # T of engine.moments
        self.angles = np.zeros((count, width, width))  # second moments of the rows at length 1
        self._rows = np.empty((0, width), np.float32)
        self._order, self._number = np.empty(0), np.empty(0, np.int64)

    def add(self, features: np.ndarray) -> None:
        """Take a batch (b, width)."""
        batch = as_features(features, "features", 1)
        if batch.shape[1] != self.width:
            raise ValueError(f"features: found width {batch.shape[1]}, wanted {self.width} as before")
        if self.centre is None:  # near the mean, and exact in the features' own precision
            self.centre, self._rows = batch.mean(0).astype(np.float64), self._rows.astype(batch.dtype)
        for start in range(0, len(batch), ROWS):
            self._add(batch[start : start + ROWS])

    def _add(self, batch: np.ndarray) -> None:
        """Take at most ROWS rows: longer sums in float32 would lose digits."""
        assert self.centre is not None
        number = np.arange(self.n, self.n + len(batch)) + self.start
        order, block = self._draw(0, len(batch)), (len(self.counts) * self._draw(1, len(batch))).astype(int)
        self._keep(batch, order, number)
        shift, unit = self.centre.astype(batch.dtype), normalised(batch)
        for i in range(len(self.counts)):
            mine = slice(None) if len(self.counts) == 1 else block == i
            u = batch[mine] - shift
            u = u if self.width > WIDE else u.astype(np.float64)
            self.counts[i] += len(u)
            self.sums[i] += u.sum(0, dtype=np.float64)
            self.squares[i] += u.T @ u
            self.angles[i] += unit[mine].T @ unit[mine]
        self.n += len(batch)

    def merge(self, other: Stream) -> Stream:
        """The stream of this piece and the next, as if all rows had come here; both stay as they are."""
        if (other.start, other.seed, other.size, other.width) != (
            self.start + self.n,
            self.seed,
            self.size,
            self.width,
        ):
            raise ValueError(
                f"stream: found a piece from row {other.start} on (width {other.width}, seed {other.seed}, reservoir "
                f"{other.size}), wanted the next one, from row {self.start + self.n} on (width {self.width}, seed "
                f"{self.seed}, reservoir {self.size})"
            )
        both = Stream.of(self.arrays())
        if other.centre is None:
            return both
        both.centre = other.centre if both.centre is None else both.centre
        gap = (other.centre - both.centre)[:, None]  # u + gap: the other's rows about this centre
        both.squares += other.squares + np.stack(
            [gap * t + (gap * t).T + n * gap * gap.T for t, n in zip(other.sums, other.counts, strict=True)]
        )
        both.sums += other.sums + other.counts[:, None] * gap[:, 0]
        both.counts, both.angles, both.n = both.counts + other.counts, both.angles + other.angles, both.n + other.n
        both._rows = both._rows.astype(other._rows.dtype)
        both._keep(other._rows, other._order, other._number)
        return both

    @property
    def rows(self) -> np.ndarray:
        """The reservoir (at most `size`, width), in the order in which its rows came."""
        return self._rows[np.argsort(self._number)]

    @property
    def moments(self) -> Moments:
        """Block sums of all rows for FD."""
        counts = self.counts.astype(np.float64)
        if self.centre is None or self.n < 2:
            raise ValueError(f"stream: found {self.n} rows, wanted at least 2")
        if len(counts) > 1:
            use = counts > 0
            return Moments(self.n, self.counts[use], counts[use], counts[use], self.centre, self.sums[use],
                           self.squares[use])  # fmt: skip
        mean = self.sums[0] / self.n
        covariance = (self.squares[0] - self.n * np.outer(mean, mean)) / (self.n - 1)
        return Moments(self.n, self.counts, counts, counts, self.centre + mean, np.zeros((1, self.width)),
                       covariance[None])  # fmt: skip

    def arrays(self) -> dict[str, np.ndarray]:
        """All of it as arrays, to be stored or sent."""
        state = np.array([self.width, self.size, self.seed, self.start, self.n])
        centre = np.zeros(0) if self.centre is None else self.centre
        whole: dict[str, np.ndarray] = {
            "state": state, "centre": centre, "counts": self.counts, "sums": self.sums, "squares": self.squares,
            "angles": self.angles, "rows": self._rows, "order": self._order, "number": self._number,
        }  # fmt: skip
        return {name: array.copy() for name, array in whole.items()}

    @classmethod
    def of(cls, arrays: dict[str, np.ndarray]) -> Stream:
        """The stream that these arrays hold."""
        width, size, seed, start, n = map(int, arrays["state"])
        stream = cls(width, size, seed, start)
        stream.n, stream.centre = n, arrays["centre"] if len(arrays["centre"]) else None
        stream.counts, stream.sums = arrays["counts"], arrays["sums"]
        stream.squares, stream.angles = arrays["squares"], arrays["angles"]
        stream._rows, stream._order, stream._number = arrays["rows"], arrays["order"], arrays["number"]
        return stream

    def _draw(self, which: int, count: int) -> np.ndarray:
        """Numbers in [0, 1) of the next rows, which follow from where they are in the whole."""
        bits = np.random.PCG64([self.seed, which])
        bits.advance(self.start + self.n)
        return np.random.Generator(bits).random(count)

    def _keep(self, batch: np.ndarray, order: np.ndarray, number: np.ndarray) -> None:
        """Put rows into the reservoir; those that come last in the order have no place where it is full."""
        if (room := self.size - len(self._order)) > 0:
            self._rows = np.concatenate([self._rows, batch[:room]])
            self._order, self._number = np.append(self._order, order[:room]), np.append(self._number, number[:room])
            batch, order, number = batch[room:], order[room:], number[room:]
        if not len(batch):
            return
        both = np.concatenate([self._order, order])
        stay = np.zeros(len(both), bool)
        stay[np.argpartition(both, self.size - 1)[: self.size]] = True
        leave, come = np.flatnonzero(~stay[: self.size]), np.flatnonzero(stay[self.size :])
        self._rows[leave], self._order[leave], self._number[leave] = batch[come], order[come], number[come]
