"""Check that a record's cost agrees with itself, with its base and with what any machine can do.

What an edit really took, only another run can tell: `retouch.benchmark.submit.verify`.
"""

from __future__ import annotations

import math
from functools import cache

import torch

from retouch.benchmark import weights
from retouch.benchmark.budget import SLACK
from retouch.benchmark.operations import operations_of
from retouch.benchmark.records import Cost, Record
from retouch.benchmark.run.verdict import Verdict, verdict
from retouch.benchmark.submit.audit import AddFinding
from retouch.benchmark.tracks import Instance, Track

REMEDY = "`retouch run` measures it; nobody writes it"
PACE = 20.0  # times the pace of the base's training, or of its sampling, at which an edit cannot work
LEAST_MB = 100.0  # that a process with torch has in memory


def check_cost(record: Record, track: Track, instance: Instance, control: bool, error: AddFinding) -> None:
    """Report a cost that is missing, contradicts itself, exceeds the budget or is beyond any machine."""
    cost = record.cost
    if record.method == "images" and cost is not None:
        error("images that were made elsewhere, with a cost", "nobody measured one: `retouch score` writes none")
    if record.status not in ("ok", "below_floor", "uncounted") or record.method == "images":
        return
    if cost is None:
        error("a run without its cost", "`retouch run` writes it")
        return
    _check_operations(cost, instance, control, error)
    _check_seconds(cost, track, error)
    if record.status == "ok" and (broken := _broken_rule(record, instance, control)):
        error(broken.reason, f"`retouch run` calls it {broken.status}")


def _broken_rule(record: Record, instance: Instance, control: bool) -> Verdict | None:
    """The rule that a record's own numbers break."""
    evidence = record.details.get("evidence")
    numbers = evidence if isinstance(evidence, dict) else {}
    numbers = {name: float(value) for name, value in numbers.items() if isinstance(value, int | float)}
    anew = "retraining" in record.access and (instance.share or 0) >= 1
    return verdict(numbers, record.cost, control=control, from_scratch=anew)


def _on_processor(cost: Cost) -> bool:
    return cost.device.endswith("CPU, one thread")


def _check_operations(cost: Cost, instance: Instance, control: bool, error: AddFinding) -> None:
    base = _base(instance.base)
    steps = base.recipe.get("steps", 0)
    whole, share = cost.step_operations * steps, cost.share or 0.0
    if steps and not math.isclose(share * whole, cost.operations, rel_tol=1e-6, abs_tol=1e-6 * whole):
        error(f"share {cost.share} is not {cost.operations:,} of {whole:,} operations", REMEDY)
    allowed = cost.step_operations * (instance.steps or round(steps * (instance.share or 0)))
    if cost.operations > allowed * (1 + SLACK) and not control:
        budget = f"a budget of {instance.budget}, {allowed:,}"
        error(f"{cost.operations:,} operations for {budget}", "`retouch run` stops at the budget")
    if "steps" not in base.recipe:
        return  # a base from outside, whose training nobody here can count
    counted = _step_operations(instance.base)
    if not math.isclose(cost.step_operations, counted, rel_tol=0.01):  # other versions of torch count some otherwise
        error(f"{cost.step_operations:,} operations in a training step of the base, which takes {counted:,}", REMEDY)


@cache
def _base(name: str) -> weights.Weights:
    """The weights called `name`, whose files are looked at once a process."""
    return weights.find(name)


@cache
def _step_operations(name: str) -> int:
    """Operations of one training step of the weights called `name`, counted here."""
    base = _base(name)
    generator = base.load()
    images = torch.zeros((base.recipe["batch"], *generator.shape), dtype=torch.uint8)
    return operations_of(lambda: generator.train_step(images))


def _check_seconds(cost: Cost, track: Track, error: AddFinding) -> None:
    if cost.seconds - cost.charged_seconds > track.max_minutes * 60 + 2.5:
        error(f"{cost.seconds:.0f} s where {track.max_minutes:g} minutes are allowed", "`retouch run` stops there")
    steps = cost.operations / cost.step_operations if cost.step_operations else 0.0
    if cost.seconds < steps * cost.yardstick_seconds / PACE:
        error(f"{cost.seconds:g} s for the work of {steps:,.0f} training steps of the base", REMEDY)
    if cost.sampling_cost and cost.sampling_relative > PACE / cost.sampling_cost:
        speed = f"samples {cost.sampling_relative:g} times as fast as the base with {cost.sampling_cost:g} times its"
        error(f"{speed} operations", REMEDY)
    if _on_processor(cost) and cost.peak_memory_mb < LEAST_MB:
        error(f"a peak of {cost.peak_memory_mb:g} MB, less than torch itself takes", REMEDY)
