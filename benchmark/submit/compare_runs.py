"""Compare what a submission's records claim with runs of the host: digit by digit, and as distributions over seeds.

No tolerance is taken from a record, which may be forged, nor from what it says of its machine.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from retouch.benchmark import tasks
from retouch.benchmark.records import Cost, Record
from retouch.benchmark.run.scale import PARTS

EXACT = 2e-6  # recorded numbers have six decimals
SURE = 0.99  # of honest comparisons that agree; what disagrees is drawn again before it counts
Z95 = 1.96  # half the width of a 95% interval, in standard errors
PRIOR, SPREAD = 4, 1.0  # draws that the expected spread over seeds counts for, and that spread in sampling errors
COUNTS = {"operations": 0.01, "step_operations": 0.01, "sample_operations": 0.01, "gradient_steps": 0.0}  # relative gap
FACTORS = {"sampling_relative": 3.0, "peak_memory_mb": 1 / 3}  # by which a claim may be better than a measurement
LEAST_SECONDS = 1.0  # below that a clock says nothing


@dataclass(frozen=True)
class Comparison:
    """One claimed number beside that of the host, and how far they may lie apart."""

    name: str
    claimed: float
    repeat: float
    tolerance: float

    @property
    def agrees(self) -> bool:
        """Whether the two differ by no more than the tolerance."""
        return math.isclose(self.claimed, self.repeat, rel_tol=0, abs_tol=self.tolerance)


@dataclass(frozen=True)
class Outcome:
    """What verifying a cell gave.

    Attributes:
        records: of the cell; repeated: comparisons under the public seeds; fresh: of means under seeds drawn now.
        exact: whether this host had to repeat the record to the last digit; draws: the fresh runs; host: the repeat.
        trouble: why a run of the host has no scores, else empty.
    """

    records: list[Record]
    repeated: list[Comparison]
    fresh: list[Comparison]
    exact: bool
    draws: list[Record]
    host: Record | None = None
    trouble: str = ""

    @property
    def verified(self) -> bool:
        """Whether all runs have scores and every number agrees."""
        return not self.trouble and all(number.agrees for number in self.repeated + self.fresh)

    @property
    def differences(self) -> str:
        """What does not agree, in words; empty for a verified cell."""
        numbers = [number for number in self.repeated + self.fresh if not number.agrees]
        lines = [f"{n.name}: claimed {n.claimed:.6g}, here {n.repeat:.6g}" for n in numbers]
        return "; ".join([*filter(None, [self.trouble]), *lines])[:1000]


def repeatable(record: Record, repeat: Record) -> bool:
    """Whether the host must repeat a record's digits: the same packages, processor and device, and no clock cut it.

    Whether the clock cut it is the host's own finding.
    """
    if record.cost is None or repeat.cost is None or repeat.cost.cut:
        return False
    return record.provenance.packages == repeat.provenance.packages and record.cost.device == repeat.cost.device


def digits(record: Record, repeat: Record) -> list[Comparison]:
    """Compare every number with its interval, the details, the answers' hash and the count of steps, to the digit."""
    pairs: list[tuple[str, Any, Any]] = [(n, getattr(record, n), getattr(repeat, n)) for n in ("goal", "quality")]
    pairs += [(name, metric, repeat.metrics[name]) for name, metric in record.metrics.items() if name in repeat.metrics]
    comparisons = [
        Comparison(name if end == "value" else f"{name}.{end}", getattr(a, end), getattr(b, end), EXACT)
        for name, a, b in pairs
        if a and b
        for end in ("value", "low", "high")
    ]
    unshared = record.metrics.keys() ^ repeat.metrics.keys()
    same = {f"{name}, in one of the two alone": False for name in sorted(unshared)}
    same |= {name: getattr(record, name) == getattr(repeat, name) for name in ("details", "status")}
    same |= {"cut": record.cost is not None and repeat.cost is not None and record.cost.cut == repeat.cost.cut}
    hashes = [{name: side.provenance.sha256.get(name) for name in ("answers", "data")} for side in (record, repeat)]
    same |= {f"sha256 of the {name}": hashes[0][name] == hashes[1][name] for name in hashes[0]}
    return comparisons + [unequal(name) for name, equal in same.items() if not equal]


def unequal(what: str) -> Comparison:
    """What is no number and differs."""
    return Comparison(what, 0.0, 1.0, 0.0)


def costs(claimed: Cost | None, host: Cost | None, more: Iterable[Cost | None] = ()) -> list[Comparison]:
    """Compare a claimed cost with what the host counted and measured; a machine's seconds are its own, others' free.

    more: costs of the host's other runs of the same method. What a clock or the system measures moves when the machine
    is busy: of all runs, the one nearest to the claim counts, and a claim that flatters nobody is none to dispute.
    """
    if claimed is None or host is None:
        return [unequal("a cost")] if claimed is not host else []
    runs = [host, *filter(None, more)]
    out = []
    for name, gap in COUNTS.items():
        a, b = getattr(claimed, name), getattr(host, name)
        out.append(Comparison(f"cost.{name}", a, b, gap * b))
    for name, factor in FACTORS.items():
        logs = [math.log(max(getattr(side, name), 1e-9)) for side in (claimed, *runs)]
        nearest = min(logs[1:], key=lambda log: abs(log - logs[0]))
        flatters = (logs[0] - nearest) * math.log(factor) > 0
        allowed = abs(math.log(factor)) if flatters else abs(logs[0] - nearest)
        out.append(Comparison(f"log of cost.{name}", logs[0], nearest, allowed))
    if claimed.device == host.device and host.seconds > LEAST_SECONDS and claimed.seconds < host.seconds / 5:
        out.append(Comparison("cost.seconds", claimed.seconds, host.seconds, 0.8 * host.seconds))
    return out


def distributions(claimed: list[Record], draws: list[Record]) -> list[Comparison]:
    """Compare the mean over a cell's records with the mean over draws of the host, for the metrics that decide.

    The tolerance is Student's for the difference of two means. The variance of one run is that over the draws, joined
    with what is expected before any is seen: SPREAD sampling errors squared, weighed as PRIOR draws. Source: the
    scaled inverse chi-squared prior, Gelman et al., Bayesian Data Analysis, 3rd ed., section 2.6.
    """
    task = tasks.module(draws[0].task)
    goals = [task.GOAL, *(metric for metric, _ in getattr(task, "BY", {}).values())]
    names = [name for name in (*goals, *PARTS) if all(name in draw.metrics for draw in draws)]
    return [_means(name, claimed, draws) for name in names]


def _means(name: str, claimed: list[Record], draws: list[Record]) -> Comparison:
    ours = [draw.metrics[name] for draw in draws]
    theirs = [record.metrics[name].value if name in record.metrics else math.nan for record in claimed]
    error = float(np.mean([max(one.value - one.low, one.high - one.value) for one in ours])) / Z95
    values, more = [one.value for one in ours], len(ours) - 1
    own = more * float(np.var(values, ddof=1)) if more else 0.0
    deviation = math.sqrt((PRIOR * (SPREAD * error) ** 2 + own) / (PRIOR + more))
    width = float(stats.t.ppf((1 + SURE) / 2, PRIOR + more)) * deviation
    tolerance = width * math.sqrt(1 / len(values) + 1 / len(theirs))
    return Comparison(name, float(np.mean(theirs)), float(np.mean(values)), max(EXACT, tolerance))
