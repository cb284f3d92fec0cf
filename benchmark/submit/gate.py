"""What the workflow on a pull request does, on the host, with the main branch's own code.

python -m retouch.benchmark.submit.gate
    names CHANGED            print the submissions among NUL-separated paths; exit 1 if other files change too
    copy PROPOSED NAMES      put the proposed folders in place of ours, without records that the host makes itself
    make NAMES --by WHO      run all core cells in the sandbox, write records as verified, and draw a sample anew
    moved BEFORE NAMES       print every number that differs from the records below the folder BEFORE
    again --by WHO --cells K draw K verified cells of all submissions, run them again, write what was found into LOG

A pull request is code. Of its records only those stay that no host here can make (a GPU, licensed data): as claims.
"""

from __future__ import annotations

import argparse
import secrets
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from retouch.benchmark import records, submission, tracks
from retouch.benchmark.records import Claim, Record
from retouch.benchmark.run import grid, plan
from retouch.benchmark.run.plan import Run
from retouch.benchmark.submit import claims, report, verify
from retouch.benchmark.submit.audit import printable
from retouch.benchmark.submit.compare_runs import Outcome
from retouch.benchmark.support.files import write_atomically
from retouch.benchmark.worker import sandbox

HOST_TRACKS = ("tiny",)  # whose records the host makes itself, in minutes on two cores
SAMPLE = 3  # cells that are drawn anew under seeds that nobody knows
MOST = 20  # lines of a kind
LOG = Path("docs/reverified.md")  # a line for each cell that was drawn, for everybody to read


def names(changed: Path) -> int:
    """Print the submissions that are touched."""
    paths = [p for p in changed.read_bytes().decode(errors="replace").split("\0") if p]
    touched = {p.split("/")[1] for p in paths if p.startswith("submissions/") and p.count("/") > 1}
    print("\n".join(sorted(name for name in touched if records.is_name(name))))
    other = [p for p in paths if not (p.startswith("submissions/") and records.is_name(p.split("/")[1]))]
    for path in other[:MOST]:
        print(f"not part of a submission: {path!r}; put it into a pull request of its own", file=sys.stderr)
    return int(bool(other))


def copy(proposed: Path, listed: Path) -> int:
    """Replace folders by the proposed ones; exit 1 if a record says more for itself than that it is claimed.

    Links stay links, which `retouch check` names and never opens.
    """
    forged = []
    for name in listed.read_text().split():
        ours, theirs = Path("submissions", name), proposed / "submissions" / name
        for file in _records(theirs):
            record = _beyond_a_claim(file)
            forged += [file] * (record is not None and record != _beyond_a_claim(ours / file.relative_to(theirs)))
        shutil.rmtree(ours, ignore_errors=True)
        if theirs.is_dir():
            shutil.copytree(theirs, ours, symlinks=True, ignore=_made_here(theirs))
    for file in forged[:MOST]:
        print(f"{file.relative_to(proposed)} says that it was verified: only a maintainer may", file=sys.stderr)
    return int(bool(forged))


def _made_here(folder: Path) -> Any:
    """`copytree`'s `ignore`: the records of the tracks that the host runs."""
    return lambda inner, files: [name for name in files if Path(inner) == folder / "records" and name in HOST_TRACKS]


def _records(folder: Path) -> list[Path]:
    return [file for file in folder.glob("records/**/*.json") if file.is_file() and not file.is_symlink()]


def _beyond_a_claim(file: Path) -> Record | None:
    """A record that says that it is verified, disputed or withdrawn; None of any other, and of what `check` refuses."""
    try:
        record = records.read(file)
    except (OSError, ValueError):
        return None
    return record if record.claim.status != "claimed" else None


def make(folders: list[Path], by: str) -> int:
    """Run every core cell of the submissions that the host can run, in the sandbox; exit 1 if a sample does not agree.

    All of it with a cache of its own: whatever ran here before may have written into the user's.

    Raises:
        ValueError: no sandbox here, or a manifest that cannot be read.
    """
    sandbox.name()  # raises where no sandbox starts: that nothing could be run is no success
    runs = [
        run
        for name in HOST_TRACKS
        for run in plan.plan(folders, tracks.load(name), sandboxed=True)
        if run.submission.entry != "images" and run.instance.core
    ]
    with verify.own_cache():
        for record in grid.grid(runs, grid.local(2)):
            print(f"{record.status}: {record.label} {record.reason}".rstrip())
    for run in runs:
        _sign(run, by)
    by_folder = [[run for run in runs if run.folder == folder] for folder in folders]
    return int(any([_redraw(own) for own in by_folder if own]))


def _sign(run: Run, by: str) -> None:
    """Say in the record that the host made it."""
    record = records.read(run.record_path)
    note = "made by the host"
    entry = Claim(status="verified", by=by, when=claims.now(), note=note, goal=record.goal, quality=record.quality,
                  cost=record.cost)  # fmt: skip
    records.write(run.folder, record.model_copy(update={"claim": entry}))


def _redraw(runs: list[Run]) -> int:
    """Whether a sample of a submission's cells differs under fresh seeds; 0 where no cell has a goal."""
    if not verify.cells(runs):
        return 0
    return verify.verify_and_show(runs, SAMPLE, secrets.randbits(30), sandboxed=True, draws=3)


def again(count: int, by: str, seed: int) -> int:
    """Run verified cells again, drawn from all submissions; exit 0 whatever is found: it is written down."""
    folders = sorted(file.parent.resolve() for file in Path("submissions").glob("*/submission.toml"))
    runs = [run for name in HOST_TRACKS for run in plan.plan(folders, tracks.load(name))]
    ranked = [cell for cell in verify.cells(runs) if records.read(cell[0].record_path).claim.status == "verified"]
    rng = np.random.default_rng(seed)
    with verify.own_cache():
        for cell in verify.choose(ranked, count, rng):
            outcome = verify.verify(cell, rng, cell[0].foreign, verify.DRAWS)
            claims.write_outcome(cell, outcome, by)
            row = logged(cell[0], outcome)
            write_atomically(LOG, (LOG.read_text() + row).encode())
            print(row, end="")
    return 0


def logged(run: Run, outcome: Outcome) -> str:
    """The line of the public log; what a stranger's code said stands in it as inline code."""
    verdict = "agrees" if outcome.verified else f"disputed: {report.code(printable(outcome.differences))}"
    return f"| {claims.now()[:10]} | {run.name} | {run.instance.name} | {run.point} | {verdict} |\n"


def moved(before: Path, listed: list[str]) -> list[str]:
    """Every number of the submissions' records that differs from those below `before`, and records that are gone."""
    lines = []
    for name in listed:
        old, new = ({file.relative_to(root / name): file for file in _records(root / name)}
                    for root in (before, Path("submissions")))  # fmt: skip
        gone = Counter(file.parts[1] for file in old.keys() - new.keys())
        lines += [f"{name}: {count} records on {track} are gone" for track, count in sorted(gone.items())]
        for file in sorted(old.keys() & new.keys()):
            lines += [f"{name}/{file}: {line}" for line in differences(old[file], new[file])]
    return lines


def differences(old: Path, new: Path) -> list[str]:
    """The fields of two records that differ, but for time, measured cost and claim."""
    try:
        tables = [records.read(file).model_dump(mode="json", by_alias=True) for file in (old, new)]
    except (OSError, ValueError) as error:
        return [f"cannot be compared: {str(error)[:100]}"]
    before, after = (dict(_leaves(table)) for table in tables)
    paths = [p for p in sorted(before.keys() | after.keys()) if not p.startswith(OWN_WAY)]
    return [f"{p} {before.get(p, '-')} -> {after.get(p, '-')}" for p in paths if before.get(p) != after.get(p)]


MEASURED = ("seconds", "yardstick", "processor", "explained", "peak", "sampling_processor", "sampling_explained",
            "sampling_relative", "sampling_seconds", "base", "harness")  # fmt: skip
OWN_WAY = (
    "claim",
    "provenance.time",
    "provenance.git_commit",
    "provenance.host",
    *(f"cost.{name}" for name in MEASURED),
)


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Paths and values of what JSON nests; lists count as one value."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else key)
    else:
        yield path, value


def main(arguments: list[str] | None = None) -> int:
    """Run one of the steps; the exit code."""
    parser = argparse.ArgumentParser(prog="gate", description=__doc__.split("\n")[0])
    steps = parser.add_subparsers(dest="step", required=True)
    for step, words in {"names": ["changed"], "copy": ["proposed", "names"], "make": ["names"],
                        "moved": ["before", "names"]}.items():  # fmt: skip
        one = steps.add_parser(step)
        for word in words:
            one.add_argument(word, type=Path)
        if step == "make":
            one.add_argument("--by", required=True)
    draw = steps.add_parser("again")
    draw.add_argument("--by", required=True)
    draw.add_argument("--cells", type=int, default=12)
    draw.add_argument("--seed", type=int, default=None)
    args = parser.parse_args(arguments)
    if args.step == "names":
        return names(args.changed)
    if args.step == "copy":
        return copy(args.proposed, args.names)
    if args.step == "again":
        return again(args.cells, args.by, secrets.randbits(30) if args.seed is None else args.seed)
    listed = args.names.read_text().split()
    if args.step == "make":
        return make([submission.find(name, Path("submissions")) for name in listed], args.by)
    lines = moved(args.before, listed)
    print("\n".join(lines[:1000]) or "no number has moved")
    return 0


if __name__ == "__main__":
    sys.exit(main())
