"""Which images show what is to be removed, by the guide: what methods without a forget set share."""

from collections.abc import Callable

import torch
from torch import Tensor

from retouch.benchmark.task import Task


def shows_unwanted(task: Task) -> Callable[[Tensor], Tensor]:
    """A function of uint8 images (N, C, H, W) -> bool (N,): the guide decides on one of the target's values.

    Raises:
        ValueError: an attribute that the guide does not know, or a target that names no values of it.
    """
    attribute, values = task.target["attribute"], task.target.get("values")
    if attribute not in task.guide.attributes:
        raise ValueError(f"the guide does not know {attribute!r}; it knows {', '.join(task.guide.attributes)}")
    classes = task.guide.sizes[attribute]
    if not values or not set(values) <= set(range(classes)):
        raise ValueError(f"the target must name values of {attribute} from 0 to {classes - 1}, not {values}")
    return lambda images: torch.isin(task.guide.probs(images, attribute).argmax(1), torch.tensor(values))
