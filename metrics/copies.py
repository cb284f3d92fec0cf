"""Share of samples that copy training images, measured by what held-out images show.

No held-out image is a copy of a training image, yet each has a nearest one. So

(1)  D(x) = min over training images t of |x - t| / sqrt(d)      root mean square difference, in the images' units
(2)  threshold = the `quantile` of D over held-out images
(3)  copied = share of samples with D <= threshold, less the base's own share (without a base: less `quantile`)

which is 0 for samples that are as far from the training images as the base's, and near 1 for replayed ones.
Compare: authenticity (Alaa et al. 2022) takes a sample for a copy where it is nearer to its training image than any
other training image is, an own threshold for each, which duplicates among the training images set to 0; the
data-copying test (Meehan et al. 2020) compares all ranks of the samples' and held-out distances, where a few copies
among many samples do not show. Here the lower tail alone counts, and the answer is a share.
In pixels (1) finds replayed images, also noisy ones, and blends with a small second part. It does not find copies that
are flipped, moved, recoloured or blended half and half; for these measure in features of an encoder that looks
through such changes, by the same function.
"""

import numpy as np

from retouch.metrics.checks import as_features, as_images, unmasked
from retouch.metrics.engine.balls import pair_distance2
from retouch.metrics.estimate import Estimate, wilson

ROWS = 1000  # points, and training images, whose products are held at a time


def copied(
    samples: np.ndarray,
    training: np.ndarray,
    held_out: np.ndarray,
    *,
    base: np.ndarray | None = None,
    quantile: float = 0.02,
    level: float = 0.95,
    device: str = "cpu",
) -> Estimate:
    """Share of samples nearer to a training image than the `quantile` of held-out images is, less the base's share.

    All sets: uint8 images (n, C, H, W), or features (n, d) of one encoder. In [-1, 1]. `plain` is the samples' own
    share, `floor` that of the base (of held-out images, where none is named).
    """
    ours, theirs = (nearest_distances(points, training, device) for points in (samples, held_out))
    bases = None if base is None else nearest_distances(base, training, device)
    return copied_share(ours, theirs, bases, quantile, level=level)


def copied_share(
    samples: np.ndarray,
    held_out: np.ndarray,
    base: np.ndarray | None = None,
    quantile: float = 0.02,
    *,
    level: float = 0.95,
) -> Estimate:
    """`copied` from distances to the nearest training image that `nearest_distances` has measured before, each (n,).

    The interval holds the sampling of samples and base (Newcombe 1998, from Wilson's intervals, so never empty) and
    that of the threshold: the difference at the ends of an interval for the quantile of the held-out distances. Covers
    94% where copies are well below the threshold, 86% where they crowd right below it.
    """
    if not 0 < quantile < 1:
        raise ValueError(f"quantile: found {quantile}, wanted a number between 0 and 1")
    if len(held_out) < 1 / quantile:
        raise ValueError(
            f"held_out: found {len(held_out)} images, wanted at least {round(1 / quantile)} for a quantile "
            f"of {quantile:g}"
        )
    ends = wilson(quantile, len(held_out), level)
    threshold, least, most = np.quantile(held_out, [quantile, *ends])
    value, low, high = _difference(samples, base, threshold, quantile, level)
    others = [_difference(samples, base, other, quantile, level)[0] for other in (least, most)]
    low = value - np.hypot(value - low, value - min(*others, value))
    high = value + np.hypot(high - value, max(*others, value) - value)
    floor = quantile if base is None else np.mean(base <= threshold)
    note = f"threshold {threshold:.3g}"
    return Estimate(
        value, max(low, -1.0), min(high, 1.0), len(samples), np.mean(samples <= threshold), note, floor=floor
    )


def nearest_distances(points: np.ndarray, training: np.ndarray, device: str = "cpu") -> np.ndarray:
    """(1) of every point (n,), float64: products in float32 name the nearest training image, float64 measures it.

    Both: uint8 images (n, C, H, W), in levels 0..255, or features (n, d). Holds `ROWS` x `ROWS` products at a time.
    """
    import torch

    points, training = _flat(points, "samples"), _flat(training, "training")
    if points.shape[1] != training.shape[1]:
        raise ValueError(
            f"samples and training: found {points.shape[1]} and {training.shape[1]} values each, wanted as many"
        )
    kind = np.float64 if training.dtype == np.float64 else np.float32
    centre = training.mean(0, dtype=np.float64).astype(kind)
    best = torch.full((len(points),), -torch.inf, device=device, dtype=torch.from_numpy(centre).dtype)
    index = torch.zeros(len(points), dtype=torch.int64, device=device)
    for first in range(0, len(training), ROWS):
        theirs = torch.from_numpy(training[first : first + ROWS] - centre).to(device)
        half = theirs.square().sum(1) / 2
        for start in range(0, len(points), ROWS):
            rows = slice(start, start + ROWS)
            ours = torch.from_numpy(points[rows] - centre).to(device)
            score, where = (ours @ theirs.T - half).max(1)  # |u - v|^2 = |u|^2 - 2 (u.v - |v|^2 / 2)
            nearer = score > best[rows]
            best[rows] = torch.where(nearer, score, best[rows])
            index[rows] = torch.where(nearer, where + first, index[rows])
    distance2 = pair_distance2(points, np.arange(len(points)), training, index.cpu().numpy())
    return np.sqrt(distance2 / points.shape[1])


def _difference(
    samples: np.ndarray, base: np.ndarray | None, threshold: float, quantile: float, level: float
) -> tuple[float, float, float]:
    """(3) at a threshold, with Newcombe's interval of a difference of shares."""
    p = float(np.mean(samples <= threshold))
    low, high = wilson(p, len(samples), level)
    if base is None:
        return p - quantile, low - quantile, high - quantile
    q = float(np.mean(base <= threshold))
    least, most = wilson(q, len(base), level)
    return p - q, p - q - float(np.hypot(p - low, most - q)), p - q + float(np.hypot(high - p, q - least))


def _flat(points: np.ndarray, name: str) -> np.ndarray:
    """Images as rows of pixels, uint8; features as they are."""
    points = unmasked(points, name)
    if points.ndim == 2:
        return as_features(points, name, 1)
    return as_images(points, name).reshape(len(points), -1)
