"""Identity at equal change, for every method that rebalances an attribute, and on real images.

From the same noise base and edited generator make an image before and one after, whatever was edited; a method that
hands out other images instead keeps nobody's identity. Real images are edited through inversion: a latent of the base
is searched for each, and an editor moves that. See `tasks.edits`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from retouch import metrics
from retouch.benchmark import joint
from retouch.benchmark.question import Question
from retouch.benchmark.run import look
from retouch.benchmark.setup import Setup
from retouch.benchmark.support.cache import cache_folder, content_key, remembered
from retouch.benchmark.tasks import edits
from retouch.benchmark.tasks.view import View

TASK = "attribute_rebalancing"
REAL = 50  # held-out images that are inverted


def questions(setup: Setup, seed: int, noise: int) -> list[Question]:
    """Edits of held-out images through the latents that make them, or nearly; of editors of GANs alone."""
    if setup.instance.task != TASK or setup.instance.family != "gan":
        return []
    attributes = len(joint.names(setup.target["attribute"]))
    latents = np.tile(inverted(setup), (attributes, 1))  # each of them along each attribute
    return edits.questions("real", setup, latents, np.random.default_rng([seed, REAL]), noise)


def inverted(setup: Setup) -> np.ndarray:
    """Latents float32 (REAL, Z) of the base whose images are nearest to held-out ones; searched for once."""
    images = setup.held_out().images[:REAL]
    key = content_key(" ".join(["inverted", setup.base.sha256, *setup.where]), images)
    return remembered(cache_folder() / "base" / f"{key}.npz", lambda: {"latents": _search(setup, images)})["latents"]


def _search(setup: Setup, images: np.ndarray) -> np.ndarray:
    import torch

    from retouch.benchmark import attacks

    base: Any = setup.base.load(setup.device)
    base.module.eval().requires_grad_(False)
    return attacks.search(base, torch.from_numpy(images), torch.Generator().manual_seed(0)).float().cpu().numpy()


def measure(setup: Setup, view: View) -> tuple[dict[str, metrics.Estimate], dict[str, Any]]:
    """moved_share, moved_identity and the curve from the same noise; of editors those of real images, too."""
    if setup.instance.task != TASK:
        return {}, {}
    estimates, details = same_noise(setup, view)
    reals, curves = real(setup, view)
    return estimates | reals, details | curves


def same_noise(setup: Setup, view: View) -> tuple[dict[str, metrics.Estimate], dict[str, Any]]:
    """Each sample against the base's from the same noise; nothing of images that were made elsewhere."""
    if "base_samples" not in view.answers:
        return {}, {}
    base = look.verdict(setup, view.answers["base_samples"], again=True)  # all runs of a seed share it
    before, after = (edits.looks(view.judge, seen, setup.target["attribute"]) for seen in (base, view.verdict))
    found = edits.moves(before, after)
    return edits.far("moved_share", "moved_identity", found), {"moved_curve": edits.curve(found)}


def real(setup: Setup, view: View) -> tuple[dict[str, metrics.Estimate], dict[str, Any]]:
    """Edited real images: identity is that to the real image, inverted_identity what the middle value leaves of it."""
    names = [name for name in joint.names(setup.target["attribute"]) if f"real_{name}" in view.answers]
    if not names:
        return {}, {}
    images = setup.held_out().images[:REAL]
    answers = [view.answers[f"real_{name}"] for name in names]
    whose, made = (edits.looks(view.judge, view.judge.look(one), names[0]) for one in (images, answers[0][0]))
    found = edits.joined(
        [edits.of_answer(view.judge, edited, name, whose) for name, edited in zip(names, answers, strict=True)]
    )
    kept = edits.mean_identity("inverted_identity", edits.moves(whose, made).identity)
    return edits.far("real_reach", "real_identity", found) | kept, {"real_curve": edits.curve(found)}
