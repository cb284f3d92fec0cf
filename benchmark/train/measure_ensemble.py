"""What an ensemble's card says: its errors, how often it is unclear, what each view costs, what an attack reaches."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from retouch import metrics
from retouch.benchmark import purify, weights
from retouch.benchmark.data.faces import STRANGERS
from retouch.benchmark.data.images import Images
from retouch.benchmark.ensemble import Judges, Votes
from retouch.benchmark.generators.gan import to_float, to_uint8
from retouch.benchmark.judges import Classifier, Judge, OwnClassifier
from retouch.benchmark.train.card import HELD_OUT, drawn, rounded
from retouch.benchmark.train.measure_judge import confusion, lowest_auc, threshold

ATTACKS = (6, 13)  # levels of 255
ATTACKED, VIEWED = 1000, 2000  # images that are attacked, and seen through each view alone


def measure_ensemble(judges: Judges, plan: dict[str, Any]) -> dict[str, Any]:
    """Errors on held-out images, `unclear` a class of its own, beside those of each member.

    "views": for each way of purifying and each member the mean balanced accuracy with that view alone: what a view
    costs on clean images. "attacks": shares of images that ten steps of gradient ascent on the guide, within so many
    levels, make the ensemble see as the attacker's class, see rightly, or find unclear.
    """
    held = drawn(plan["data"], "heldout", HELD_OUT)
    votes = judges.look(held.images)
    found: dict[str, Any] = {
        "images": len(held),
        "confusion": {},
        "unclear": {},
        "balanced_accuracy": {},
        "members": [],
    }
    for head in votes.probs:
        table = confusion(held.labels[head], votes.labels[head], judges.sizes[head], judges.sizes[head] + 1)
        found["confusion"][head] = table.tolist()
        found["unclear"][head] = round(float(table[:, -1].sum() / table.sum()), 5)
        found["balanced_accuracy"][head] = rounded(metrics.balanced_accuracy(table), 5)
    found["members"] = [_member(votes, held, m) for m in range(len(judges.members))]
    found["views"] = {view: _cost(judges, view, held[:VIEWED]) for view in purify.VIEWS}
    if votes.similarity is not None:
        found |= _recognition(judges, votes.similarity, held, plan, found["members"])
    if "guide" in plan:
        guide = Judge.load(weights.folder(plan["guide"])).network
        found["attacks"] = {str(levels): _attacked(judges, guide, held, plan["heads"][0], levels) for levels in ATTACKS}
    return found


def _member(votes: Votes, held: Images, m: int) -> dict[str, Any]:
    """Balanced accuracy and AUC of one member on its views."""
    found: dict[str, Any] = {"balanced_accuracy": {}, "auc": {}}
    for head, probs in votes.probs.items():
        truth, classes = held.labels[head], probs.shape[2]
        table = confusion(truth, probs[m].argmax(1), classes, classes)
        found["balanced_accuracy"][head] = rounded(metrics.balanced_accuracy(table), 5)
        found["auc"][head] = rounded(lowest_auc(probs[m], truth), 5)
    return found


def _cost(judges: Judges, view: str, held: Images) -> list[float]:
    """For each member its balanced accuracy with one view alone, mean over attributes."""
    votes = Judges(judges.members, [view], {}).look(held.images)
    rows = [_member(votes, held, m)["balanced_accuracy"].values() for m in range(len(judges.members))]
    return [round(float(np.mean([one["value"] for one in row])), 5) for row in rows]


def _recognition(
    judges: Judges, similarity: np.ndarray, held: Images, plan: dict[str, Any], members: list[dict[str, Any]]
) -> dict[str, Any]:
    """Each member's threshold, its true accepts (which `members` take in), and what all of them together accept.

    A threshold lets 0.1% of the images of others pass as any one person: of other people of the data, and of people
    whom no member was trained on, whichever asks for more.
    """
    people = len(held.names["identity"])
    same, similarity = held.labels["identity"][:, None] == np.arange(people), similarity[..., :people]
    strangers = judges.look(unknown_people(plan, people).images).similarity
    if strangers is None:
        raise ValueError("the ensemble's members recognise nobody: none has a head called identity")
    strangers = strangers[..., :people]
    nobody = np.zeros(strangers.shape[1:], bool)
    pairs = zip(similarity, strangers, strict=True)
    limits = np.array([round(max(threshold(a, same), threshold(b, nobody)), 6) for a, b in pairs])
    for member, cosines, limit in zip(members, similarity, limits, strict=True):
        member["true_accepts"] = round(float((cosines[same] >= limit).mean()), 5)
    votes = Votes({}, None, similarity, limits)
    accepts = np.array([confusion(same[:, p].astype(int), votes.accepts(p), 2, 3) for p in range(people)])
    other, this = accepts.sum(0) / accepts.sum((0, 2))[:, None]
    return {
        "thresholds": limits.tolist(),
        "together": {"true": round(this[1], 5), "false": round(other[1], 6), "unclear": round(this[2], 5)},
        "false_accepts_strangers": [
            round(float((b >= limit).mean()), 6) for b, limit in zip(strangers, limits, strict=True)
        ],
        "accepts": accepts.tolist(),
    }


def unknown_people(plan: dict[str, Any], people: int) -> Images:
    """Images of people who come after those of the data and after the strangers whom recognisers are trained on."""
    return drawn({**plan["data"], "people": people + STRANGERS}, "strangers", HELD_OUT)


def _attacked(
    judges: Judges, guide: Classifier | OwnClassifier, held: Images, head: str, levels: int
) -> dict[str, float]:
    """Shares of the attacked images that are seen as the attacker's class, rightly, or as unclear."""
    truth = torch.from_numpy(held.labels[head][:ATTACKED])
    wrong = (truth + 1 + torch.arange(len(truth)) % (judges.sizes[head] - 1)) % judges.sizes[head]
    images = attack(guide, head, to_float(torch.from_numpy(held.images[:ATTACKED])), wrong, levels)
    seen = judges.look(to_uint8(images).numpy()).labels[head]
    shares = {"wrong": wrong.numpy(), "right": truth.numpy(), "unclear": judges.sizes[head]}
    return {name: round(float((seen == label).mean()), 4) for name, label in shares.items()}


def attack(
    guide: Classifier | OwnClassifier, head: str, x: Tensor, wanted: Tensor, levels: int, steps: int = 10
) -> Tensor:
    """Projected gradient descent (Madry et al., arXiv 1706.06083): images (N, C, H, W) in [-1, 1] that `guide` takes
    for class `wanted` (N,), none of their pixels moved by more than `levels` of 255.
    """
    radius, moved = levels / 127.5, torch.zeros_like(x)
    for _ in range(steps):
        moved.requires_grad_()
        (gradient,) = torch.autograd.grad(F.cross_entropy(guide(x + moved)[head], wanted), moved)
        moved = (moved.detach() - 2.5 / steps * radius * gradient.sign()).clamp(-radius, radius)
        moved = (x + moved).clamp(-1, 1) - x
    return x + moved
