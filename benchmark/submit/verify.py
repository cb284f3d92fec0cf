"""`retouch verify`: run cells of a submission again, on this host, and compare with what its records claim.

A cell is an instance at an operating point, with the records of all its seeds. One of its records, drawn at random, is
repeated under its own seeds: where packages and processor agree, to the last digit. Then edit seed, evaluation seed and
held-out images (where a data set can draw others) are drawn anew, several times, and the means are compared. Costs are
the host's. Whatever cannot be run here is not verified.
"""

from __future__ import annotations

import io
import math
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from retouch.benchmark import records, tracks
from retouch.benchmark.records import Record
from retouch.benchmark.run import grid
from retouch.benchmark.run.plan import Run, families
from retouch.benchmark.run.resolve import current_record
from retouch.benchmark.submit import claims
from retouch.benchmark.submit.compare_runs import Outcome, costs, digits, distributions, repeatable, unequal
from retouch.benchmark.support.console import console
from retouch.benchmark.support.files import read_bytes
from retouch.benchmark.support.variables import variables
from retouch.benchmark.worker import fork

DRAWS = 5  # fresh draws of a cell; twice as many before it counts as different
LEAST_DRAWS = 3  # for a claim: the spread of fewer is so wide that nearly everything agrees
Cell = list[Run]  # the seeds of one instance at one operating point, each with a current record that has a goal


def cells(runs: list[Run]) -> list[Cell]:
    """The runs whose record is current and has a goal, by submission, instance and operating point."""
    groups: dict[tuple[str, str, str], Cell] = {}
    for run in runs:
        if (record := current_record(run)) and record.goal is not None:
            groups.setdefault((run.name, run.instance.name, run.point), []).append(run)
    return list(groups.values())


def choose(groups: list[Cell], sample: int, rng: np.random.Generator) -> list[Cell]:
    """Choose `sample` of the cells at random; 0 chooses all of them."""
    if not sample or sample >= len(groups):
        return groups
    return [groups[i] for i in sorted(rng.choice(len(groups), sample, replace=False))]


def verify(cell: Cell, rng: np.random.Generator, sandboxed: bool = False, draws: int = DRAWS) -> Outcome:
    """Run a cell again, in a copy of the submission's folder.

    Args:
        rng: draws the record to repeat, and edit and evaluation seeds; sandboxed: run inside bubblewrap.
    """
    claimed = [records.read(run.record_path) for run in cell]
    chosen = int(rng.integers(len(cell)))
    with _copy(cell[chosen], sandboxed) as copy:
        repeat = grid.execute(copy, again=True)
        same_picture = _pixels(cell[chosen]) == _pixels(copy)  # before the next run draws over it
        if trouble := _trouble(repeat):
            return Outcome(claimed, [], [], False, [], None, trouble)
        fresh: list[Record] = []
        while True:
            fresh += [grid.execute(_redrawn(copy, rng), again=True) for _ in range(draws)]
            outcome = compared(claimed, chosen, repeat, same_picture, fresh)
            if outcome.trouble or len(fresh) > draws or all(number.agrees for number in outcome.fresh):
                return outcome


def compared(
    claimed: list[Record], chosen: int, repeat: Record, same_picture: bool, fresh: list[Record]
) -> Outcome:  # fmt: skip
    """The outcome of a cell whose record number `chosen` was repeated, and of fresh draws of the same method."""
    exact = repeatable(claimed[chosen], repeat)
    repeated = costs(claimed[chosen].cost, repeat.cost, (draw.cost for draw in fresh))
    repeated += digits(claimed[chosen], repeat) if exact else []
    repeated += [unequal("pixels of the picture")] if exact and not same_picture else []
    trouble = next((text for draw in fresh if (text := _trouble(draw))), "")
    means = [] if trouble else distributions(claimed, fresh)
    return Outcome(claimed, repeated, means, exact, fresh, repeat, trouble)


@contextmanager
def _copy(run: Run, sandboxed: bool) -> Iterator[Run]:
    """The run in a copy of its submission, without its records."""
    folder = Path(tempfile.mkdtemp(prefix="retouch-verify-"))
    try:
        shutil.copytree(run.folder, folder / run.name, symlinks=True, ignore=_not_code)
        yield replace(run, folder=folder / run.name, sandboxed=sandboxed)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def own_cache() -> Iterator[None]:
    """An empty cache, no store behind it: a method that ran without a sandbox may have written into the user's."""
    with (
        tempfile.TemporaryDirectory(prefix="retouch-cache-") as folder,
        variables(RETOUCH_CACHE=folder, RETOUCH_STORE=None),
    ):
        yield


def _redrawn(run: Run, rng: np.random.Generator) -> Run:
    seed, evaluation = (int(rng.integers(tracks.OWN_SEEDS, 2**30)) for _ in range(2))
    return replace(run, seed=seed, evaluation=evaluation)


def _trouble(record: Record) -> str:
    scored = record.goal is not None and record.quality is not None
    return "" if scored else f"a second run is {record.status}: {record.reason}"


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


def verify_and_show(
    runs: list[Run], sample: int, seed: int, sandboxed: bool = False, by: str = "", draws: int = DRAWS
) -> int:
    """Verify `sample` of the cells, 0 for all, and print the outcomes; the exit code, 1 if one does not agree.

    by: who verifies; with a name the outcome is written into the records, and a sample that agrees speaks for the rest.
    """
    elsewhere = sorted({run.name for run in runs if run.submission.entry == "images"})
    for name in elsewhere:
        console.print(f"{name}: NOT verified: images that were made elsewhere cannot be made again here", markup=False)
    groups = cells([run for run in runs if run.name not in elsewhere])
    if not groups and not elsewhere:
        raise ValueError("no current record with a score to verify; `retouch check` says what there is")
    rng = np.random.default_rng(seed)
    chosen = choose(groups, sample, rng)
    fork.start(families(replace(run, sandboxed=sandboxed) for cell in chosen for run in cell))
    outcomes = []
    with own_cache():
        for cell in chosen:
            outcomes.append(outcome := verify(cell, rng, sandboxed, draws))
            _show(outcome)
            if by:
                claims.write_outcome(cell, outcome, by)
    good = sum(outcome.verified for outcome in outcomes)
    if by and good == len(chosen) < len(groups):
        claims.write_by_sample([cell for cell in groups if cell not in chosen], len(chosen), len(groups), by)
    console.print(f"{good} of {len(chosen)} cells verified; --seed {seed} repeats this choice")
    return int(good < len(chosen) or bool(elsewhere))


def _show(outcome: Outcome) -> None:
    """Print a cell's outcome, and every number that differs."""
    first = outcome.records[0]
    kind = "repeated to the last digit" if outcome.exact else "repeated within the spread over seeds (other parts)"
    verdict = f"verified, {kind}" if outcome.verified else "NOT verified"
    label = f"{first.submission} {first.point} on {first.instance}"
    console.print(f"{label}: {verdict} {outcome.trouble}".rstrip(), markup=False)
    scored = [draw for draw in outcome.draws if draw.goal and draw.quality]
    for name in ("goal", "quality") if scored else ():
        claimed, fresh = (np.mean([getattr(record, name).value for record in group])
                          for group in (outcome.records, scored))  # fmt: skip
        line = f"  {name}: claimed {claimed:.4f}, with {len(scored)} fresh draws {fresh:.4f}"
        console.print(line, markup=False)
    for seeds, comparisons in (("public", outcome.repeated), ("fresh", outcome.fresh)):
        for number in comparisons:
            if not number.agrees:
                gap = f"claimed {number.claimed:.6g}, found {number.repeat:.6g}, tolerance {number.tolerance:.2g}"
                console.print(f"  differs, {seeds} seeds, {number.name}: {gap}", markup=False)


def sample_size(count: int, share: float = 0.1, miss: float = 0.05) -> int:
    """How many of `count` cells to verify so that, if `share` of them or more is forged, one is met but for `miss`.

    Without replacement: the smallest k with C(count - forged, k) / C(count, k) <= miss.
    """
    forged = max(1, math.ceil(share * count))
    unseen = 1.0
    for k in range(count):
        if unseen <= miss:
            return k
        unseen *= max(0, count - forged - k) / (count - k)
    return count
