"""attribute_rebalancing: the output should follow a target distribution of an attribute.

target = { attribute, shares }: the distribution over the attribute's values, or { [a, b], table }: over two attributes'
jointly. Goal: fairness discrepancy, the L2 distance of the corrected shares to the target. Must stay: quality with the
groups weighted to the target, the worst group's quality, and the shares of all other attributes (spillover).
"""

from typing import Any

import numpy as np

from retouch import metrics
from retouch.benchmark import data, joint
from retouch.benchmark.data.images import Images
from retouch.benchmark.tasks import View, held_out, pretrain_recipe, training
from retouch.benchmark.tasks.category_redaction import share_table
from retouch.benchmark.tracks import Instance

SUMMARY = "the output should follow a target distribution of an attribute"
GOAL = "fairness_discrepancy"
LABELLED = 1000
EDITS, VALUES = 500, 5  # latents whose images an editor moves along the attribute: the middle and four other values
CHANGES = np.linspace(0, 1, 11)  # bins of the editing curve: change of the judge's probability of the attribute
MOVED = 0.5  # change from which an edit counts as one


def reveal(instance: Instance) -> dict[str, Images]:
    """The training images without their labels, and 1,000 labelled images that the base was not trained on."""
    spec = dict(pretrain_recipe(instance.base)["data"])
    return {"retain": training(instance), "labelled": data.load(spec | {"n": LABELLED}, "guide")}


def reference(instance: Instance) -> Images:
    """Held-out images of the data as it should be."""
    names = ",".join(joint.names(instance.target["attribute"]))
    return held_out(instance.base, target={names: instance.target["shares"]})


def keep(instance: Instance, view: View) -> np.ndarray:
    """Target share over found share of the group that the judge puts an image in."""
    return group_weights(view.labels(instance.target["attribute"]), np.ravel(instance.target["shares"]))


def group_weights(labels: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Weights (N,) with which the groups in `labels` have the shares `target`; groups nobody is in are left out."""
    found = np.bincount(labels, minlength=len(target)) / len(labels)
    return np.divide(target, found, out=np.zeros(len(target)), where=found > 0)[labels]


def measure(instance: Instance, view: View) -> tuple[dict[str, metrics.Estimate], dict[str, Any]]:
    """fairness_discrepancy, kl_to_target, spillover: the mean move of the other binary attributes' shares."""
    attribute, target = instance.target["attribute"], np.ravel(instance.target["shares"])
    confusion = view.confusion(attribute)
    shares = metrics.shares(view.labels(attribute), confusion)
    base = metrics.shares(view.counted(attribute), confusion)
    found = {
        "fairness_discrepancy": metrics.fairness_discrepancy(shares, None, target),
        "kl_to_target": metrics.kl_to_target(shares, None, np.maximum(target, 1e-9) / np.maximum(target, 1e-9).sum()),
    }
    judged = view.judge.card["measured"]["confusion"]
    others = [name for name, table in judged.items() if name not in joint.names(attribute) and len(table) == 2]
    moves = {name: _move(view, name) for name in others}
    if moves:
        found["spillover"] = _mean(list(moves.values()))
    details = {"shares": share_table(joint.key(attribute), shares, base, [float(p) for p in target])}
    details["spillover"] = {name: round(move.value, 5) for name, move in moves.items()}
    if "edits" in view.answers:
        curve = editing_curve(view, attribute)
        found |= curve[0]
        details["identity_curve"] = curve[1]
    return found, details


def edits_asked(latent: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """What an editor is asked for: latents (500, latent) and values (5, 500) of the attribute, the first row 0.5.

    One image in the middle and four at random values: the evaluation of the self-conditioned GAN's paper.
    """
    rng = np.random.default_rng([seed, EDITS])
    values = np.concatenate([np.full((1, EDITS), 0.5), rng.random((VALUES - 1, EDITS))])
    return rng.standard_normal((EDITS, latent)).astype(np.float32), values.astype(np.float32)


def editing_curve(view: View, attribute: joint.Attribute) -> tuple[dict[str, metrics.Estimate], dict[str, Any]]:
    """How far the attribute can be moved, and how much of the person is left.

    edit_reach: share of edits that change the judge's probability by half or more; edited_identity: their mean cosine
    similarity to the unedited image; the curve: mean similarity in bins of change, and how many edits fall in each.
    """
    name = joint.names(attribute)[0]
    edits = view.answers["edits"]
    seen = view.judge.look(edits.reshape(-1, *edits.shape[2:]))
    unit = seen.features / np.linalg.norm(seen.features, axis=1, keepdims=True)
    unit, chance = (array.reshape(VALUES, EDITS, -1) for array in (unit, view.judge.probs(seen, name)))
    change = np.abs(chance[1:] - chance[:1]).sum(-1).ravel() / 2  # total variation: for two values, of either
    similarity = (unit[1:] * unit[:1]).sum(-1).ravel()
    curve = metrics.identity_curve(similarity, change, CHANGES)
    far = change >= MOVED
    found = {"edit_reach": metrics.share(far)}
    if far.any():
        found["edited_identity"] = metrics.identity_curve(similarity[far], change[far], np.array([0.0, 1.0])).means[0]
    rows = [(one.value, one.low, one.high) if one else (None,) * 3 for one in curve.means]
    identity, low, high = ([None if v is None else round(v, 5) for v in column] for column in zip(*rows, strict=True))
    middle = [round(float(v), 3) for v in (CHANGES[1:] + CHANGES[:-1]) / 2]
    return found, {"change": middle, "identity": identity, "low": low, "high": high, "count": list(curve.counts)}


def _move(view: View, attribute: str) -> metrics.Estimate:
    confusion = view.confusion(attribute)
    now = metrics.shares(view.labels(attribute), confusion)
    return metrics.total_variation(now, metrics.shares(view.counted(attribute), confusion))


def _mean(parts: list[metrics.Estimate]) -> metrics.Estimate:
    value, low, high = (float(np.mean([getattr(p, end) for p in parts])) for end in ("value", "low", "high"))
    return metrics.Estimate(value, low, high, parts[0].n)
