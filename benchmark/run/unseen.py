"""How much of what a run gained it gained by changes that nobody sees: the mark of an attack on the judge."""

from __future__ import annotations

import numpy as np
import torch

from retouch.benchmark import joint, purify
from retouch.benchmark.data.images import Images
from retouch.benchmark.run.kinship import nearest
from retouch.benchmark.setup import Setup
from retouch.benchmark.support.cache import cache_folder, json_key, remembered
from retouch.benchmark.tasks.view import View

REAL = 500  # held-out images whose nearest training image of another class tells what can be seen
QUANTILE = 0.01  # of these differences, below which a change passes for none
SURE = 3.0  # standard errors by which changes for the better must outnumber those for the worse


def unseen(setup: Setup, view: View, base: View, samples: np.ndarray, base_samples: np.ndarray) -> dict[str, float]:
    """Share of the net gain that lies in samples that look like one of the base's.

    Each sample is compared with the nearest of the base's, so that neither a filter nor another order matters.

    Args:
        view, base: of samples and base_samples, uint8 (N, C, H, W).

    Returns:
        gain: of the samples over the base's, a share of all; limit: in levels.
        unseen: the part of the gain that lies in changes below the limit, 0 where chance may have made these.
    """
    limit, (index, _) = visible(setup), nearest(samples, base_samples)
    ours, theirs = worth(setup, view), worth(setup, base)
    total = ours.sum() - theirs.sum()
    hidden = (ours - theirs[index])[difference(samples, base_samples[index]) < limit]
    sure = hidden.sum() > SURE * np.sqrt((hidden**2).sum())
    part = hidden.sum() / total if sure and total > 0 else float(sure)
    return {"gain": float(total / len(samples)), "unseen": float(part), "limit": limit}


def worth(setup: Setup, view: View) -> np.ndarray:
    """What each image is worth (N,): of two that differ by 1 the better one is as the task wants it.

    Of a removal, 1 for every image that may stay; elsewhere 0.5 for one of a class that should be more frequent than
    in the base, -0.5 for one that should be rarer; where judges disagree, the mean of what they see.
    """
    if "values" in setup.target:
        return (setup.task.keep(setup, view) > 0).astype(float)
    attribute = setup.target["attribute"]
    classes = len(view.confusion(attribute))
    counts = np.array(setup.anchors["counts"][joint.key(attribute)], float)[:classes]  # behind these, unclear images
    wanted = np.ravel(setup.target.get("shares", np.full(classes, 1 / classes)))
    return 0.5 * np.sign(wanted - counts / counts.sum())[view.guesses(attribute)]


def difference(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Largest difference (n,) of blurred images anywhere, in levels, pair by pair.

    The largest, so that a change in one place, such as glasses, counts in full; blurred, so that noise does not.
    """
    gap = torch.from_numpy(images.astype(np.float32) - others.astype(np.float32))
    return purify.blur(gap).abs().amax((1, 2, 3)).numpy()


def visible(setup: Setup) -> float:
    """The difference, in levels, that real images of two classes have at least, but for QUANTILE of them."""
    key = json_key([setup.data_sha256(), setup.target["attribute"], REAL, QUANTILE])
    file = cache_folder() / "copies" / f"visible-{key}.npz"
    return float(remembered(file, lambda: {"limit": np.array(_visible(setup))})["limit"])


def _visible(setup: Setup) -> float:
    held_out, training = setup.held_out()[slice(REAL)], setup.training()
    ours, theirs = (_classes(images, setup.target["attribute"]) for images in (held_out, training))
    gaps = []
    for value in np.unique(ours):
        mine, others = held_out.images[ours == value], training.images[theirs != value]
        gaps.append(difference(mine, others[nearest(mine, others)[0]]))
    return float(np.quantile(np.concatenate(gaps), QUANTILE))


def _classes(images: Images, attribute: joint.Attribute) -> np.ndarray:
    sizes = {name: int(images.labels[name].max()) + 1 for name in joint.names(attribute)}
    return joint.cells(images.labels, attribute, sizes)
