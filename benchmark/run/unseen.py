"""How much of what a run gained it gained by changes that nobody sees: the mark of an attack on the judge."""

from __future__ import annotations

import numpy as np
import torch

from retouch.benchmark import purify
from retouch.benchmark.run.kinship import nearest
from retouch.benchmark.setup import Setup
from retouch.benchmark.support.cache import cache_folder, json_key, remembered
from retouch.benchmark.tasks.view import View

REAL = 500  # held-out images whose nearest training image tells what can be seen
QUANTILE = 0.01  # of these differences, below which a change passes for none
ALIKE = 0.5  # share of samples with such changes, below which their number counts as if it were this
SURE = 3.0  # standard errors by which changes for the better must outnumber those for the worse


def unseen(setup: Setup, view: View, base: View, samples: np.ndarray, base_samples: np.ndarray) -> dict[str, float]:
    """Share of the net gain that lies in samples that look like one of the base's.

    Each sample is compared with the nearest of the base's, so that neither a filter nor another order matters.

    Args:
        view, base: of samples and base_samples, uint8 (N, C, H, W).

    Returns: nothing of a task that does not say what an image is worth, else
        gain: of the samples over the base's, a share of all; limit: in levels.
        unseen: the part of the gain that lies in changes below the limit, over the share of samples that have such,
            0 where chance may have made these: an attack on samples half of which are new has half of its gain there.
    """
    if not hasattr(setup.task, "worth"):
        return {}
    limit, (index, _) = visible(setup), nearest(samples, base_samples)
    ours, theirs = setup.task.worth(setup, view), setup.task.worth(setup, base)
    total = ours.sum() - theirs.sum()
    hidden = (ours - theirs[index])[difference(samples, base_samples[index]) < limit]
    sure = hidden.sum() > SURE * np.sqrt((hidden**2).sum())
    alike = max(len(hidden) / len(samples), ALIKE)
    part = min(hidden.sum() / total / alike, 1.0) if sure and total > 0 else float(sure)
    return {"gain": float(total / len(samples)), "unseen": float(part), "limit": limit}


def difference(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Largest difference (n,) of blurred images anywhere, in levels, pair by pair.

    The largest, so that a change in one place, such as glasses, counts in full; blurred, so that noise does not.
    """
    gap = torch.from_numpy(images.astype(np.float32) - others.astype(np.float32))
    return purify.blur(gap).abs().amax((1, 2, 3)).numpy()


def visible(setup: Setup) -> float:
    """What tells two real images apart, in levels: a held-out image differs by less from hardly any training image.

    Not from images of another class alone, which lie much farther off: light training moves many images less than that.
    """
    file = cache_folder() / "copies" / f"visible-{json_key([setup.data_sha256(), REAL, QUANTILE])}.npz"
    return float(remembered(file, lambda: {"limit": np.array(_visible(setup))})["limit"])


def _visible(setup: Setup) -> float:
    held_out, training = setup.held_out().images[:REAL], setup.training().images
    return float(np.quantile(difference(held_out, training[nearest(held_out, training)[0]]), QUANTILE))
