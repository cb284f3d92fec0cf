"""What a judge's card says: its confusion, balanced accuracy and AUC on held-out images, a recogniser's threshold."""

from typing import Any

import numpy as np

from retouch import metrics
from retouch.benchmark.judges import Judge, Verdict
from retouch.benchmark.train.card import HELD_OUT, drawn, rounded

FALSE_ACCEPTS = 0.001  # unless a recipe, or a judge.toml, states another rate
DRAWS = 100  # bootstrap


def measure_judge(judge: Judge, plan: dict[str, Any]) -> dict[str, Any]:
    """Accuracy, confusion counts, balanced accuracy and AUC of every head on held-out images.

    For identities the recogniser's threshold: it lets 0.1%, or the recipe's `false_accepts`, of held-out images of
    other people of the data pass as any one person; `accepts` counts, for each person, (2, 2): rows other / this one,
    columns refused / accepted. `intervals` has the 95% intervals of what is a plain number.
    """
    held = drawn(plan["data"], "heldout", HELD_OUT)
    view = judge.look(held.images)
    found: dict[str, Any] = {"accuracy": {}, "confusion": {}, "balanced_accuracy": {}, "auc": {}, "images": len(held)}
    intervals: dict[str, Any] = {}
    for head, assigned in view.labels.items():
        if head == "identity":
            continue
        truth = held.labels[head]
        table = confusion(truth, assigned, judge.sizes[head], judge.sizes[head])
        found["accuracy"][head] = round(float((assigned == truth).mean()), 5)
        intervals["accuracy"] = intervals.get("accuracy", {}) | {head: _ends(metrics.share(assigned == truth))}
        found["confusion"][head] = table.tolist()
        found["balanced_accuracy"][head] = rounded(metrics.balanced_accuracy(table), 5)
        found["auc"][head] = rounded(lowest_auc(judge.probs(view, head), truth), 5)
    if view.identities is not None:
        who = held.labels["identity"]
        if not (who < view.similarity.shape[1]).any():
            raise ValueError(f"[{plan['data']['name']}]: no held-out image shows a person whom the recogniser knows: "
                             'state splits with people in several, not split_by = "identity"')  # fmt: skip
        known = min(len(held.names["identity"]), view.similarity.shape[1])  # of real people, held-out ones are unknown
        found |= _verification(view, who, 1 + int(who[who < known].max()), judge, plan)
        intervals |= found.pop("intervals")
    return found | {"intervals": intervals}


def _ends(one: metrics.Estimate) -> list[float]:
    return [round(float(one.low), 6), round(float(one.high), 6)]


def confusion(truth: np.ndarray, assigned: np.ndarray, classes: int, columns: int) -> np.ndarray:
    """Counts int64 (classes, columns): rows = truth, columns = assigned."""
    return np.bincount(truth * columns + assigned, minlength=classes * columns).reshape(classes, columns)


def lowest_auc(probs: np.ndarray, truth: np.ndarray) -> metrics.Estimate:
    """Of probabilities (N, K), the AUC of the class that is told from the rest least well."""
    classes = [1] if probs.shape[1] == 2 else range(probs.shape[1])
    return min((metrics.auc(probs[:, k], truth == k) for k in classes), key=lambda one: one.value)


def threshold(similarity: np.ndarray, same: np.ndarray, rate: float = FALSE_ACCEPTS) -> float:
    """The cosine that lets a rate of the pairs pass that are not `same`; similarity and same (N, P)."""
    return float(np.quantile(similarity[~same], 1 - rate))


def threshold_interval(similarity: np.ndarray, same: np.ndarray, rate: float) -> list[float]:
    """95% interval of `threshold`, from drawing the images anew: a person's cosines to one image hang together."""
    rng = np.random.default_rng(0)
    draws = [rng.integers(0, len(similarity), len(similarity)) for _ in range(DRAWS)]
    limits = [threshold(similarity[rows], same[rows], rate) for rows in draws]
    return [round(float(end), 6) for end in np.quantile(limits, [0.025, 0.975])]


def _rate(hits: np.ndarray, counted: np.ndarray) -> metrics.Estimate:
    """The share of hits among the pairs (N, P) that are counted, its interval over images."""
    each, size = (hits & counted).sum(1), counted.sum(1)
    value = each.sum() / size.sum()
    half = 1.96 * np.sqrt(((each - value * size) ** 2).sum()) / size.sum()  # of a ratio of sums over images
    return metrics.Estimate(value, max(0.0, value - half), min(1.0, value + half), len(hits))


def _verification(view: Verdict, who: np.ndarray, people: int, judge: Judge, plan: dict[str, Any]) -> dict[str, Any]:
    same = who[:, None] == np.arange(people)
    similarity = view.similarity[:, :people]
    rate = plan.get("false_accepts", FALSE_ACCEPTS)
    limit = threshold(similarity, same, rate)
    accepted = similarity >= limit
    strangers = judge.look(drawn(plan["data"], "strangers", HELD_OUT, start=20_000).images)
    known = who < people
    return {
        "intervals": {
            "threshold": threshold_interval(similarity, same, rate),
            "true_accepts": _ends(metrics.share(accepted[known, who[known]])),
            "false_accepts": _ends(_rate(accepted, ~same)),
            "nearest_is_right": _ends(metrics.share((similarity.argmax(1) == who)[known])),
        },
        "false_accepts_wanted": rate,
        "threshold": round(limit, 6),
        "true_accepts": round(float(accepted[same].mean()), 5),
        "false_accepts": round(float(accepted[~same].mean()), 6),
        "false_accepts_strangers": round(float((strangers.similarity[:, :people] >= limit).mean()), 6),
        "nearest_is_right": round(float((similarity.argmax(1) == who)[who < people].mean()), 5),
        "accepts": [
            confusion(same[:, p].astype(int), accepted[:, p].astype(int), 2, 2).tolist() for p in range(people)
        ],
    }
