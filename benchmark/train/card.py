"""What the measurements of all cards share: which images are looked at, and how an estimate is written down."""

from typing import Any

from retouch import metrics
from retouch.benchmark import data
from retouch.benchmark.data.images import Images

HELD_OUT = 6000  # images that a measurement looks at


def drawn(spec: dict[str, Any], split: str, n: int, **more: Any) -> Images:
    """At most n images of a split; rendered faces are drawn, n of them, as `more` says; others have what they have."""
    return data.load({**spec, "n": n, **more}, split) if "n" in spec else data.load(spec, split)[:n]


def rounded(estimate: metrics.Estimate, digits: int = 4) -> dict[str, float]:
    """An estimate as a card holds it: value, low, high."""
    return {name: round(getattr(estimate, name), digits) for name in ("value", "low", "high")}
