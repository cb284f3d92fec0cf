"""Whether a base gives its training images back: how near its samples come to them, against how near others come."""

import numpy as np
import torch

from retouch import metrics

NEAR = 0.02  # of held-out images lie nearer to a training image than the distance that counts as near


def nearest_distances(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Root mean square pixel distance, in levels of 255, from each of uint8 images (N, C, H, W) to its nearest of
    `others` (M, C, H, W).
    """
    a, b = (torch.from_numpy(x.reshape(len(x), -1)).float() for x in (images, others))
    nearest = torch.cat([torch.cdist(part, b).amin(1) for part in a.split(250)])
    return (nearest / a.shape[1] ** 0.5).numpy()


def memorising(samples: np.ndarray, train: np.ndarray, held: np.ndarray) -> dict[str, object]:
    """Distances to the nearest training image, of samples and of held-out images; uint8 (N, C, H, W) each.

    "near": share of samples nearer than the 2% quantile of held-out images', with its interval; 0.02 is what a base
    that memorises nothing shows.
    """
    ours, theirs = nearest_distances(samples, train), nearest_distances(held, train)
    share = float((ours <= np.quantile(theirs, NEAR)).mean())
    low, high = metrics.wilson(share, len(ours))
    quantiles = {name: [round(float(q), 2) for q in np.quantile(values, [0.02, 0.5, 0.98])]
                 for name, values in (("samples", ours), ("held_out", theirs))}  # fmt: skip
    return {"near": {"value": round(share, 4), "low": round(low, 4), "high": round(high, 4)}, "levels": quantiles}
