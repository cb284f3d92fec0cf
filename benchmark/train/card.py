"""What all cards share: which images are looked at, what is counted, and how an estimate is written down."""

from typing import Any

import torch

from retouch import metrics
from retouch.benchmark import data
from retouch.benchmark.budget import yardstick
from retouch.benchmark.data.images import Images
from retouch.benchmark.generators.base import Generator
from retouch.benchmark.operations import operations_of

HELD_OUT = 6000  # images that a measurement looks at
COUNTED = 50  # images that are sampled to count the operations of one


def drawn(spec: dict[str, Any], split: str, n: int, **more: Any) -> Images:
    """At most n images of a split; rendered faces are drawn, n of them, as `more` says; others have what they have."""
    return data.load({**spec, "n": n, **more}, split) if "n" in spec else data.load(spec, split)[:n]


def operations(generator: Generator, batch: int) -> dict[str, int]:
    """Floating-point operations that a training step of `batch` images and that a sample takes."""
    few = min(generator.timed, COUNTED)
    count = operations_of(lambda: generator.sample(few, torch.Generator().manual_seed(0)))
    return {"image_operations": round(count / few), "step_operations": yardstick(generator, batch).operations}


def rounded(estimate: metrics.Estimate, digits: int = 4) -> dict[str, float]:
    """An estimate as a card holds it: value, low, high."""
    return {name: round(getattr(estimate, name), digits) for name in ("value", "low", "high")}
