"""How long a face stays the same person while an attribute is moved: the curve of the self-conditioned GAN's paper."""

from dataclasses import dataclass

import numpy as np

from retouch.metrics.checks import as_vector
from retouch.metrics.estimate import Estimate, over_images


@dataclass(frozen=True)
class Curve:
    """Mean identity similarity in bins of attribute change. An empty bin holds None, not 0."""

    edges: tuple[float, ...]  # (bins + 1,)
    counts: tuple[int, ...]  # images in each bin
    means: tuple[Estimate | None, ...]


def identity_curve(
    similarity: np.ndarray,
    change: np.ndarray,
    bins: int | np.ndarray = 10,
    *,
    level: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> Curve:
    """similarity, change: (n,), of the edited image to its original. bins: a number, or increasing edges.

    A change outside the edges belongs to no bin. Interval of each mean: bootstrap over the images of the bin.
    """
    similarity, change = as_vector(similarity, "similarity"), as_vector(change, "change")
    if len(similarity) != len(change):
        raise ValueError(
            f"similarity and change: found {len(similarity)} and {len(change)} values, wanted one pair an image"
        )
    edges = np.histogram_bin_edges(change, bins)
    if len(edges) < 2 or np.any(np.diff(edges) <= 0):
        raise ValueError(f"bins: found {bins!r}, wanted a positive number or increasing edges")
    where = np.digitize(change, edges[1:-1])  # 0 .. bins-1; the last bin includes its upper edge
    inside = (change >= edges[0]) & (change <= edges[-1])
    rng = np.random.default_rng(seed)
    groups = [similarity[inside & (where == b)] for b in range(len(edges) - 1)]
    means = tuple(over_images(g, rng, draws, level) if len(g) else None for g in groups)
    return Curve(tuple(edges.tolist()), tuple(len(g) for g in groups), means)
