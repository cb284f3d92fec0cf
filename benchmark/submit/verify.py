"""`retouch verify`: run cells of a submission again and set what comes out beside what is claimed.

Two runs a cell. One with the public seeds, which everybody can know: on the same kind of machine it must give the same
numbers. One with evaluation seeds drawn now: its raw metrics must lie as near as two samples of one generator do. A
record whose score was edited fails the first; a method that fits the public seeds fails the second. What cannot be
repeated to the digit, because the clock cut it or other parts computed it, is held to the spread of the seeds here.
"""

from __future__ import annotations

import io
import math
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from retouch.benchmark import records, tasks
from retouch.benchmark.records import Claim, Record
from retouch.benchmark.run import grid
from retouch.benchmark.run.plan import Run, families
from retouch.benchmark.run.resolve import current_record
from retouch.benchmark.support.console import console
from retouch.benchmark.support.files import read_bytes
from retouch.benchmark.worker import fork

EXACT = 2e-6  # recorded numbers have six decimals
Z = 3.3  # standard errors: one honest comparison in 1,000 lies farther out
HALF = 1.96
WIDEST = 3.0  # of 234 cells of the tiny track, 97% have a spread over seeds below that many standard errors


@dataclass(frozen=True)
class Comparison:
    """One number of a record beside that of a second run."""

    name: str
    claimed: float
    again: float
    tolerance: float

    @property
    def agrees(self) -> bool:
        """Whether the two are as near as they must be."""
        return math.isclose(self.claimed, self.again, rel_tol=0, abs_tol=self.tolerance)


@dataclass(frozen=True)
class Outcome:
    """A cell after its second runs.

    Attributes:
        repeated: the numbers with the public seeds; fresh: those with evaluation seeds drawn now.
        exact: whether the same machine had to repeat the record to the last digit; trouble: why there is none.
    """

    record: Record
    repeated: list[Comparison]
    fresh: list[Comparison]
    exact: bool
    again: Record | None = None
    trouble: str = ""

    @property
    def verified(self) -> bool:
        """Whether everything agrees."""
        return not self.trouble and all(number.agrees for number in self.repeated + self.fresh)


def choose(runs: list[Run], sample: int, seed: int | None) -> list[Run]:
    """`sample` of the runs that have a record with a score, at random; 0: all of them."""
    scored = [run for run in runs if (record := current_record(run)) and record.goal is not None]
    if not sample or sample >= len(scored):
        return scored
    picked = np.random.default_rng(seed).choice(len(scored), sample, replace=False)
    return [scored[i] for i in sorted(picked)]


def verify(run: Run, evaluation: int, sandboxed: bool = False) -> Outcome:
    """Run a cell twice more; nothing of the submission's own folder is written.

    Where the edit itself cannot be repeated, the other seeds are run as well: their spread here is what counts. Nothing
    of what is tolerated comes from the record, which may be forged.

    Args:
        evaluation: what is added to the public evaluation seeds; sandboxed: lock the second runs up.
    """
    record = current_record(run)
    folder = Path(tempfile.mkdtemp(prefix="retouch-verify-")) / run.name
    try:
        shutil.copytree(run.folder, folder, symlinks=True, ignore=_no_part_of_the_code)
        here = replace(run, folder=folder, sandboxed=sandboxed)
        again = grid.execute(here, again=True)
        same_picture = _pixels(run) == _pixels(here)  # before the next run draws over it
        fresh = grid.execute(replace(here, evaluation=evaluation), again=True)
        exact = repeatable(record, again)
        seeds = [] if exact else [replace(here, seed=seed) for seed in run.track.seeds if seed != run.seed]
        others = [grid.execute(other, again=True) for other in seeds]
    finally:
        shutil.rmtree(folder.parent, ignore_errors=True)
    for second in (again, fresh):
        if second.goal is None or second.quality is None:
            return Outcome(record, [], [], False, None, f"the second run is {second.status}: {second.reason}")
    names = (tasks.module(record.task).GOAL, "fd")
    spread = {name: _spread(name, [again, *others]) for name in names}
    repeated = _repeated(record, again, same_picture) if exact else _raw(record, again, names, spread)
    return Outcome(record, repeated, _raw(record, fresh, names, spread), exact, fresh)


def _pixels(run: Run) -> tuple[tuple[int, ...], bytes] | None:
    """Shape and pixels of a run's contact sheet; None where there is none: the bytes of a PNG depend on its writer."""
    try:
        with Image.open(io.BytesIO(read_bytes(run.record_path.with_suffix(".png"))), formats=["PNG"]) as picture:
            pixels = np.asarray(picture.convert("RGB"))
    except (OSError, ValueError, Image.DecompressionBombError):
        return None
    return pixels.shape, pixels.tobytes()


def _no_part_of_the_code(folder: str, names: list[str]) -> list[str]:
    special = [name for name in names if not (Path(folder, name).is_file() or Path(folder, name).is_dir())]
    return [*special, "records", "__pycache__"]


def repeatable(record: Record, again: Record) -> bool:
    """Whether this machine has to give the same digits: nothing cut the edit, and the same parts computed it."""
    if record.cost is None or again.cost is None or record.cost.cut or again.cost.cut:
        return False
    same = record.provenance.packages == again.provenance.packages
    return same and record.cost.device == again.cost.device


def _repeated(record: Record, again: Record, same_picture: bool) -> list[Comparison]:
    """Goal, quality and every raw number with their intervals, to the last recorded digit; answers and picture."""
    pairs = [("goal", record.goal, again.goal), ("quality", record.quality, again.quality)]
    pairs += [(name, metric, again.metrics[name]) for name, metric in record.metrics.items() if name in again.metrics]
    comparisons = [
        Comparison(name if end == "value" else f"{name}.{end}", getattr(a, end), getattr(b, end), EXACT)
        for name, a, b in pairs
        for end in ("value", "low", "high")
    ]
    odd = record.metrics.keys() ^ again.metrics.keys()
    comparisons += [Comparison(f"{name}, in one of the two alone", 0.0, 1.0, 0.0) for name in sorted(odd)]
    claimed, now = (side.provenance.sha256.get("answers") for side in (record, again))
    if claimed != now:
        comparisons.append(Comparison("sha256 of the answers", _number(claimed), _number(now), 0.0))
    if not same_picture:
        comparisons.append(Comparison("pixels of the picture", 0.0, 1.0, 0.0))
    return comparisons


def _number(sha256: str | None) -> float:
    """The first digits of a hash as a number, to be printed beside another."""
    try:
        return float(int((sha256 or "")[:6], 16))
    except ValueError:
        return -1.0


def _raw(record: Record, again: Record, names: tuple[str, ...], spread: dict[str, float]) -> list[Comparison]:
    """The metrics that decide goal and quality; they are neither clipped nor do they carry the anchors' error.

    The tolerance rests on what ran here alone: Z standard deviations of a difference of two samples, and of two seeds.
    A spread of many standard errors is no licence to claim anything: it counts up to WIDEST of them.
    """
    comparisons = []
    for name in names:
        a, b = record.metrics.get(name), again.metrics[name]
        error = max(b.value - b.low, b.high - b.value) / HALF
        tolerance = max(EXACT, Z * math.sqrt(2) * math.hypot(error, min(spread[name], WIDEST * error)))
        comparisons.append(Comparison(name, a.value if a else math.nan, b.value, tolerance))
    return comparisons


def _spread(name: str, cells: list[Record]) -> float:
    """What another edit of the same kind moves a metric by: the standard deviation over seeds."""
    values = [cell.metrics[name].value for cell in cells if name in cell.metrics]
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def claim(folder: Path, outcome: Outcome) -> None:
    """Write `verified`, with the fresh run's goal and quality beside the claimed ones; a mismatch takes it back."""
    again = outcome.again
    made = Claim(status="verified", goal=again.goal, quality=again.quality) if outcome.verified else Claim()
    records.write(folder, outcome.record.model_copy(update={"claim": made}))


def verify_and_show(runs: list[Run], sample: int, seed: int, sandboxed: bool = False, claims: bool = False) -> int:
    """Verify cells and print what is claimed beside what came out; `claims`: write it into the records.

    Returns: 1 if a cell does not agree, else 0.
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
    """One cell: a line when it is verified, every difference when it is not."""
    record, again = outcome.record, outcome.again
    how = "repeated to the last digit" if outcome.exact else "repeated within the seeds' spread (cut, or other parts)"
    word = f"verified, {how}" if outcome.verified else "NOT verified"
    console.print(f"{record.label}: {word} {outcome.trouble}".rstrip(), markup=False)
    if again:
        for name in ("goal", "quality"):
            a, b = getattr(record, name), getattr(again, name)
            line = f"  {name}: claimed {a.value:.4f}, with fresh evaluation seeds {b.value:.4f}"
            console.print(line, markup=False)
    for seeds, comparisons in (("public", outcome.repeated), ("fresh", outcome.fresh)):
        for number in comparisons:
            if not number.agrees:
                gap = f"claimed {number.claimed:.6g}, found {number.again:.6g}, tolerance {number.tolerance:.2g}"
                console.print(f"  differs, {seeds} seeds, {number.name}: {gap}", markup=False)
