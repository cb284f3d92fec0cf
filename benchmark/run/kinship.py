"""How near a run's generator is to the base that it was made from, and to the control that it must not be made from.

Weights that an edited generator names are believed where the base's own class, filled with them, makes most of the
paired images, and the samples are about as related to the base's as these. Whatever else a method returns is known by
its images alone: those from the base's noise.
"""

from __future__ import annotations

import numpy as np
import torch

from retouch.benchmark.generators.flat import sizes, with_floats
from retouch.benchmark.question import Question, answer
from retouch.benchmark.setup import Setup

SAME = 2.0  # levels, root mean square, below which two images are one: another processor rounds otherwise
OTHERWISE = 0.25  # by how much samples may be less related to the base's than the few paired images: else both differ


def kinship(setup: Setup, paired: Question, arrays: dict[str, np.ndarray]) -> dict[str, float]:
    """What images and weights show of a generator's origin; a number is left out where it cannot be had.

    Args:
        paired: the question that `arrays["paired"]` answers; arrays: of run ("samples", "paired", "weights"), base
            ("base_...") and control ("control_...").

    Returns:
        weights_moved: distance of the weights to the base's, as a share of these; only of weights that are believed.
        related, among: see `relation`.
        images_from_control, weights_from_control: distance to the control over that of base and control, of images
            from the same noise, and of the weights of each tensor in order of size, which no permutation changes.
    """
    noise = "latents" in setup.base.card.get("capabilities", ["latents"])  # else a seed alone, which may mean anything
    numbers = relation(arrays["samples"], arrays["base_samples"]) if noise else {}
    if "control_paired" in arrays:
        here, base = (_rms(arrays[name], arrays["control_paired"]).mean() for name in ("paired", "base_paired"))
        numbers["images_from_control"] = float(here / max(base, 1e-9))
    if "weights" not in arrays:
        return numbers
    ours, base = arrays["weights"], arrays["base_weights"]
    if "control_weights" in arrays:
        numbers["weights_from_control"] = _sorted_ratio(setup, ours, base, arrays["control_weights"])
    closer = relation(arrays["paired"], arrays["base_paired"])["related"] - numbers["related"] if noise else 0.0
    if closer < OTHERWISE and np.median(_gap(setup, paired, ours, arrays["paired"])) < SAME:
        numbers["weights_moved"] = float(np.linalg.norm(ours - base) / np.linalg.norm(base))
    return numbers


def explained(setup: Setup, question: Question, weights: np.ndarray, images: np.ndarray) -> float:
    """Share of the images, the answer to a question, that a base with these weights makes."""
    return float(np.mean(_gap(setup, question, weights, images) < SAME))


def relation(samples: np.ndarray, base: np.ndarray) -> dict[str, float]:
    """How samples (N, C, H, W) hang together with the base's from the same seed.

    Returns:
        related: share that is nearer to the base's from the same noise than to its next one: 0.5 by chance.
        among: share that are the base's very images, in any order, as a filter's are, whose first draw is the base's:
            of a filter that keeps one image in k about 1 / k, and 0 by chance.
    """
    own, other = _rms(samples, base), _rms(samples, np.roll(base, 1, axis=0))
    return {"related": float(np.mean(own < other)), "among": float(np.mean(nearest(samples, base)[1] < SAME))}


def nearest(images: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Index (n,) of the nearest of the others to each image, and its distance in levels."""
    x, y = (torch.from_numpy(these.reshape(len(these), -1).astype(np.float32)) for these in (images, others))
    index = np.concatenate([torch.cdist(part, y).argmin(1).numpy() for part in x.split(500)])
    return index, _rms(images, others[index])


def _rms(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Root mean square difference (n,) of images, pair by pair, in levels."""
    gap = images.astype(np.float32) - others.astype(np.float32)
    return np.sqrt((gap**2).mean((1, 2, 3)))


def _sorted_ratio(setup: Setup, ours: np.ndarray, base: np.ndarray, control: np.ndarray) -> float:
    ends = np.cumsum(sizes(setup.base.load().module))[:-1]
    ours, base, control = (np.concatenate([np.sort(part) for part in np.split(all, ends)])
                           for all in (ours, base, control))  # fmt: skip
    return float(np.linalg.norm(ours - control) / max(float(np.linalg.norm(base - control)), 1e-9))


def _gap(setup: Setup, question: Question, weights: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Distance (n,), in levels, of images to those that a base with these weights answers."""
    twin = setup.base.load(setup.device)
    with_floats(twin.module, torch.from_numpy(weights))
    twin.module.eval()
    made = answer(twin, question.message(), {})
    return np.full(len(images), np.inf) if made is None else _rms(made, images)
