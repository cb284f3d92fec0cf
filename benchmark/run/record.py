"""Turn a run's answers, or its failure, into its record."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from retouch.benchmark import operations, records
from retouch.benchmark.question import Question
from retouch.benchmark.records import Cost, Provenance, Record, Status
from retouch.benchmark.run import score as scoring
from retouch.benchmark.run.answers import Answers
from retouch.benchmark.run.base_answers import base_answers
from retouch.benchmark.run.evidence import evidence
from retouch.benchmark.run.plan import Run
from retouch.benchmark.run.resolve import Resolved
from retouch.benchmark.run.sheet import contact_sheet
from retouch.benchmark.run.tuning import tuning_runs
from retouch.benchmark.run.verdict import verdict
from retouch.benchmark.setup import current_versions
from retouch.benchmark.support import machine
from retouch.benchmark.worker import sandbox

REASON = 4000  # characters of a reason, at most


def scored(resolved: Resolved, answers: Answers, questions: list[Question], began: float) -> Record:
    """The record of a run's answers; its contact sheet is written where the record belongs.

    questions: those of the run; began: `time.perf_counter()` at the run's start.
    """
    torch.set_num_threads(1)  # of this thread, as in the worker: the order of additions, and so the last digit
    threadpool_limits(1)  # and of NumPy and SciPy, for good: whatever runs beside this has its own core
    arrays, cost = answers.arrays, answers.cost
    setup, manifest = resolved.setup, resolved.run.submission
    base = _base_answers(resolved, answers, questions) if cost else {}
    view = scoring.scaled_view(setup, arrays | base)
    scores = scoring.score_view(setup, view)
    numbers = evidence(setup, questions, view)
    rows = {"base": base["base_paired"], "edited": arrays["paired"]} if cost else {"images": arrays["samples"]}
    sheet, picture = contact_sheet(resolved, rows)
    if cost:
        cost["harness"] = max(0.0, time.perf_counter() - began - cost["wall"] - cost["sampling"] - cost["base"])
    hashes = {"data": setup.data_sha256(), "answers": answers.sha256, "picture": picture}
    spent = _cost(resolved, cost)
    status: Status = "below_floor" if scores.goal is None else "ok" if cost else "samples_only"
    anew = "retraining" in manifest.access and (setup.instance.share or 0) >= 1
    gained = {"goal": scores.goal.value} if scores.goal else {}
    broken = verdict(numbers | gained, spent, control=manifest.control, from_scratch=anew)
    if broken and not (scores.goal is None and broken.status == "replaced"):  # what is destroyed is like nothing
        numbers |= gained  # what it would have been
        status, scores = broken.status, replace(scores, goal=None, reason=broken.reason)
    return _record(
        resolved.run,
        status,
        scores.reason,
        resolved.identity | hashes,
        cost,
        cost=spent,
        goal=scores.goal,
        quality=scores.quality,
        score=scores.score,
        metrics=scores.metrics,
        details=scores.details | sheet | {"evidence": numbers},
    )


def failed(run: Run, resolved: Resolved | None, reason: str, status: Status = "failed") -> Record:
    """The record of a run that has no scores; `resolved` is None where a file that the run needs cannot be read."""
    return _record(run, status, reason, resolved.identity if resolved else {}, {})


def _base_answers(resolved: Resolved, answers: Answers, questions: list[Question]) -> dict[str, Any]:
    """The base's answers to the paired questions; adds the seconds that they took to the answers' cost."""
    answered = [question for question in questions if question.name in answers.arrays]
    began = time.perf_counter()
    base = base_answers(resolved.setup, answered)
    answers.cost["base"] = answers.cost.get("base", 0.0) + time.perf_counter() - began
    return base


def _record(
    run: Run, status: Status, reason: str, hashes: dict[str, str], origin: dict[str, Any], **scores: Any
) -> Record:
    """A record with its provenance; `origin` names packages, host and sandbox where a worker ran."""
    packages = json.loads(origin["packages"]) if "packages" in origin else machine.packages()
    host = json.loads(origin["host"]) if "host" in origin else machine.host(run.device)
    return Record(
        submission=run.name, point=run.point, method=run.submission.entry, access=run.submission.access,
        params=run.params, track=run.track.name, instance=run.instance.name, seed=run.seed,
        status=status, reason=reason[:REASON], tuning_runs=tuning_runs(run),
        provenance=Provenance(
            versions=current_versions(run.track, run.instance) | machine.own_version(),
            sha256=hashes, packages=packages, host=host, git_commit=machine.commit(),
            sandbox=origin.get("sandbox") or (sandbox.name() if run.sandboxed else records.UNSANDBOXED),
            time=datetime.now(UTC).isoformat(timespec="seconds"),
        ),
        **scores,
    )  # fmt: skip


def _explained(resolved: Resolved, usage: dict[str, Any]) -> float:
    """Seconds of the processor that the counted operations take at the pace of the base's training.

    All that were used, where the base has no training to hold them against, or none that can be counted.
    """
    trained = "training" in resolved.setup.base.card.get("capabilities", ["training"])
    if not (trained and usage["step_operations"]):
        return usage.get("processor", 0.0)
    own = usage["operations"] - usage["charged"] * usage["step_operations"]
    return own / usage["step_operations"] * usage["busy"]


def sampling_cost(usage: dict[str, Any]) -> float:
    """Operations of an image over those of one of the base's, which counts as one from elsewhere if none are seen."""
    return usage["sample_operations"] / (usage["image_operations"] or operations.IMAGE)


def sampling_explained(usage: dict[str, Any]) -> float:
    """Seconds of the processor that the samples' operations take at the pace of the base's sampling.

    All that were used, where no operation of the base's sampling can be counted.
    """
    if not usage["image_operations"]:
        return usage.get("sampling_processor", 0.0)
    return sampling_cost(usage) * usage.get("sampled_images", 0) * usage.get("image_seconds", 0.0)


def _cost(resolved: Resolved, usage: dict[str, Any]) -> Cost | None:
    if not usage:
        return None
    charged = usage["charged"] * usage["yardstick"]
    whole = usage["step_operations"] * resolved.setup.pretraining
    return Cost(
        operations=usage["operations"],
        share=round(usage["operations"] / max(whole, 1), 6) if resolved.setup.pretraining else None,
        step_operations=usage["step_operations"],
        sample_operations=round(usage["sample_operations"]),
        sampling_cost=round(sampling_cost(usage), 4),
        seconds=round(usage["wall"] + charged, 3),
        charged_seconds=round(charged, 3),
        yardstick_seconds=round(usage["yardstick"], 5),
        processor_seconds=round(usage.get("processor", 0.0), 3),
        explained_seconds=round(_explained(resolved, usage), 3),
        sampling_processor_seconds=round(usage.get("sampling_processor", 0.0), 3),
        sampling_explained_seconds=round(sampling_explained(usage), 3),
        bytes_added=usage.get("bytes_added", 0),
        gradient_steps=usage["steps"],
        peak_memory_mb=round(usage["memory"], 1),
        device=usage["device"],
        sampling_relative=round(usage["answered"], 4),
        sampling_seconds=round(usage["sampling"], 3),
        base_seconds=round(usage["base"], 3),
        harness_seconds=round(usage["harness"], 3),
        cut=usage["cut"],
    )
