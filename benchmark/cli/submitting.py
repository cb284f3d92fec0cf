"""The verbs for submissions: new, check, verify, score and rescore. Each imports its modules only when it runs."""

from __future__ import annotations

import argparse
import secrets
import sys
from pathlib import Path

from retouch.benchmark.support.places import submissions_folder


def new(verbs: argparse._SubParsersAction) -> None:
    """`retouch new NAME`."""
    parser = verbs.add_parser("new", help="write a submission that already runs")
    parser.add_argument("name", metavar="NAME", help="for ./submissions/NAME, or a path")
    parser.add_argument("--family", action="append", help="repeatable; `retouch tasks` has them; default: gan")
    parser.add_argument("--task", default="category_redaction", help="default: category_redaction")

    def verb(args: argparse.Namespace) -> None:
        from retouch.benchmark.submit.new import new

        folder = new(args.name, args.family or ["gan"], args.task)
        label = folder.name if folder.parent == Path("submissions") else folder
        print(f"{folder} holds a manifest and a method that runs as it is. Next:\n")
        print(f"    retouch run {label} --seed 0    # a first number")
        print(f"    retouch check {label}")

    parser.set_defaults(verb=verb)


def check(verbs: argparse._SubParsersAction) -> None:
    """`retouch check NAME...`."""
    parser = verbs.add_parser("check", help="validate manifests and records; exit code 1 if there is an error")
    parser.add_argument("names", nargs="*", metavar="NAME", help="names, paths, or a folder of submissions; none: all")
    parser.add_argument("--markdown", action="store_true", help="as the comment under a pull request, with comparison")
    parser.add_argument("--run", action="store_true", help="run its edit once, briefly, and try its generator's laws")
    parser.add_argument("--track", default="tiny", help="with --run: the track whose first fitting instance is taken")

    def verb(args: argparse.Namespace) -> int:
        from retouch.benchmark import records, tracks, versions
        from retouch.benchmark.submit import check, check_run, report

        audits = [check.check(folder) for folder in check.folders_in(args.names, submissions_folder())]
        for audit in audits if args.run else ():
            line = check_run.check_run(audit, tracks.load(args.track))
            print(line, file=sys.stderr if args.markdown else sys.stdout)
        if args.markdown:
            others = [record for record in records.read_all(submissions_folder())[0] if not versions.moved(record)]
            print(report.markdown(audits, others), end="")
        else:
            report.show(audits)
        return int(any(finding.level == "error" for audit in audits for finding in audit.findings))

    parser.set_defaults(verb=verb)


def verify(verbs: argparse._SubParsersAction) -> None:
    """`retouch verify NAME`."""
    parser = verbs.add_parser("verify", help="run cells again, with public and with fresh seeds, and compare")
    parser.add_argument("names", nargs="+", metavar="NAME")
    parser.add_argument("--sample", type=int, default=0, metavar="K", help="only K cells, at random; default: all")
    parser.add_argument("--seed", type=int, help="of the choice and of the fresh evaluation seeds; default: drawn now")
    parser.add_argument("--track", default="tiny")
    parser.add_argument("--instance", action="append", help="only this instance (repeatable)")
    parser.add_argument("--sandbox", action="store_true", help="the second runs inside bubblewrap, as `run --sandbox`")
    parser.add_argument("--claim", action="store_true", help="for maintainers: write the outcome into the records")
    parser.add_argument("--device", default="cpu")

    def verb(args: argparse.Namespace) -> int:
        from retouch.benchmark import submission, tracks
        from retouch.benchmark.run import plan
        from retouch.benchmark.submit import verify
        from retouch.benchmark.support import machine
        from retouch.benchmark.worker import sandbox

        folders = [submission.find(name, submissions_folder()) for name in args.names]
        device = machine.usable(args.device)
        runs = plan.plan(folders, tracks.load(args.track), instances=args.instance, device=device)
        seed = secrets.randbits(30) if args.seed is None else args.seed
        if args.sandbox:
            sandbox.name()  # raises where bubblewrap is missing, before anything runs
        return verify.verify_and_show(runs, args.sample, seed, args.sandbox, args.claim)

    parser.set_defaults(verb=verb)


def score(verbs: argparse._SubParsersAction) -> None:
    """`retouch score IMAGES --instance I`."""
    parser = verbs.add_parser("score", help="score images that were made elsewhere")
    parser.add_argument("images", type=Path, metavar="IMAGES", help="a folder, a zip, an .npy or an .npz")
    parser.add_argument("--instance", required=True, help="as task/base")
    parser.add_argument("--track", default="tiny")
    parser.add_argument("--resize", action="store_true", help="bring other sizes to the instance's, with anti-aliasing")
    parser.add_argument("--submission", metavar="NAME", help="leave a record of this submission, samples_only")
    parser.add_argument("--point", default="default", help="with --submission: the operating point")
    parser.add_argument("--seed", type=int, default=0, help="with --submission: which of several sets of images")

    def verb(args: argparse.Namespace) -> None:
        from retouch.benchmark import submission
        from retouch.benchmark.cli import show
        from retouch.benchmark.submit import score_images
        from retouch.benchmark.support.console import console

        if args.submission is None:
            return score_images.show_scores(args.images, args.track, args.instance, args.resize)
        folder = submission.find(args.submission, submissions_folder())
        run = score_images.run_of(folder, args.track, args.instance, args.point, args.seed)
        show.show_records([score_images.write_record(args.images, run, args.resize)])
        console.print(f"the record is {run.record_path}", markup=False)

    parser.set_defaults(verb=verb)


def rescore(verbs: argparse._SubParsersAction) -> None:
    """`retouch rescore NAME...`."""
    parser = verbs.add_parser("rescore", help="score stale records again from cached answers; starts no worker")
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all")

    def verb(args: argparse.Namespace) -> int:
        from retouch.benchmark.submit import check, rescore

        return rescore.rescore_and_show(check.folders_in(args.names, submissions_folder()))

    parser.set_defaults(verb=verb)


REST = (check, verify, score, rescore)
