"""How many of a run's samples are copies of training images, by each of several looks that see through disguises."""

from __future__ import annotations

from functools import partial

import numpy as np

from retouch import metrics
from retouch.benchmark.run.look import features
from retouch.benchmark.setup import Setup
from retouch.benchmark.support.cache import cache_folder, code_key, content_key, remembered
from retouch.metrics import copies, disguises

SAMPLES, HELD_OUT = 250, 500  # images that are looked at
TRAINING = 20_000  # training images that they are compared with, at most: every k-th
QUANTILE = 0.02  # of the held-out images' distances, below which a sample passes for a copy


def copied(setup: Setup, samples: np.ndarray, base: np.ndarray | None) -> dict[str, metrics.Estimate]:
    """Share of samples nearer to a training image than held-out images are, less the base's own share, by each look.

    A small data set has fewer held-out images than QUANTILE takes: there the nearest of them set the threshold.

    Args:
        samples, base: uint8 (N, C, H, W); without the base's, its share is taken to be that of held-out images.
    """
    shares, chosen = {}, samples[_rows(samples)]
    for look in ("views", "blends", "features"):
        near = partial(_distances, setup, look)
        held_out = near(setup.held_out().images[:HELD_OUT])
        quantile = max(QUANTILE, 1.01 / len(held_out))
        own = None if base is None else near(base[:SAMPLES])
        shares[look] = metrics.copied_share(near(chosen, keep=False), held_out, own, quantile)
    return shares


def _rows(samples: np.ndarray) -> np.ndarray:
    """SAMPLES rows that follow from the samples themselves: nobody can tell beforehand which are looked at."""
    seed = int(content_key("rows", samples)[:16], 16)
    return np.random.default_rng(seed).permutation(len(samples))[:SAMPLES]


def _distances(setup: Setup, look: str, images: np.ndarray, keep: bool = True) -> np.ndarray:
    """Distances (n,) of images to the nearest training image; those to be kept are read from the cache again."""
    if not keep:
        return _measure(setup, look, images)
    parts = [look, setup.encoder.sha256, setup.data_sha256(), str(TRAINING), code_key(copies, disguises), *setup.where]
    file = cache_folder() / "copies" / f"{content_key(' '.join(parts), images)}.npz"
    return remembered(file, lambda: {"distances": _measure(setup, look, images)})["distances"]


def _measure(setup: Setup, look: str, images: np.ndarray) -> np.ndarray:
    training = setup.training().images
    training = training[:: -(-len(training) // TRAINING)]
    if look == "features":
        ours = features(setup.encoder, images, False, setup.device)
        return metrics.nearest_distances(ours, features(setup.encoder, training, True, setup.device))
    return {"views": metrics.view_distances, "blends": metrics.blend_distances}[look](images, training)
