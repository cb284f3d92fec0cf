"""Distances to the nearest training image that see through what hides a copy: a flip, a shift, new colours, a blend.

Both take uint8 images and are read like `nearest_distances`: what counts is how many samples lie nearer than held-out
images do (`copied_share`), for held-out images, too, gain from every disguise that is tried on them.
"""

import numpy as np

from retouch.metrics.checks import as_images, unmasked
from retouch.metrics.copies import nearest_distances

FLAT = 4.0  # levels added to a channel's spread, so that rounding does not decide where a channel is flat
CANDIDATES = 40  # training images nearest to a sample, and as many most correlated with it, whose blends are tried
PURSUED = 4  # of these, whose blends with every training image are tried
SOLID = 1e-3  # squared distance of two training images below which they are one


def view_distances(images: np.ndarray, training: np.ndarray, device: str = "cpu") -> np.ndarray:
    """Distance (n,) to the nearest training image, flipped or not, shifted by at most a pixel, in any colours.

    In any colours: each channel of each image has its mean taken out and is divided by its spread. The outermost
    pixels are left out, for a shift fills them anew. Root mean square of differences in these units.
    """
    images, training = (as_images(unmasked(these, name)) for these, name in
                        ((images, "samples"), (training, "training")))  # fmt: skip
    height, width = images.shape[-2:]
    theirs = _colourless(training[..., 1:-1, 1:-1])
    views = [
        _colourless(side[..., down : height - 2 + down, right : width - 2 + right])
        for side in (images, images[..., ::-1])
        for down in range(3)
        for right in range(3)
    ]
    return np.min([nearest_distances(view, theirs, device) for view in views], axis=0)


def _colourless(images: np.ndarray) -> np.ndarray:
    """Rows float32 (n, C H W) of images whose channels have mean 0 and, but for FLAT, spread 1."""
    x = images.astype(np.float32)
    x = x - x.mean((2, 3), keepdims=True)
    return (x / (x.std((2, 3), keepdims=True) + FLAT)).reshape(len(x), -1)


def blend_distances(images: np.ndarray, training: np.ndarray) -> np.ndarray:
    """Distance (n,), in levels, to the nearest blend a t + (1 - a) u of two training images, or to its mirror image.

    Tried are all pairs among the 2 x CANDIDATES likely parents of each image, and the pairs of the PURSUED nearest
    with any other training image: the second part of a blend may be too small to be likely on its own.
    """
    images, training = (as_images(unmasked(these, name)) for these, name in
                        ((images, "samples"), (training, "training")))  # fmt: skip
    t = training.reshape(len(training), -1).astype(np.float32)
    sides = (side.reshape(len(images), -1).astype(np.float32) for side in (images, images[..., ::-1]))
    centre = t.mean(0)
    best = np.min([_to_blends(x - centre, t - centre) for x in sides], axis=0)
    return np.sqrt(np.maximum(best, 0) / t.shape[1])


def _to_blends(x: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Squared distances (n,) of x (n, d) to the blends of t (training, d)."""
    size = (t**2).sum(1)
    product = x @ t.T  # (n, training)
    far = (x**2).sum(1)[:, None] + size - 2 * product  # squared distances
    near = _least(far)
    alike = _least(-product / np.sqrt(size + SOLID))
    parents = np.concatenate([near, alike], 1)
    best = np.array([_best_pair(far[i, rows], product[i, rows], t[rows]) for i, rows in enumerate(parents)])
    for column in near[:, :PURSUED].T:
        to_t, x_t = (np.take_along_axis(values, column[:, None], 1) for values in (far, product))
        rest = _squared(to_t, product, size, x_t, size[column][:, None], t[column] @ t.T)
        best = np.minimum(best, rest.min(1))
    return best


def _least(scores: np.ndarray) -> np.ndarray:
    """Columns (n, CANDIDATES) of each row's smallest scores, the smallest first."""
    few = np.argpartition(scores, min(CANDIDATES, scores.shape[1]) - 1, 1)[:, :CANDIDATES]
    return np.take_along_axis(few, np.argsort(np.take_along_axis(scores, few, 1), 1), 1)


def _best_pair(far: np.ndarray, product: np.ndarray, parents: np.ndarray) -> float:
    """Least squared distance of an image to a blend of two of its parents (k, d)."""
    gram = parents @ parents.T
    size = np.diag(gram)
    return float(_squared(far[:, None], product[None], size[None], product[:, None], size[:, None], gram).min())


def _squared(
    far: np.ndarray, other: np.ndarray, other_size: np.ndarray, first: np.ndarray, size: np.ndarray, gram: np.ndarray
) -> np.ndarray:
    """Squared distance of x to the segment from t to u: |x - t|^2 - 2 a p + a^2 |u - t|^2, at its best a in [0, 1].

    far: |x - t|^2; other, first: x.u and x.t; other_size, size: |u|^2 and |t|^2; gram: t.u. p = (x - t).(u - t).
    """
    along = other - first - gram + size
    length = other_size + size - 2 * gram
    a = np.clip(along / np.maximum(length, SOLID), 0, 1)
    return far - 2 * a * along + a**2 * length
