"""attribute_rebalancing: the output should follow a target distribution of an attribute.

target = { attribute, shares }: the distribution over the attribute's values. Goal: fairness discrepancy, the L2
distance of the corrected shares to the target. Must stay: quality with the groups weighted to the target, the worst
group's quality, and the shares of all other attributes (spillover).
"""

from typing import Any

import numpy as np

import metrics
from benchmark import data
from benchmark.data.images import Images
from benchmark.tasks import View, pretrain_recipe, training
from benchmark.tasks.category_redaction import share_table
from benchmark.tracks import Instance

SUMMARY = "the output should follow a target distribution of an attribute"
GOAL = "fairness_discrepancy"
LABELLED = 1000


def reveal(instance: Instance) -> dict[str, Images]:
    """The training images without their labels, and 1,000 labelled images that the base was not trained on."""
    spec = dict(pretrain_recipe(instance.base)["data"])
    return {"retain": training(instance), "labelled": data.load(spec | {"n": LABELLED}, "guide")}


def reference(instance: Instance) -> Images:
    """Held-out images of the data as it should be: the retrained control's own."""
    from benchmark.tasks import held_out

    return held_out(instance.retrained)


def keep(instance: Instance, view: View) -> np.ndarray:
    """Target share over found share of the group that the judge puts an image in."""
    labels = view.verdict.labels[instance.target["attribute"]]
    return group_weights(labels, np.array(instance.target["shares"]))


def group_weights(labels: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Weights (N,) with which the groups in `labels` have the shares `target`; groups nobody is in are left out."""
    found = np.bincount(labels, minlength=len(target)) / len(labels)
    return np.divide(target, found, out=np.zeros(len(target)), where=found > 0)[labels]


def measure(instance: Instance, view: View) -> tuple[dict[str, metrics.Estimate], dict[str, Any]]:
    """fairness_discrepancy, kl_to_target, spillover: the mean move of the other binary attributes' shares."""
    attribute, target = instance.target["attribute"], np.array(instance.target["shares"])
    confusion = view.confusion(attribute)
    shares = metrics.shares(view.verdict.labels[attribute], confusion)
    base = metrics.shares(np.array(view.base[attribute]), confusion)
    found = {
        "fairness_discrepancy": metrics.fairness_discrepancy(shares, None, target),
        "kl_to_target": metrics.kl_to_target(shares, None, np.maximum(target, 1e-9) / np.maximum(target, 1e-9).sum()),
    }
    judged = view.judge.card["measured"]["confusion"]
    others = [name for name, table in judged.items() if name != attribute and len(table) == 2]
    moves = {name: _move(view, name) for name in others}
    if moves:
        found["spillover"] = _mean(list(moves.values()))
    details = {"shares": share_table(attribute, shares, base, [float(p) for p in target])}
    return found, details | {"spillover": {name: round(move.value, 5) for name, move in moves.items()}}


def _move(view: View, attribute: str) -> metrics.Estimate:
    confusion = view.confusion(attribute)
    now = metrics.shares(view.verdict.labels[attribute], confusion)
    return metrics.total_variation(now, metrics.shares(np.array(view.base[attribute]), confusion))


def _mean(parts: list[metrics.Estimate]) -> metrics.Estimate:
    value, low, high = (float(np.mean([getattr(p, end) for p in parts])) for end in ("value", "low", "high"))
    return metrics.Estimate(value, low, high, parts[0].n)
