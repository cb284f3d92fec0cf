"""The command line: `retouch VERB`. A verb imports its modules only when it runs, so that --help is quick."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from retouch.benchmark.cli import bringing, reading, submitting
from retouch.benchmark.support.places import submissions_folder

if TYPE_CHECKING:
    from retouch.benchmark.run.grid import Engine
    from retouch.benchmark.run.plan import Run
    from retouch.benchmark.tracks import Track


def main(arguments: list[str] | None = None) -> int:
    """Parse the arguments, run the verb and return the exit code; print an error that the user can mend as one line."""
    parser = _parser()
    args = parser.parse_args(arguments)
    if getattr(args, "download", False):
        os.environ["RETOUCH_DOWNLOAD"] = "1"
    try:
        if Path(getattr(args, "track", None) or "").is_file() or os.sep in (getattr(args, "track", None) or ""):
            args.track = _track_at(args.track)
        return args.verb(args) or 0
    except (ValueError, OSError) as error:
        print(f"retouch: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nretouch: stopped; the same command goes on from here", file=sys.stderr)
        return 130


def _track_at(place: str) -> str:
    from retouch.benchmark import tracks

    return tracks.at(place)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="retouch", description=__doc__.split(":")[0] + " of Retouch, a benchmark for "
                                     "changing what a trained image generator produces.")  # fmt: skip
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    own = (*reading.VERBS, _pretrain, _measure, *bringing.VERBS)
    for add in (_tasks, submitting.new, _run, _status, *submitting.REST, *own):
        add(verbs)
    return parser


def _tasks(verbs: argparse._SubParsersAction) -> None:
    parser = verbs.add_parser("tasks", help="list tracks, instances, bases, what each reveals and asks, and its budget")
    parser.add_argument("name", nargs="?", metavar="TRACK", help="only this track, with its instances' targets")
    parser.add_argument("--track", help="the same, by name or by folder")
    parser.add_argument("--json", action="store_true", help="the tracks and their instances as JSON")

    def verb(args: argparse.Namespace) -> None:
        from retouch.benchmark import tracks
        from retouch.benchmark.cli import show

        name = args.track or args.name
        if args.json:
            chosen = [name] if name else tracks.names()
            return print(json.dumps([tracks.load(one).model_dump(mode="json") for one in chosen], indent=1))
        show.show_tasks(name)

    parser.set_defaults(verb=verb)


def _run(verbs: argparse._SubParsersAction) -> None:
    parser = verbs.add_parser("run", help="run what is missing of the named submissions")
    parser.add_argument("names", nargs="+", metavar="NAME", help="a submission's name, or a path to its folder")
    parser.add_argument("--track", default="tiny")
    parser.add_argument("--task", action="append", help="only this task (repeatable)")
    parser.add_argument("--instance", action="append", help="only this instance, as task/base (repeatable)")
    parser.add_argument("--seed", action="append", type=int, help="only this seed (repeatable); default: the track's")
    parser.add_argument("--point", action="append", help="only this operating point (repeatable); default: all; on "
                        "ladders and divisions `default` alone")  # fmt: skip
    parser.add_argument(
        "--tuning", action="store_true", help="the track's tuning instances in place of the scored ones"
    )
    parser.add_argument("--device", default="cpu", help="cpu (default), cuda, cuda:1, ...")
    parser.add_argument("--workers", type=_positive, help="runs at a time; default: one a core, or one on a GPU")
    parser.add_argument(
        "--engine", choices=("local", "ray"), default="local", help="ray: on a cluster, docs/cluster.md"
    )
    parser.add_argument("--address", default="auto", help="with --engine ray: the cluster's HOST:PORT; default: auto")
    parser.add_argument("--max-hours", type=float, default=math.inf, metavar="H", help="no run begins after H hours")
    parser.add_argument("--price", type=float, metavar="P", help="of an hour of a worker, or of a GPU")
    submitting.add_sandbox(parser)
    parser.add_argument("--again", action="store_true", help="run also what has a valid record")
    parser.add_argument("--keep", action="store_true", help="leave each edited generator in ./edited, with a card")
    parser.add_argument(
        "--plan", action="store_true", help="list the runs with minutes, memory and disk; start nothing"
    )

    parser.set_defaults(verb=_run_missing)


def _run_missing(args: argparse.Namespace) -> int:
    """Plan what `retouch run` was asked for, then run what is missing, or list it."""
    from retouch.benchmark import submission, tracks
    from retouch.benchmark.cli import show
    from retouch.benchmark.run import keep, plan
    from retouch.benchmark.run.resume import missing
    from retouch.benchmark.support import machine

    track = tracks.load(args.track)
    device = args.device if args.engine == "ray" else machine.usable(args.device)
    paths = [submission.find(name, submissions_folder()) for name in args.names]
    folders, unread = _readable([submission.at_hand(path) for path in paths])
    if not folders:
        return 2
    _check_tasks(args.task or [], track)
    runs = plan.plan(folders, track, tasks=args.task, instances=args.instance, seeds=args.seed,
                     points=args.point, tuning=args.tuning, device=device)  # fmt: skip
    if not runs:
        raise ValueError(
            "nothing fits: the submission's families and tasks leave no instance of what was asked for"
            + ("; not every task has instances for tuning: `retouch tasks`" if args.tuning else "")
        )
    if names := sorted({run.name for run in runs if run.submission.entry == "images"}):
        raise ValueError(f"{', '.join(names)}: made elsewhere, nothing to run; `retouch score IMAGES` scores them")
    runs, lacking = plan.able(runs)
    for line in lacking:
        print(f"retouch: left out: {line}", file=sys.stderr)
    if not runs:
        return 2
    if args.keep and args.engine == "ray":
        raise ValueError("--keep leaves generators on this machine: run them here, without --engine ray")
    locked = submitting.sandboxed(runs, args.sandbox, "run")
    runs = [replace(run, sandboxed=lock, keep=args.keep) for run, lock in zip(runs, locked, strict=True)]
    left = runs if args.again else missing(runs)
    if args.keep:
        labels = {run.label for run in left}
        left += [run for run in runs if run.label not in labels and not keep.kept(run)]
    if args.plan:
        failed = show.show_plan(runs, left, args.price)
    else:
        if args.engine == "local":  # on a cluster, other machines have the data
            plan.check_data(left)
        failed = show.run_with_display(
            runs, left, _engine(args, left), again=args.again, hours=args.max_hours, price=args.price
        )
    return failed or min(unread, 1)


def _engine(args: argparse.Namespace, runs: list[Run]) -> Engine:
    """What carries the runs: this machine, or a cluster."""
    from retouch.benchmark.run.plan import families

    if args.engine == "ray":
        from retouch.benchmark.run.cluster import cluster

        return cluster(args.address, families(runs))
    from retouch.benchmark.run.grid import local

    return local(args.workers or _workers(args.device), families(runs))


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("1 at least")
    return value


def _readable(folders: list[Path]) -> tuple[list[Path], int]:
    """The folders whose manifests can be read, and how many cannot; prints what is wrong with those."""
    from retouch.benchmark import submission

    readable = []
    for folder in folders:
        try:
            submission.read(folder)
            readable.append(folder)
        except ValueError as error:
            print(f"retouch: left out: {error}", file=sys.stderr)
    return readable, len(folders) - len(readable)


def _check_tasks(names: list[str], track: Track) -> None:
    from difflib import get_close_matches

    tasks = sorted({instance.task for instance in track.instances})
    for name in names:
        if name not in tasks:
            near = get_close_matches(name, tasks, n=2, cutoff=0.3) or tasks
            raise ValueError(f"no task {name!r}; did you mean {', '.join(near)}?")


def _workers(device: str) -> int:
    return 1 if device.startswith("cuda") else os.cpu_count() or 1


def _status(verbs: argparse._SubParsersAction) -> None:
    parser = verbs.add_parser("status", help="what runs, what is done, what failed; from another shell")
    parser.add_argument("--address", default="", help="of a cluster: what runs there")

    def verb(args: argparse.Namespace) -> None:
        from retouch.benchmark.cli import show

        show.show_status(args.address)

    parser.set_defaults(verb=verb)


def _pretrain(verbs: argparse._SubParsersAction) -> None:
    parser = verbs.add_parser("pretrain", help="train a base, control, judge or guide by its recipe; resumes")
    parser.add_argument("base", nargs="?", help="a table of a track's recipes.toml")
    parser.add_argument("--track", help="all that this track has recipes for and no weights of, judges first")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seed", type=int, help="default: that of the weights that ship, else 0")
    parser.add_argument("--steps", type=_positive, help="another number of steps than the recipe's, for trials")
    parser.add_argument("--download", action="store_true", help="allow torchvision to download MNIST and Fashion-MNIST")
    parser.add_argument("--tune", action="store_true", help="time a step in bfloat16, channels last, compiled, or not")
    parser.add_argument("--into", type=Path, metavar="FOLDER", help="for weights and card; default: the package's own")
    parser.add_argument("--overwrite", action="store_true", help="replace weights that ship with the package")

    def verb(args: argparse.Namespace) -> None:
        from retouch.benchmark import tracks
        from retouch.benchmark.support import machine
        from retouch.benchmark.train.pretrain import missing, pretrain

        if bool(args.base) == bool(args.track) or (args.track and (args.into or args.tune)):
            raise ValueError(
                "`retouch pretrain` takes one recipe's name, or --track, without --into and --tune, for all of a track"
            )
        if args.track:
            tracks.load(args.track)  # raises for an unknown track, and names the known ones
        if args.tune:
            return _tune(args.base, machine.usable(args.device))
        for name in [args.base] if args.base else missing(args.track):
            folder = pretrain(
                name, device=machine.usable(args.device), seed=args.seed, folder=args.into, steps=args.steps,
                overwrite=args.overwrite,
            )  # fmt: skip
            print(f"weights and card are in {folder}", flush=True)

    parser.set_defaults(verb=verb)


def _tune(name: str, device: str) -> None:
    from retouch.benchmark.train import tune
    from retouch.benchmark.train.pretrain import LEARNERS, recipe

    plan = recipe(name)
    if plan["kind"] in LEARNERS:
        raise ValueError(f"--tune is for generators; {name} is of kind {plan['kind']}")
    print("\n".join(tune.table(plan, tune.tune(plan, device))))


def _measure(verbs: argparse._SubParsersAction) -> None:
    parser = verbs.add_parser("measure", help="measure weights again and write it into their card; trains nothing")
    parser.add_argument("weights", nargs="+", help="names of weights of the package, or folders")
    parser.add_argument("--device", default="cpu")

    def verb(args: argparse.Namespace) -> None:
        from retouch.benchmark import weights
        from retouch.benchmark.support import machine, plugins
        from retouch.benchmark.train.measure import remeasure

        device = machine.usable(args.device)
        for name in args.weights:
            own = any((Path(name) / file).is_file() for file in ("card.json", "judge.toml"))
            if own and (Path(name).resolve().parents[1] / "track.toml").is_file():
                plugins.add(Path(name).resolve().parents[1])  # where its data are named
            folder = Path(name) if own else weights.folder(name)
            remeasure(folder, device)
            print(f"{folder / 'card.json'} is up to date", flush=True)

    parser.set_defaults(verb=verb)


if __name__ == "__main__":
    sys.exit(main())
