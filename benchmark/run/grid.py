"""Run a grid: skip what is done, work on several runs at once, leave one record each, and never stop for a bad one."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import torch

from retouch.benchmark import joint, records, tasks, versions, weights
from retouch.benchmark.generators import family
from retouch.benchmark.records import Cost, Provenance, Record
from retouch.benchmark.run import edit, reveal
from retouch.benchmark.run import score as scoring
from retouch.benchmark.run.edit import Answers
from retouch.benchmark.run.plan import Run, estimate
from retouch.benchmark.support import machine
from retouch.benchmark.support.cache import cache_folder, content_key, keep, kept
from retouch.benchmark.support.files import write_atomically, write_json
from retouch.benchmark.support.pictures import sheet
from retouch.benchmark.worker import fork, sandbox
from retouch.benchmark.worker.process import RunFailed

SHEET = 10  # pairs of pictures on a contact sheet
Progress = Callable[[Run, int, int], None]
_one_at_a_time = Lock()


def grid(
    runs: list[Run], workers: int = 1, on_start: Callable[[Run], None] = lambda run: None,
    on_progress: Progress = lambda run, step, of: None,
) -> Iterable[Record]:  # fmt: skip
    """Work through the runs, `workers` at a time; yields each record when it is written.

    The longest come first, so that no worker is left with a long run while the others have nothing to do.
    """
    fork.start(runs)
    with ThreadPoolExecutor(workers) as pool:
        longest = sorted(runs, key=_minutes, reverse=True)
        pending = {pool.submit(execute, run, on_start, on_progress): run for run in longest}
        try:
            for done in as_completed(pending):
                yield done.result()
        finally:
            pool.shutdown(cancel_futures=True)


def execute(
    run: Run, on_start: Callable[[Run], None] = lambda run: None, on_progress: Progress = lambda run, step, of: None,
    again: bool = False,
) -> Record:  # fmt: skip
    """One run to its record, written beside its contact sheet; one that fails leaves a record that says why.

    One that cannot start, since a file of the package or of the submission is missing or damaged, says so too, but
    takes no earlier record's place. `again`: the cached answers of an earlier run do not count.
    """
    on_start(run)
    began = time.perf_counter()
    try:
        run.identity()
    except (ValueError, OSError) as damaged:
        record = _record(run, "failed", str(damaged)[:4000], {})
        if not run.record_path.exists():
            records.write(run.folder, record)
        return record
    try:
        given = (None if again else cached(run)) or _asked(run, on_progress)
        record = scored(run, given, began)
    except RunFailed as failure:
        _keep_log(run, failure.printed)
        record = _record(run, failure.status, str(failure)[:4000], {})
    except Exception as error:  # whatever the answers did to the scoring: the other runs go on
        record = _record(run, "failed", f"could not be scored: {type(error).__name__}: {error}"[:4000], {})
    records.write(run.folder, record)
    return record


def _minutes(run: Run) -> float:
    try:
        return estimate(run)["minutes"]
    except ValueError:
        return 0.0  # its base is damaged: it will not start, and says so


def answers_file(run: Run) -> Path:
    """Where the answers of a run are kept."""
    return cache_folder() / "answers" / f"{run.key()}.npz"


def log_file(run: Run) -> Path:
    """Where the end of what a run's method printed is kept."""
    return answers_file(run).with_suffix(".log")


def cached(run: Run) -> Answers | None:
    """The answers that an earlier run left in the cache, if it did."""
    arrays = kept(answers_file(run))
    if arrays is None:
        return None
    cost = {name[5:]: arrays.pop(name).item() for name in list(arrays) if name.startswith("cost_")}
    return Answers(arrays, cost)


def _asked(run: Run, on_progress: Progress) -> Answers:
    """The answers of a worker, kept in the cache with what the method printed."""
    key = run.key()
    given = edit.answers(run, lambda step, of: on_progress(run, step, of))
    if run.key() != key:
        raise RunFailed("the submission's files changed while it ran; run it again", printed=given.printed)
    given.cost |= {"device": machine.device(run.device), "packages": json.dumps(machine.packages())}
    keep_answers(run, given)
    _keep_log(run, given.printed)
    return given


def keep_answers(run: Run, given: Answers) -> None:
    """Put the answers of a run into the cache."""
    keep(answers_file(run), given.arrays | {f"cost_{name}": np.array(value) for name, value in given.cost.items()})


def _keep_log(run: Run, printed: str) -> None:
    with contextlib.suppress(OSError):  # as for the answers: a full disk does not cost the run
        write_atomically(log_file(run), printed.encode())


def digest(arrays: dict[str, np.ndarray]) -> str:
    """Hash of the answers by name, form and content."""
    names = sorted(arrays)
    return content_key(" ".join(names), *(arrays[name] for name in names))


def scored(run: Run, given: Answers, began: float) -> Record:
    """The record of a run's answers; its contact sheet is written where the record belongs."""
    torch.set_num_threads(1)  # of this thread, as in the worker: the order of additions, and so the last digit
    base = _beside(run, given) if given.cost else {}
    scores = scoring.score(run.track.name, run.instance, {**given.arrays, **base})
    status = "below_floor" if scores.goal is None else "ok" if given.cost else "samples_only"
    rows = {"base": base["base_paired"], "edited": given.arrays["paired"]} if given.cost else {}
    details = scores.details | _contact_sheet(run, rows or {"images": given.arrays["samples"]})
    if given.cost:
        elsewhere = given.cost["wall"] + given.cost["sampling"] + given.cost["base"]
        given.cost["harness"] = max(0.0, time.perf_counter() - began - elsewhere)
    return _record(
        run, status, scores.reason, given.cost, given.arrays, goal=scores.goal, quality=scores.quality,
        score=scores.score, metrics=scores.metrics, details=details,
    )  # fmt: skip


def _beside(run: Run, given: Answers) -> dict[str, np.ndarray]:
    """The base's answers to the same questions, and the seconds that they took."""
    family(run.instance.family)  # its libraries are loaded before the clock of the base's answers begins
    asked = time.perf_counter()
    with _one_at_a_time:  # else two runs on one instance would both make what one of them can keep for the other
        base = base_answers(run, [name for name in given.arrays if name.startswith("log_prob")])
    given.cost["base"] = given.cost.get("base", 0.0) + time.perf_counter() - asked
    return base


def base_answers(run: Run, likelihoods: list[str]) -> dict[str, np.ndarray]:
    """What the base itself answers to the paired questions: made here, once, not by the worker."""
    base = weights.card(weights.folder(run.instance.base))["sha256"][:32]
    asked = versions.digest([run.instance.task, run.instance.target])[:32]  # flows are asked about the target's images
    key = f"{base}.{asked}.{reveal.paired_seed(run)}.{versions.METRICS}"
    file = cache_folder() / "base" / f"{key}.npz"
    found = kept(file)
    if found is not None and found.keys() >= {f"base_{name}" for name in likelihoods}:
        return found
    from retouch.benchmark.generators.flow import log_probs
    from retouch.benchmark.tasks import identity_removal

    generator = weights.load(weights.folder(run.instance.base))
    rng = torch.Generator().manual_seed(reveal.paired_seed(run))
    arrays = {"base_paired": generator.sample(reveal.PAIRED, rng).numpy()}
    if likelihoods:
        for name, images in identity_removal.likelihood_sets(run.instance, scoring.judge(run.instance)).items():
            rng = torch.Generator().manual_seed(reveal.NOISE_SEED + run.evaluation)
            arrays[f"base_log_prob_{name}"] = log_probs(generator, torch.from_numpy(images), reveal.DRAWS, rng)
    keep(file, arrays)
    return arrays


def _contact_sheet(run: Run, rows: dict[str, np.ndarray]) -> dict[str, Any]:
    """Write a row of pictures each (base above edited, from the same noise); returns what the judge says of them."""
    pictures = np.concatenate([images[:SHEET] for images in rows.values()])
    zoom = max(1, 72 // pictures.shape[-1])
    write_atomically(run.record_path.with_suffix(".png"), sheet(pictures, SHEET, zoom))
    attribute, judge = run.instance.target["attribute"], scoring.judge(run.instance)
    labels = joint.cells(judge.look(pictures).labels, attribute, judge.sizes).tolist()
    verdicts = [labels[start : start + SHEET] for start in range(0, len(labels), SHEET)]
    return {"sheet": {"columns": SHEET, "rows": list(rows), "attribute": joint.key(attribute), "verdicts": verdicts}}


def _record(
    run: Run, status: records.Status, reason: str, cost: dict[str, Any], arrays: dict[str, np.ndarray] | None = None,
    **scores: Any,
) -> Record:  # fmt: skip
    hashes: dict[str, str] = {}
    with contextlib.suppress(ValueError, OSError):  # what cannot be read made nothing: such a run has failed
        hashes = run.identity()
    if arrays:
        hashes |= {"data": tasks.data_sha256(run.instance.base), "answers": digest(arrays)}
        hashes |= {"picture": weights.sha256(run.record_path.with_suffix(".png"))}
    packages = json.loads(cost["packages"]) if "packages" in cost else machine.packages()
    return Record(
        submission=run.name, point=run.point, method=run.submission.entry, access=run.submission.access,
        params=run.params, track=run.track.name, instance=run.instance.name, seed=run.seed,
        status=status, reason=reason,
        cost=_cost(run, cost) if cost else None,
        provenance=Provenance(
            versions=versions.versions(run.track, run.instance) | machine.own_version(),
            sha256=hashes, packages=packages, git_commit=machine.commit(),
            sandbox=cost.get("sandbox") or (sandbox.name() if run.sandboxed else records.UNSANDBOXED),
            time=datetime.now(UTC).isoformat(timespec="seconds"),
        ),
        **scores,
    )  # fmt: skip


def _cost(run: Run, took: dict[str, Any]) -> Cost:
    recipe = weights.card(weights.folder(run.instance.base))["recipe"]
    return Cost(
        seconds=round(took["edited"], 3),
        charged_seconds=round(took["edited"] - took["wall"], 3),
        share=round(took["edited"] / (took["yardstick"] * recipe["steps"]), 5),
        yardstick_seconds=round(took["yardstick"], 5),
        gradient_steps=took["steps"],
        peak_memory_mb=round(took["memory"], 1),
        device=took.get("device") or machine.device(run.device),
        sampling_relative=round(took["answered"], 4),
        sampling_seconds=round(took["sampling"], 3),
        base_seconds=round(took["base"], 3),
        harness_seconds=round(took["harness"], 3),
        cut=took["cut"],
    )


class Status:
    """What `retouch status` reads: one JSON a grid, in the cache folder, rewritten as runs begin and end.

    Runs begin in several threads.
    """

    def __init__(self, runs: list[Run]) -> None:
        self._lock = Lock()
        self.file = cache_folder() / "status" / f"{os.getpid()}.json"
        self.state: dict[str, Any] = {"pid": os.getpid(), "began": time.time(), "waiting": [r.label for r in runs],
                                      "running": {}, "done": {}}  # fmt: skip

    def started(self, run: Run) -> None:
        """A run begins."""
        with self._lock:
            self.state["waiting"].remove(run.label)
            self.state["running"][run.label] = time.time()
            self._write()

    def finished(self, record: Record) -> None:
        """A run has its record."""
        with self._lock:
            self.state["running"].pop(record.label, None)
            self.state["done"][record.label] = record.status
            self._write()

    def _write(self) -> None:
        with contextlib.suppress(OSError):
            write_json(self.file, self.state)
