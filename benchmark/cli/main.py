"""The command line: `retouch VERB`. Verbs import what they need when they run, so that help answers at once."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from retouch.benchmark.cli import submitting
from retouch.benchmark.support.places import submissions_folder


def main(arguments: list[str] | None = None) -> int:
    """Parse, run the verb, return the exit code; an error that the user can mend is one line, not a traceback."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    if getattr(asked, "download", False):
        os.environ["RETOUCH_DOWNLOAD"] = "1"
    try:
        return asked.verb(asked) or 0
    except (ValueError, OSError) as error:
        print(f"retouch: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nretouch: stopped; the same command goes on from here", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="retouch", description=__doc__.split(":")[0] + " of Retouch, a benchmark for "
                                     "changing what a trained image generator produces.")  # fmt: skip
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for add in (_tasks, submitting.new, _run, _status, *submitting.REST, _export, _board, _pretrain, _measure):
        add(verbs)
    return parser


def _tasks(verbs: argparse._SubParsersAction) -> None:
    parser = verbs.add_parser("tasks", help="list tracks, instances, bases, what each reveals and asks, and its budget")
    parser.add_argument("track", nargs="?", help="only this track, with its instances' targets")

    def verb(asked: argparse.Namespace) -> None:
        from retouch.benchmark.cli import show

        show.show_tasks(asked.track)

    parser.set_defaults(verb=verb)


def _run(verbs: argparse._SubParsersAction) -> None:
    parser = verbs.add_parser("run", help="run what is missing of the named submissions")
    parser.add_argument("names", nargs="+", metavar="NAME", help="a submission's name, or a path to its folder")
    parser.add_argument("--track", default="tiny")
    parser.add_argument("--task", action="append", help="only this task (repeatable)")
    parser.add_argument("--instance", action="append", help="only this instance, as task/base (repeatable)")
    parser.add_argument("--seed", action="append", type=int, help="only this seed (repeatable); default: the track's")
    parser.add_argument("--point", action="append", help="only this operating point (repeatable)")
    parser.add_argument(
        "--tuning", action="store_true", help="the track's tuning instances in place of the scored ones"
    )
    parser.add_argument("--device", default="cpu", help="cpu (default), cuda, cuda:1, ...")
    parser.add_argument("--workers", type=_positive, help="runs at a time; default: one a core, or one on a GPU")
    parser.add_argument("--sandbox", action="store_true", help="lock each worker up with bubblewrap: docs/isolation.md")
    parser.add_argument("--again", action="store_true", help="run also what has a valid record")
    parser.add_argument(
        "--plan", action="store_true", help="list the runs with minutes, memory and disk; start nothing"
    )

    def verb(asked: argparse.Namespace) -> int:
        from retouch.benchmark import submission, tracks
        from retouch.benchmark.cli import show
        from retouch.benchmark.run import plan
        from retouch.benchmark.run.resolve import current_record
        from retouch.benchmark.support import machine
        from retouch.benchmark.worker import sandbox

        track = tracks.load(asked.track)
        paths = [submission.find(name, submissions_folder()) for name in asked.names]
        folders, unread = _readable([submission.at_hand(path) for path in paths])
        if not folders:
            return 2
        _known_tasks(asked.task or [], track)
        runs = plan.plan(folders, track, tasks=asked.task, instances=asked.instance, seeds=asked.seed,
                         points=asked.point, tuning=asked.tuning, device=machine.usable(asked.device),
                         sandboxed=asked.sandbox)  # fmt: skip
        if not runs:
            raise ValueError(
                "nothing fits: the submission's families and tasks leave no instance of what was asked for"
                + ("; not every task has instances for tuning: `retouch tasks`" if asked.tuning else "")
            )
        if elsewhere := sorted({run.name for run in runs if run.submission.entry == "images"}):
            raise ValueError(
                f"{', '.join(elsewhere)}: made elsewhere, nothing to run; `retouch score IMAGES` scores them"
            )
        if asked.sandbox:
            sandbox.name()  # says here what is missing, before anything runs
        missing = [run for run in runs if asked.again or current_record(run) is None]
        if asked.plan:
            failed = show.show_plan(runs, missing)
        else:
            failed = show.run_with_display(runs, missing, asked.workers or _workers(asked.device), asked.again)
        return failed or min(unread, 1)

    parser.set_defaults(verb=verb)


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("1 at least")
    return value


def _readable(folders: list[Path]) -> tuple[list[Path], int]:
    """The folders whose manifests can be read, and how many cannot: what is wrong is said, and the others go on."""
    from retouch.benchmark import submission

    found = []
    for folder in folders:
        try:
            submission.read(folder)
            found.append(folder)
        except ValueError as error:
            print(f"retouch: left out: {error}", file=sys.stderr)
    return found, len(folders) - len(found)


def _known_tasks(names: list[str], track: object) -> None:
    from difflib import get_close_matches

    known = sorted({instance.task for instance in track.instances})
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=2, cutoff=0.3) or known
            raise ValueError(f"no task {name!r}; did you mean {', '.join(near)}?")


def _workers(device: str) -> int:
    return 1 if device.startswith("cuda") else os.cpu_count() or 1


def _status(verbs: argparse._SubParsersAction) -> None:
    parser = verbs.add_parser("status", help="what runs, what is done, what failed; from another shell")

    def verb(asked: argparse.Namespace) -> None:
        from retouch.benchmark.cli import show

        show.show_status()

    parser.set_defaults(verb=verb)


def _pretrain(verbs: argparse._SubParsersAction) -> None:
    parser = verbs.add_parser("pretrain", help="train a base, control, judge or guide by its recipe; resumes")
    parser.add_argument("base", help="a table of a track's recipes.toml")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seed", type=int, help="default: that of the weights that ship, else 0")
    parser.add_argument("--steps", type=_positive, help="another number of steps than the recipe's, for trials")
    parser.add_argument("--download", action="store_true", help="allow torchvision to download MNIST and Fashion-MNIST")
    parser.add_argument("--into", type=Path, metavar="FOLDER", help="for weights and card; default: the package's own")
    parser.add_argument("--overwrite", action="store_true", help="replace weights that ship with the package")

    def verb(asked: argparse.Namespace) -> None:
        from retouch.benchmark.support import machine
        from retouch.benchmark.train.pretrain import pretrain

        folder = pretrain(
            asked.base, device=machine.usable(asked.device), seed=asked.seed, folder=asked.into, steps=asked.steps,
            overwrite=asked.overwrite,
        )  # fmt: skip
        print(f"weights and card are in {folder}")

    parser.set_defaults(verb=verb)


def _measure(verbs: argparse._SubParsersAction) -> None:
    parser = verbs.add_parser("measure", help="measure weights again and write it into their card; trains nothing")
    parser.add_argument("weights", nargs="+", help="names of weights of the package, or folders")
    parser.add_argument("--device", default="cpu")

    def verb(args: argparse.Namespace) -> None:
        from retouch.benchmark import weights
        from retouch.benchmark.support import machine
        from retouch.benchmark.train.measure import remeasure

        device = machine.usable(args.device)
        for name in args.weights:
            folder = Path(name) if (Path(name) / "card.json").is_file() else weights.folder(name)
            remeasure(folder, device)
            print(f"{folder / 'card.json'} is up to date", flush=True)

    parser.set_defaults(verb=verb)


def _export(verbs: argparse._SubParsersAction) -> None:
    parser = verbs.add_parser("export", help="all records as one Parquet and one CSV")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("."), help="where to write; default: here")

    def verb(asked: argparse.Namespace) -> None:
        from retouch.benchmark.submit.export import export

        for file in export(submissions_folder(), asked.folder):
            print(file)

    parser.set_defaults(verb=verb)


def _board(verbs: argparse._SubParsersAction) -> None:
    parser = verbs.add_parser("board", help="open the leaderboard on the records at hand")
    parser.add_argument("folder", nargs="?", type=Path, help="submissions, or a Parquet file of records")
    parser.add_argument("--port", type=int)
    parser.add_argument("--static", type=Path, metavar="DIR", help="write a plain HTML snapshot instead")

    def verb(asked: argparse.Namespace) -> int:
        from importlib import import_module

        try:  # by name: the board knows the benchmark, the benchmark only starts the board
            launch = import_module("retouch.leaderboard.serve.launch").launch
        except ImportError as error:
            raise ValueError(f"the leaderboard needs {error.name}: pip install 'retouch-bench[board]'") from None
        return launch(asked.folder or submissions_folder(), port=asked.port, static=asked.static)

    parser.set_defaults(verb=verb)


if __name__ == "__main__":
    sys.exit(main())
