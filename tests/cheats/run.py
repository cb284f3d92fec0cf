"""Run the planted cheats and print what becomes of them: `python tests/cheats/run.py [--instance I ...] [CHEAT ...]`.

A cheat is a submission, in a folder here, that buys its score: none may have a goal on any task. Their records go to a
temporary folder, so that no board ever shows them. `--attack` writes what an attack on the judge would reach on each
instance into the track's folder, attack.json: a line beside the rows.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from retouch.benchmark import tracks, weights
from retouch.benchmark.records import Record
from retouch.benchmark.run import grid
from retouch.benchmark.run.plan import plan
from retouch.benchmark.support.files import write_json

HERE = Path(__file__).parent
NAMES = sorted(file.parent.name for file in HERE.glob("*/submission.toml"))
ONE_EACH = ("identity_removal/rendered-flow", "category_redaction/digits-gan", "attribute_rebalancing/rendered-flow",
            "output_diversity/digits-gan")  # fmt: skip


def planted(name: str, root: Path, instance: tracks.Instance) -> Path:
    """A copy of a cheat below `root`; the one that brings the control's weights gets them."""
    folder = shutil.copytree(HERE / name, root / name, dirs_exist_ok=True)
    if name == "control" and instance.retrained:
        shutil.copytree(weights.folder(instance.retrained), folder / "weights", dirs_exist_ok=True)
    return folder


def caught(
    names: list[str], track: tracks.Track, instance: str, points: list[str] | None = None
) -> Iterator[tuple[str, str, str, Record | None]]:
    """Run cheats on an instance; yields name, point, what became of it in words, and the record if there is one."""
    for name in names:
        with tempfile.TemporaryDirectory() as root:
            folder = planted(name, Path(root), track.instance(instance))
            try:
                runs = plan([folder], track, instances=[instance], seeds=track.seeds[:1])
            except ValueError as refused:
                yield name, "", f"refused: {refused}", None
                continue
            for run in runs:
                if not points or run.point in points:
                    record = grid.execute(run)
                    yield name, run.point, f"{record.status}: {record.reason}", record


def line(name: str, point: str, instance: str, fate: str, record: Record | None) -> str:
    """A row of the table: what the goal would have been stands in brackets."""
    goal = quality = "-"
    if record and record.quality:
        quality = f"{record.quality.value:.2f}"
    if record and record.goal:
        goal = f"{record.goal.value:.2f}"
    elif record and "goal" in record.details.get("evidence", {}):
        goal = f"({record.details['evidence']['goal']:.2f})"
    return f"{name:<17} {point:<18} {instance:<32} {goal:>7} {quality:>5}  {' '.join(fate.split())[:150]}"


def main() -> int:
    """Run the cheats named, or all; the exit code is the number of those that kept a goal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cheats", nargs="*", default=NAMES, help=", ".join(NAMES))
    parser.add_argument("--track", default="tiny")
    parser.add_argument("--instance", action="append", help="default: one of each task")
    parser.add_argument("--point", action="append")
    parser.add_argument("--samples", type=int, help="fewer than the instance asks for, to be done sooner")
    parser.add_argument("--attack", action="store_true", help="write what it reached into the track's attack.json")
    parser.add_argument("--evidence", action="store_true", help="print the numbers behind each verdict")
    args = parser.parse_args()
    track, escaped = tracks.load(args.track), 0
    if args.samples:
        few = [instance.model_copy(update={"samples": args.samples}) for instance in track.instances]
        track = track.model_copy(update={"instances": few})
    for instance in args.instance or ONE_EACH:
        for name, point, fate, record in caught(args.cheats, track, instance, args.point):
            print(line(name, point, instance, fate, record), flush=True)
            if args.evidence and record:
                print("   ", record.details.get("evidence"), record.cost and record.cost.sampling_cost, flush=True)
            escaped += bool(record and (record.goal or record.status == "failed"))  # a broken cheat shows nothing
            if args.attack and record and name == "attack":
                keep(track.name, instance, point, record)
    return escaped


def keep(track: str, instance: str, point: str, record: Record) -> None:
    """Note what an attack would have reached, or null where too little quality was left for a goal."""
    lines = tracks.attacks(track)
    goal = record.goal.value if record.goal else record.details["evidence"].get("goal")
    quality = record.quality.value if record.quality else None
    lines.setdefault(instance, {})[point] = {"goal": goal, "quality": quality, "status": record.status}
    write_json(tracks.folders()[track] / tracks.ATTACKS, lines)


if __name__ == "__main__":
    raise SystemExit(main())
