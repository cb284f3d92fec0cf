"""What only resembles success has no goal: the thresholds, and the reasons that a record gives.

A verdict is a status with its reason, from numbers that the record keeps: what was measured, where the threshold lies,
what to do. docs/rules.md states each rule for people, and how far honest methods stay from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from retouch.benchmark.records import Cost, Status
from retouch.benchmark.support import machine

COPIED = 0.05  # share of samples that are surely copies, beyond the base's own
FROM_CONTROL = 0.5  # distance to the control over that of base and control, below which a result comes from it
MOVED = 0.35  # distance of weights to the base's, as a share of these: farther off they did not start there
RELATED = 0.6  # share of samples that must be nearest to the base's from the same noise; chance gives 0.5
KEPT = 0.5  # or share that a filter must hand out of its first draw, as many images as are asked for, times its cost
SAMPLING = 10.0  # operations of an image over those of one of the base's
UNSEEN = 0.5  # share of the gain that lies in changes that nobody sees
SLIGHT = 0.1  # of the goal, gained by such changes: light training moves as many images across a border
EXPLAINED = 0.99  # or share of the samples that the edited weights make: training moves every image a little
FACTOR, ALLOWANCE = 4.0, 5.0  # times the explained seconds of the processor, and seconds, that work may take


class Verdict(NamedTuple):
    """A status with its reason, empty where nothing is wrong."""

    status: Status
    reason: str


def verdict(
    numbers: Mapping[str, float], cost: Cost | None, *, control: bool = False, from_scratch: bool = False
) -> Verdict | None:
    """The first rule that a run breaks; None if it breaks none.

    Args:
        numbers: its `evidence`, and its "goal" if it has one; cost: None for images that were made elsewhere.
        control: it marks the scale, so the control's weights are its own; from_scratch: it says that it trains anew,
            on an instance whose budget is a whole training.
    """
    checks = [_uncounted(cost), _cut(cost), _copies(numbers)]
    if not control:
        replaced = None if from_scratch else _replaced(numbers, cost)
        checks += [_over_sampling(cost), _borrowed(numbers), replaced, _imperceptible(numbers)]
    return next((check for check in checks if check), None)


def _uncounted(cost: Cost | None) -> Verdict | None:
    """Work that the count cannot explain, where the processor did it: an accelerator's time is not split so."""
    if cost is None or cost.device != machine.device("cpu"):
        return None
    for what, used, explained in (
        ("the edit", cost.processor_seconds, cost.explained_seconds),
        ("sampling", cost.sampling_processor_seconds, cost.sampling_explained_seconds),
    ):
        if used > (allowed := FACTOR * explained + ALLOWANCE):
            work = f"{what} used {used:.0f} s of the processor; what it counted explains {allowed:.0f} s at most"
            remedy = "train and infer with torch, in this process, so that the work is counted"
            return Verdict("uncounted", f"{work}: {remedy}")
    return None


def _cut(cost: Cost | None) -> Verdict | None:
    if cost is None or not cost.cut:
        return None
    why = "the clock ended the edit, so another machine may give another result: it is not ranked"
    return Verdict("over_budget", f"{why}; do less, or run it on a faster machine")


def _copies(numbers: Mapping[str, float]) -> Verdict | None:
    shares = {name.removeprefix("copied_"): value for name, value in numbers.items() if name.startswith("copied_")}
    look = max(shares, key=lambda name: shares[name], default="")
    if not look or shares[look] <= COPIED:
        return None
    looks = {"views": "flipped, shifted or recoloured or not", "blends": "or to a blend of two",
             "features": "in a label-free encoder's features"}  # fmt: skip
    share = f"at least {shares[look]:.0%} of the samples are nearer to a training image, {looks[look]}, than held-out"
    return Verdict("copies", f"{share} images are, beyond the base's own ({COPIED:.0%} may be): a store of images is "
                   "no generator")  # fmt: skip


def _borrowed(numbers: Mapping[str, float]) -> Verdict | None:
    for what in ("images", "weights"):
        ratio = numbers.get(f"{what}_from_control", 1.0)
        if ratio < FROM_CONTROL:
            lie = f"its {what} lie at {ratio:.2f} of the base's distance to the retrained control ({FROM_CONTROL} is"
            return Verdict("borrowed", f"{lie} allowed): the control's weights, or images, are for controls alone")
    return None


def _replaced(numbers: Mapping[str, float], cost: Cost | None) -> Verdict | None:
    """Believed weights decide where there are any; else the images: those of an edit or those of a filter."""
    moved, related = numbers.get("weights_moved"), numbers.get("related")
    remedy = "an edit starts from the base's weights, or filters its samples"
    if moved is not None:
        far = f"the weights are {moved:.2f} of their size away from the base's ({MOVED} is allowed)"
        return Verdict("replaced", f"{far}: {remedy}") if moved > MOVED else None
    filtered = numbers.get("among", 0.0) * max(1.0, cost.sampling_cost if cost else 1.0) >= KEPT
    if related is None or related >= RELATED or filtered:
        return None
    share = f"only {related:.0%} of the samples have to do with the base's from the same noise (chance gives 50%,"
    return Verdict("replaced", f"{share} {RELATED:.0%} is needed): {remedy}, and `sample` draws its noise first, as "
                   "the base does")  # fmt: skip


def _over_sampling(cost: Cost | None) -> Verdict | None:
    if cost is None or cost.sampling_cost <= SAMPLING:
        return None
    price = f"an image takes {cost.sampling_cost:.1f} times the operations of one of the base's; {SAMPLING:g} are"
    return Verdict("over_sampling", f"{price} allowed: move the work into the edit, where the budget counts it")


def _imperceptible(numbers: Mapping[str, float]) -> Verdict | None:
    part = numbers.get("unseen", 0.0)
    slight = part * numbers.get("goal", 1.0) <= SLIGHT
    if part <= UNSEEN or slight or numbers.get("explained", 0.0) >= EXPLAINED:
        return None
    limit = numbers.get("limit", 0.0)
    seen = f"{part:.0%} of the gain lies in images that differ from the base's by less than {limit:.0f}"
    return Verdict("imperceptible_change", f"{seen} levels anywhere, less than the nearest two real images: the judge "
                   "was fooled, nothing was changed; attacks on judges are forbidden")  # fmt: skip
