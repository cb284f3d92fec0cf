"""`retouch verify`: run cells of a submission again and compare the results with what its records claim.

Each cell (instance, point, seed) is run twice. With the public seeds it must give the same numbers on the same kind of
machine: a record that was edited fails this. With evaluation seeds drawn now its raw metrics must be as near as those
of two samples of one generator: a method that is fitted to the public seeds fails this. A run that cannot repeat to
the digit, because the clock cut its edit or its machine or packages differ, must lie within the spread over seeds.
"""

from __future__ import annotations

import io
import math
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from retouch.benchmark import records, tasks
from retouch.benchmark.records import Claim, Record
from retouch.benchmark.run import grid
from retouch.benchmark.run.plan import Run, families
from retouch.benchmark.run.resolve import current_record
from retouch.benchmark.run.scale import PARTS
from retouch.benchmark.support.console import console
from retouch.benchmark.support.files import read_bytes
from retouch.benchmark.worker import fork

EXACT = 2e-6  # recorded numbers have six decimals
Z = 3.3  # standard errors: one honest comparison in 1,000 lies farther out
Z95 = 1.96  # half the width of a 95% interval, in standard errors
WIDEST = 3.0  # standard errors: the spread over seeds is below that in 97% of 234 cells of the tiny track


@dataclass(frozen=True)
class Comparison:
    """One number of a record beside that of a second run, and how far they may lie apart."""

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
        repeated: comparisons with the public seeds; fresh: with evaluation seeds drawn now.
        exact: whether this machine had to repeat the record to the last digit; fresh_record: that of the fresh seeds.
        trouble: why a second run has no scores, else empty.
    """

    record: Record
    repeated: list[Comparison]
    fresh: list[Comparison]
    exact: bool
    fresh_record: Record | None = None
    trouble: str = ""

    @property
    def verified(self) -> bool:
        """Whether both runs have scores and every number agrees."""
        return not self.trouble and all(number.agrees for number in self.repeated + self.fresh)


def choose(runs: list[Run], sample: int, seed: int | None) -> list[Run]:
    """Choose `sample` of the runs whose record has a goal, at random; 0 chooses all of them."""
    scored = [run for run in runs if (record := current_record(run)) and record.goal is not None]
    if not sample or sample >= len(scored):
        return scored
    rows = np.random.default_rng(seed).choice(len(scored), sample, replace=False)
    return [scored[i] for i in sorted(rows)]


def verify(run: Run, evaluation: int, sandboxed: bool = False) -> Outcome:
    """Run a cell twice more, in a copy of the submission's folder.

    Where the edit cannot be repeated to the digit, the track's other seeds are run as well, and their spread sets the
    tolerance. No tolerance is taken from the record, which may be forged.

    Args:
        evaluation: added to the public evaluation seeds; sandboxed: run inside bubblewrap.
    """
    if (record := current_record(run)) is None:
        raise ValueError(f"{run.label} has no current record to verify; `retouch run {run.name}` makes it")
    folder = Path(tempfile.mkdtemp(prefix="retouch-verify-")) / run.name
    try:
        shutil.copytree(run.folder, folder, symlinks=True, ignore=_not_code)
        copy = replace(run, folder=folder, sandboxed=sandboxed)
        repeat = grid.execute(copy, again=True)
        same_picture = _pixels(run) == _pixels(copy)  # before the next run draws over it
        fresh = grid.execute(replace(copy, evaluation=evaluation), again=True)
        exact = repeatable(record, repeat)
        seeds = [] if exact else [replace(copy, seed=seed) for seed in run.track.seeds if seed != run.seed]
        repeats = [grid.execute(other, again=True) for other in seeds]
    finally:
        shutil.rmtree(folder.parent, ignore_errors=True)
    for second in (repeat, fresh):
        if second.goal is None or second.quality is None:
            return Outcome(record, [], [], False, None, f"the second run is {second.status}: {second.reason}")
    names = (tasks.module(record.task).GOAL, *PARTS)
    spread = {name: _spread(name, [repeat, *repeats]) for name in names}
    repeated = _all_numbers(record, repeat, same_picture) if exact else _deciding_metrics(record, repeat, names, spread)
    return Outcome(record, repeated, _deciding_metrics(record, fresh, names, spread), exact, fresh)


def _pixels(run: Run) -> tuple[tuple[int, ...], bytes] | None:
    """Shape and pixels of a run's contact sheet, as the bytes of a PNG depend on its writer; None without a sheet."""
    try:
        with Image.open(io.BytesIO(read_bytes(run.record_path.with_suffix(".png"))), formats=["PNG"]) as picture:
            pixels = np.asarray(picture.convert("RGB"))
    except (OSError, ValueError, Image.DecompressionBombError):
        return None
    return pixels.shape, pixels.tobytes()


def _not_code(folder: str, names: list[str]) -> list[str]:
    special = [name for name in names if not (Path(folder, name).is_file() or Path(folder, name).is_dir())]
    return [*special, "records", "__pycache__"]


def repeatable(record: Record, repeat: Record) -> bool:
    """Whether both runs must have the same digits: no edit was cut; packages, processor and device are the same."""
    if record.cost is None or repeat.cost is None or record.cost.cut or repeat.cost.cut:
        return False
    same = record.provenance.packages == repeat.provenance.packages
    return same and record.cost.device == repeat.cost.device


def _all_numbers(record: Record, repeat: Record, same_picture: bool) -> list[Comparison]:
    """Compare goal, quality and every raw number with their intervals to the last digit; also answers and picture."""
    pairs: list[tuple[str, Any, Any]] = [
        ("goal", record.goal, repeat.goal),
        ("quality", record.quality, repeat.quality),
    ]
    pairs += [(name, metric, repeat.metrics[name]) for name, metric in record.metrics.items() if name in repeat.metrics]
    comparisons = [
        Comparison(name if end == "value" else f"{name}.{end}", getattr(a, end), getattr(b, end), EXACT)
        for name, a, b in pairs
        for end in ("value", "low", "high")
    ]
    unshared = record.metrics.keys() ^ repeat.metrics.keys()
    comparisons += [Comparison(f"{name}, in one of the two alone", 0.0, 1.0, 0.0) for name in sorted(unshared)]
    hash_claimed, hash_now = (side.provenance.sha256.get("answers") for side in (record, repeat))
    if hash_claimed != hash_now:
        comparisons.append(Comparison("sha256 of the answers", _number(hash_claimed), _number(hash_now), 0.0))
    if not same_picture:
        comparisons.append(Comparison("pixels of the picture", 0.0, 1.0, 0.0))
    return comparisons


def _number(sha256: str | None) -> float:
    """The first six digits of a hash as a number, to be printed as such; -1 if it is no hash."""
    try:
        return float(int((sha256 or "")[:6], 16))
    except ValueError:
        return -1.0


def _deciding_metrics(
    record: Record, repeat: Record, names: tuple[str, ...], spread: dict[str, float]
) -> list[Comparison]:
    """Compare the raw metrics behind goal and quality: they are not clipped and carry no error of the anchors.

    The tolerance is Z standard deviations of the difference of two such runs, from the sampling error and the spread
    over seeds measured here. The spread counts up to WIDEST standard errors: a wider one would let any claim pass.
    """
    comparisons = []
    for name in names:
        a, b = record.metrics.get(name), repeat.metrics[name]
        error = max(b.value - b.low, b.high - b.value) / Z95
        tolerance = max(EXACT, Z * math.sqrt(2) * math.hypot(error, min(spread[name], WIDEST * error)))
        comparisons.append(Comparison(name, a.value if a else math.nan, b.value, tolerance))
    return comparisons


def _spread(name: str, cells: list[Record]) -> float:
    """The standard deviation of a metric over seeds; 0 for a single one."""
    values = [cell.metrics[name].value for cell in cells if name in cell.metrics]
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def claim(folder: Path, outcome: Outcome) -> None:
    """Mark the record as verified, with the fresh run's goal and quality; remove the mark where the cell disagrees."""
    fresh, entry = outcome.fresh_record, Claim()
    if fresh and outcome.verified:
        entry = Claim(status="verified", goal=fresh.goal, quality=fresh.quality)
    records.write(folder, outcome.record.model_copy(update={"claim": entry}))


def verify_and_show(runs: list[Run], sample: int, seed: int, sandboxed: bool = False, claims: bool = False) -> int:
    """Verify `sample` of the runs and print the outcomes; `claims`: also write them into the records.

    Returns: the exit code, 1 if a cell does not agree.
    """
    chosen = choose(runs, sample, seed)
    if not chosen:
        raise ValueError("no current record with a score to verify; `retouch check` says what there is")
    if any(run.submission.entry == "images" for run in chosen):
        raise ValueError("images that were made elsewhere cannot be made again here")
    fork.start(families(replace(run, sandboxed=sandboxed) for run in chosen))
    rng = np.random.default_rng(seed)
    bad = 0
    for run in chosen:
        outcome = verify(run, int(rng.integers(1, 2**30)), sandboxed)
        if claims:
            claim(run.folder, outcome)
        bad += not outcome.verified
        _show(outcome)
    console.print(f"{len(chosen) - bad} of {len(chosen)} verified; --seed {seed} repeats this choice")
    return int(bad > 0)


def _show(outcome: Outcome) -> None:
    """Print a cell's outcome, and every number that differs."""
    record, fresh = outcome.record, outcome.fresh_record
    kind = "repeated to the last digit" if outcome.exact else "repeated within the seeds' spread (cut, or other parts)"
    verdict = f"verified, {kind}" if outcome.verified else "NOT verified"
    console.print(f"{record.label}: {verdict} {outcome.trouble}".rstrip(), markup=False)
    if fresh:
        for name in ("goal", "quality"):
            a, b = getattr(record, name), getattr(fresh, name)
            line = f"  {name}: claimed {a.value:.4f}, with fresh evaluation seeds {b.value:.4f}"
            console.print(line, markup=False)
    for seeds, comparisons in (("public", outcome.repeated), ("fresh", outcome.fresh)):
        for number in comparisons:
            if not number.agrees:
                gap = f"claimed {number.claimed:.6g}, found {number.repeat:.6g}, tolerance {number.tolerance:.2g}"
                console.print(f"  differs, {seeds} seeds, {number.name}: {gap}", markup=False)
