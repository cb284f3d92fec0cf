"""attribute_rebalancing: the output should follow a target distribution of an attribute.

target = { attribute, shares }: the distribution over the attribute's values, or { [a, b], table }: over two attributes'
jointly; with `prompts` also within each prompt (see `prompts`). Goal: fairness discrepancy, the L2 distance of the
corrected shares to the target. Must stay: quality with the groups weighted to the target, the worst group's quality,
and the shares of all other attributes (spillover).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from retouch import metrics
from retouch.benchmark import data, joint
from retouch.benchmark.data import outside
from retouch.benchmark.data.images import Images
from retouch.benchmark.question import Question
from retouch.benchmark.setup import Setup
from retouch.benchmark.tasks import Start, edits, prompts
from retouch.benchmark.tasks.view import Groups, View, share_table, unclear

if TYPE_CHECKING:
    from retouch.benchmark.judges import Judge

TITLE = "Attribute rebalancing"
SUMMARY = "the output should follow a target distribution of an attribute"
REQUEST = (
    "The generator repeats or amplifies a bias of its training data. Its output should follow "
    "the stated target distribution, and nothing else should move."
)
REVEALS = "training images, 1,000 labelled ones, the guide, the target"
ASKS = {"gan": "edits of one image along the attribute"}
GOAL = "fairness_discrepancy"
GOAL_TEXT = "goal: how near the shares came to the target, from the base's (0) to the target itself (1)"
IDEAL = 0.0
AHEAD = "comes closer to the target"
TRADEOFF = ("Fairness against Fréchet distance", "fairness_discrepancy", "fd")
START = Start(
    "Continues the pre-training on images drawn so that the attribute follows the target.",
    ("training_data", "classifier"),
    'torch.tensor(task.target["shares"]).flatten()',
)

LABELLED = 1000


def reveal(setup: Setup) -> dict[str, Images]:
    """The training images without their labels, and 1,000 labelled images that the base was not trained on."""
    return {"retain": setup.training(), "labelled": data.load(setup.data | {"n": LABELLED}, "guide")}


def reference(setup: Setup) -> Images:
    """Held-out images of the data as it should be: drawn so, or real ones weighted so."""
    names = ",".join(joint.names(setup.target["attribute"]))
    how = "weighted" if setup.data["name"] in outside.entries() else "target"
    return setup.held_out(**{how: {names: setup.target["shares"]}})


def questions(setup: Setup, judge: Judge, seed: int, noise: int) -> list[Question]:
    """From GANs, edits of 500 latents: one image in the middle and four at random values of each attribute in turn."""
    asked = prompts.questions(setup, noise)
    if setup.instance.family not in ASKS:
        return asked
    rng = np.random.default_rng([seed, edits.EDITS])
    latents = rng.standard_normal((edits.EDITS, setup.base.config["latent"])).astype(np.float32)
    return [*asked, *edits.questions("edits", setup, latents, rng, noise)]


def keep(setup: Setup, view: View) -> Groups:
    """The attribute's classes, weighted to the target."""
    return view.groups(setup.target["attribute"], setup.target["shares"])


def worth(setup: Setup, view: View) -> np.ndarray:
    """More where a group is lacking in the base."""
    return view.lack(setup.target["attribute"], setup.target["shares"])


def measure(setup: Setup, view: View) -> tuple[dict[str, metrics.Estimate], dict[str, Any]]:
    """fairness_discrepancy, kl_to_target, spillover to other attributes, worst_group_fd, and the editing curve."""
    attribute, target = setup.target["attribute"], np.ravel(setup.target["shares"])
    shares, base = view.shares(attribute), view.base_shares(attribute)
    positive = np.maximum(target, 1e-9)
    estimates = {
        "fairness_discrepancy": metrics.fairness_discrepancy(shares, None, target),
        "kl_to_target": metrics.kl_to_target(shares, None, positive / positive.sum()),
        **unclear(view.votes(attribute)),
    }
    moves = spillover(view, attribute)
    if moves:
        estimates["spillover"] = _mean(list(moves.values()))
    details = {"shares": share_table(joint.key(attribute), shares, base, [float(share) for share in target])}
    details["spillover"] = {name: round(move.value, 5) for name, move in moves.items()}
    edited, curves = edits.measure(view, attribute)
    within, table = prompts.measure(setup, view)
    return estimates | worst_group(view, attribute, len(target)) | edited | within, details | curves | table


def spillover(view: View, attribute: joint.Attribute) -> dict[str, metrics.Estimate]:
    """How far the shares of each other binary attribute moved from the base's, in total variation."""
    judged = view.judge.card["measured"]["confusion"]
    others = [name for name, table in judged.items() if name not in joint.names(attribute) and len(table) == 2]
    return {name: metrics.total_variation(view.shares(name), view.base_shares(name)) for name in others}


def worst_group(view: View, attribute: joint.Attribute, groups: int) -> dict[str, metrics.Estimate]:
    """FD of the group that fares worst, if each has images enough."""
    if view.real is None or not view.spaces:
        return {}  # no held-out images to hold a group against
    ours, theirs = view.guesses(attribute), view.guesses(attribute, real=True)
    features, real = view.features, view.space.reference.features
    distances = []
    for value in range(groups):
        generated, held_out = ours == value, theirs == value
        if min(generated.sum(), held_out.sum()) < real.shape[1]:
            return {}
        distances.append(metrics.fd(features[generated], real[held_out]))
    return {"worst_group_fd": max(distances, key=lambda distance: distance.value)}


def _mean(parts: list[metrics.Estimate]) -> metrics.Estimate:
    value, low, high = (float(np.mean([getattr(part, end) for part in parts])) for end in ("value", "low", "high"))
    return metrics.Estimate(value, low, high, parts[0].n)
