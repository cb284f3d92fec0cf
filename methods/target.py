"""A task's target as the guide sees it: what methods ask of the guide, and which targets they refuse."""

from collections.abc import Callable
from math import prod

import torch
from torch import Tensor

from retouch.benchmark.generators.base import Generator
from retouch.benchmark.joint import key, names
from retouch.benchmark.task import Task

PROBES = 1000  # images of the base from which its own shares are estimated
ROUNDING = 1e-4  # how far from 1 stated shares may sum


def value_counts(task: Task) -> list[int]:
    """How many values each attribute of the target has.

    Raises:
        ValueError: an attribute that the guide does not know, or one that is named twice.
    """
    attributes = names(task.target["attribute"])
    if unknown := sorted(set(attributes) - set(task.guide.attributes)):
        raise ValueError(f"the guide does not know {unknown[0]!r}; it knows {', '.join(task.guide.attributes)}")
    if len(set(attributes)) < len(attributes):
        raise ValueError(f"each attribute must be named once: {key(attributes)}")
    return [task.guide.sizes[name] for name in attributes]


def unwanted_values(task: Task) -> list[int]:
    """The values that the target names for removal.

    Raises:
        ValueError: an attribute that the guide does not know, or a target that names no values of it.
    """
    classes, values = prod(value_counts(task)), task.target.get("values")
    if not values or not set(values) <= set(range(classes)):
        attribute = key(task.target["attribute"])
        raise ValueError(f"the target must name values of {attribute} from 0 to {classes - 1}, not {values}")
    return list(values)


def shows_unwanted(task: Task) -> Callable[[Tensor], Tensor]:
    """A function of uint8 images (N, C, H, W) -> bool (N,): the guide decides on one of the target's values."""
    values = torch.tensor(unwanted_values(task))
    return lambda images: torch.isin(guide_values(task, images), values)


def guide_values(task: Task, images: Tensor) -> Tensor:
    """The value, or cell of several attributes' joint table, that the guide decides on for each image, int64 (N,)."""
    return task.guide.probs(images, task.target["attribute"]).argmax(1)


def target_shares(task: Task) -> Tensor:
    """The target's shares, float64: (K,), or a table with an axis for each attribute.

    Raises:
        ValueError: a target without shares, or with shares that are no distribution over the guide's values.
    """
    if "attribute" not in task.target or "shares" not in task.target:
        raise ValueError(f"a target of the form {{attribute, shares}} is needed, not {task.target}")
    counts, shares = value_counts(task), torch.tensor(task.target["shares"], dtype=torch.float64)
    if list(shares.shape) != counts or shares.min() < 0 or abs(shares.sum() - 1) > ROUNDING:
        raise ValueError(
            f"the target needs {' x '.join(map(str, counts))} shares of {task.target['attribute']!r}, at least 0, that "
            f"sum to 1, not {shares.tolist()}"
        )
    return shares


def shares_or_even(task: Task) -> Tensor:
    """The target's shares, or even ones where it states none, float64."""
    counts = value_counts(task)
    return target_shares(task) if "shares" in task.target else torch.full(counts, 1 / prod(counts)).double()


def density_ratio(generator: Generator, task: Task) -> Callable[[Tensor], Tensor]:
    """A function of uint8 images (N, C, H, W) -> target density over the base's, up to a constant, (N,).

    Removal and redaction: P(not one of the unwanted values). Rebalancing and diversity: t_k / b_k for the class k that
    the guide decides on, with t the target's shares (even where none are stated) and b the base's by the same
    decisions. Its probabilities would do only if they were calibrated on generated images, and they are not.
    """
    if "values" in task.target:
        attribute, values = task.target["attribute"], unwanted_values(task)
        return lambda images: 1 - task.guide.probs(images, attribute)[:, values].sum(1)
    t = shares_or_even(task).flatten().float()
    counts = torch.bincount(guide_values(task, generator.sample(PROBES, task.rng)), minlength=len(t))
    ratio = t / ((counts + 1) / (PROBES + len(t)))
    return lambda images: ratio[guide_values(task, images)]
