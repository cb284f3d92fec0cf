"""The nearest others of every point, from tiles of pairs that come in any order: float32 proposes, float64 decides.

Each point keeps a list of the few best so far. A pair of a later tile is a candidate if it is better than the worst in
its owner's list; candidates wait until their owner has seen as many tiles as its list rests on, and are merged at once:
lists are then sorted a few times for each point, not once for each tile.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from retouch.metrics.engine.balls import pair_distance2

if TYPE_CHECKING:
    from torch import Tensor

SPARE = 2  # candidates beyond k + 1, in case float32 has swapped near-ties
HITS = 16  # more candidates than this for each owner in a tile, on average: sort the tile


class Nearest:
    """The best few others of n points: the score of a pair is the larger the nearer they are."""

    def __init__(self, n: int, k: int, like: Tensor) -> None:
        """like: a tensor with the scores' type and device."""
        import torch

        self.k, self.width = k, min(k + 1 + SPARE, n - 1)
        self.best = torch.full((n, self.width), -torch.inf, dtype=like.dtype, device=like.device)
        self.index = torch.zeros((n, self.width), dtype=torch.int64, device=like.device)
        self._waiting: dict[tuple[int, int], list[tuple[Tensor, Tensor, Tensor]]] = defaultdict(list)  # by their owners
        self._tiles: dict[tuple[int, int], int] = defaultdict(int)  # that the owners' lists rest on

    def add(self, owners: slice, others: slice, score: Tensor, axis: int) -> None:
        """Take a tile's scores; the owners of the lists are its rows (axis 1) or its columns (axis 0)."""
        import torch

        key = (owners.start, owners.stop)
        least, waiting = self.best[owners, -1], self._waiting[key]
        flat = None if torch.isinf(least).any() else places(score, least[:, None] if axis == 1 else least)
        if flat is None or len(flat) > HITS * len(least):
            score = score if axis == 1 else score.T.contiguous()
            value, other = score.topk(min(self.width, score.shape[1]), dim=1)
            self._merge(owners, value, other + others.start)
            self._tiles[key] += 1
            return
        place = torch.from_numpy(flat).to(score.device)
        row, column = place // score.shape[1], place % score.shape[1]
        owner, other = (row, column) if axis == 1 else (column, row)
        waiting.append((owner, other + others.start, score.flatten()[place]))
        if len(waiting) >= self._tiles[key]:
            self._settle(key)

    def radii(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Exact squared distances (n, 2) to the k-th and the (k+1)-th nearest, and the k nearest (n, k)."""
        for key in self._waiting:
            self._settle(key)
        index = self.index.cpu().numpy()
        n, first = len(index), max(self.k - 2, 0)  # the nearest ones are certain; from here on float64 decides
        close = index[:, first:]
        owner = np.repeat(np.arange(n), close.shape[1])
        distance2 = pair_distance2(points, owner, points, close.ravel()).reshape(close.shape)
        order = np.argsort(distance2, axis=1, kind="stable")
        ranked = np.take_along_axis(distance2, order, 1)[:, self.k - 1 - first : self.k + 1 - first]
        radii2 = np.full((n, 2), np.inf)
        radii2[:, : ranked.shape[1]] = ranked
        return radii2, np.concatenate([index[:, :first], np.take_along_axis(close, order, 1)], 1)[:, : self.k]

    def _settle(self, key: tuple[int, int]) -> None:
        """Merge the candidates that wait for some owners into their lists."""
        import torch

        waiting = self._waiting[key]
        if not waiting:
            return
        owner, other, value = (torch.cat(parts) for parts in zip(*waiting, strict=True))
        owner, order = owner.sort(stable=True)
        counts = torch.bincount(owner, minlength=key[1] - key[0])
        slot = torch.arange(len(owner), device=owner.device) - (counts.cumsum(0) - counts)[owner]
        shape = key[1] - key[0], int(counts.max())
        values = torch.full(shape, -torch.inf, dtype=value.dtype, device=value.device)
        others = torch.zeros(shape, dtype=torch.int64, device=value.device)
        values[owner, slot], others[owner, slot] = value[order], other[order]
        self._merge(slice(*key), values, others)
        self._tiles[key] += len(waiting)
        waiting.clear()

    def _merge(self, owners: slice, value: Tensor, other: Tensor) -> None:
        """Keep the best of the owners' lists and of these values (owners, any number)."""
        import torch

        self.best[owners], order = torch.cat([self.best[owners], value], 1).topk(self.width, dim=1)
        self.index[owners] = torch.cat([self.index[owners], other], 1).gather(1, order)


def places(score: Tensor, least: Tensor) -> np.ndarray:
    """Flat places of the few scores >= least (broadcast); on the CPU numpy compares and looks three times faster."""
    if score.device.type == "cpu":
        return np.flatnonzero(score.numpy() >= least.numpy())
    return (score >= least).flatten().nonzero()[:, 0].cpu().numpy()
