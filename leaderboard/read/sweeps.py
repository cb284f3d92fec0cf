"""Sweeps: the operating points of a submission that lie along its strength, so that a line may join them."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from retouch.benchmark.submission import Submission


def sweeps(manifests: Mapping[str, Submission]) -> dict[str, list[str]]:
    """The sweep of each submission that has one."""
    return {name: points for name, manifest in manifests.items() if len(points := sweep(manifest)) > 1}


def sweep(manifest: Submission) -> list[str]:
    """The points along the submission's strength, in the manifest's order; fewer than two: nothing is joined.

    The strength is the first number that takes more than one value; a point that changes anything else is a variant. A
    point that does not name the strength has the method's own default, which lies where the manifest puts it.
    """
    params = {point.name: {**manifest.params, **point.params} for point in manifest.points}
    knob = _knob(list(params.values()))
    if knob is None:
        return []
    rest = {name: repr({k: v for k, v in values.items() if k != knob}) for name, values in params.items()}
    usual = Counter(rest.values()).most_common(1)[0][0]
    return [name for name in params if rest[name] == usual]


def _knob(params: list[dict[str, Any]]) -> str | None:
    for name in dict.fromkeys(name for values in params for name in values):
        values = [point.get(name) for point in params]
        numbers = all(v is None or (isinstance(v, int | float) and not isinstance(v, bool)) for v in values)
        if numbers and len(set(values)) > 1:
            return name
    return None
