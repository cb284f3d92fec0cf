"""The verbs for submissions: new, check, verify, score and rescore. Each imports its modules only when it runs."""

from __future__ import annotations

import argparse
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from retouch.benchmark.support.places import submissions_folder

if TYPE_CHECKING:
    from retouch.benchmark.run.plan import Run


def add_sandbox(parser: argparse.ArgumentParser) -> None:
    """--sandbox and --no-sandbox."""
    parser.add_argument("--sandbox", action=argparse.BooleanOptionalAction, help="lock each worker up with bubblewrap; "
                        "default: whatever is not the package's own method (docs/isolation.md)")  # fmt: skip


def sandboxed(runs: list[Run], wish: bool | None, verb: str) -> list[bool]:
    """Whether each run goes into the sandbox; a line on stderr where some should and cannot.

    Raises:
        ValueError: there is none here, and --sandbox asks for it, or a stranger's code would be verified.
    """
    from retouch.benchmark.worker import sandbox

    locked = [run.foreign if wish is None else wish for run in runs]
    if not any(locked):
        return locked
    try:
        sandbox.name()
    except ValueError as missing:
        if wish or verb == "verify":
            raise ValueError(f"{missing} (--no-sandbox, where you have read the code)") from None
        names = ", ".join(sorted({run.name for run, lock in zip(runs, locked, strict=True) if lock}))
        print(f"retouch: no sandbox here: {names} will run with your rights: docs/isolation.md", file=sys.stderr)
        return [False] * len(runs)
    return locked


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
    parser.add_argument("--again", action="store_true", help="read also records that have not changed since")
    parser.add_argument("--run", action="store_true", help="run its edit once, briefly, and try its generator's laws")
    parser.add_argument("--track", default="tiny", help="with --run: the track whose first fitting instance is taken")

    def verb(args: argparse.Namespace) -> int:
        from retouch.benchmark import records, tracks, versions
        from retouch.benchmark.submit import check, check_run, report

        folders = check.folders_in(args.names, submissions_folder())
        audits = [check.check(folder, again=args.markdown or args.again) for folder in folders]
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
    parser.add_argument("--sample", type=int, metavar="K", help="only K cells (an instance at a point, with its "
                        "seeds), at random; default: all; with --claim enough to meet one in ten in 19 of 20 "
                        "cases")  # fmt: skip
    parser.add_argument("--draws", type=int, default=5, help="fresh draws of each cell; default: 5; with "
                        "--claim 3 at least")  # fmt: skip
    parser.add_argument("--seed", type=int, help="of the choice and of the fresh seeds; default: drawn now")
    parser.add_argument("--track", default="tiny")
    parser.add_argument("--instance", action="append", help="only this instance (repeatable)")
    add_sandbox(parser)
    parser.add_argument("--claim", action="store_true", help="for maintainers: write the outcome into the records")
    parser.add_argument("--by", help="with --claim: who verifies; default: git's user.name")
    parser.add_argument("--device", default="cpu")

    def verb(args: argparse.Namespace) -> int:
        from retouch.benchmark import submission, tracks
        from retouch.benchmark.run import plan
        from retouch.benchmark.submit import verify
        from retouch.benchmark.support import machine

        folders = [submission.find(name, submissions_folder()) for name in args.names]
        device = machine.usable(args.device)
        if args.claim and args.draws < verify.LEAST_DRAWS:
            raise ValueError(
                f"--claim --draws {args.draws}: too few to tell a difference; {verify.LEAST_DRAWS} at least"
            )
        runs = plan.plan(folders, tracks.load(args.track), instances=args.instance, device=device)
        seed = secrets.randbits(30) if args.seed is None else args.seed
        locked = any(sandboxed(runs, args.sandbox, "verify"))
        sample = args.sample
        if sample is None:
            sample = verify.sample_size(len(verify.cells(runs))) if args.claim else 0
        by = (args.by or machine.user()) if args.claim else ""
        return verify.verify_and_show(runs, sample, seed, locked, by, args.draws)

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
    parser.add_argument("--from", dest="source", metavar="ADDRESS", help="where `retouch answers push` has put answers")

    def verb(args: argparse.Namespace) -> int:
        from retouch.benchmark.submit import check, rescore
        from retouch.benchmark.support.variables import variables

        with variables(**({"RETOUCH_STORE": args.source} if args.source else {})):
            return rescore.rescore_and_show(check.folders_in(args.names, submissions_folder()))

    parser.set_defaults(verb=verb)


def answers(verbs: argparse._SubParsersAction) -> None:
    """`retouch answers push|pull ADDRESS`."""
    parser = verbs.add_parser("answers", help="push answers to a folder or bucket, or pull them into the cache")
    parser.add_argument("way", choices=("push", "pull"))
    parser.add_argument("address", metavar="ADDRESS", help="a folder, s3://bucket/prefix, ... (fsspec)")
    parser.add_argument("names", nargs="*", metavar="NAME", help="submissions; default: all")

    def verb(args: argparse.Namespace) -> int:
        from retouch.benchmark.submit import answers, check

        return getattr(answers, args.way)(check.folders_in(args.names, submissions_folder()), args.address)

    parser.set_defaults(verb=verb)


def mark(verbs: argparse._SubParsersAction) -> None:
    """`retouch mark disputed|withdrawn NAME`."""
    parser = verbs.add_parser("mark", help="for maintainers: dispute or withdraw records, with a note that says why")
    parser.add_argument("status", choices=("disputed", "withdrawn"))
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--note", required=True)
    parser.add_argument("--instance", action="append", help="only this instance (repeatable)")
    parser.add_argument("--superseded-by", metavar="NAME", help="the submission that takes its place")
    parser.add_argument("--by", help="default: git's user.name")

    def verb(args: argparse.Namespace) -> None:
        from retouch.benchmark import submission
        from retouch.benchmark.submit import claims
        from retouch.benchmark.support import machine

        fields = {"status": args.status, "by": args.by or machine.user(), "note": args.note}
        folder = submission.find(args.name, submissions_folder())
        count = claims.mark(folder, fields | {"superseded_by": args.superseded_by}, args.instance)
        print(f"{count} records of {folder.name} are {args.status}")

    parser.set_defaults(verb=verb)


def submit(verbs: argparse._SubParsersAction) -> None:
    """`retouch submit NAME`."""
    parser = verbs.add_parser("submit", help="branch, commit and pull request with a submission's folder")
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--print", action="store_true", dest="dry", help="print the commands and run none")

    def verb(args: argparse.Namespace) -> int:
        from retouch.benchmark import submission
        from retouch.benchmark.submit import pull_request

        return pull_request.submit(submission.find(args.name, submissions_folder()), args.dry)

    parser.set_defaults(verb=verb)


def release(verbs: argparse._SubParsersAction) -> None:
    """`retouch release VERSION`."""
    parser = verbs.add_parser("release", help="for maintainers: draw private instances and publish the last ones")
    parser.add_argument("version", metavar="VERSION", help="lower-case letters, digits, _ . -")
    parser.add_argument("--track", default="tiny")
    parser.add_argument("--secret", type=Path, required=True, help="file of this release's secret; written if missing")
    parser.add_argument("--previous", type=Path, help="file of the secret of the release that this one replaces")
    parser.add_argument("--releases", type=Path, default=Path("releases.json"), help="the public list")
    parser.add_argument("--into", type=Path, required=True, help="folder outside the repository, for RETOUCH_PATH")

    def verb(args: argparse.Namespace) -> None:
        from retouch.benchmark import records, tracks
        from retouch.benchmark.submit import release

        if not records.is_name(args.version):
            raise ValueError(f"{args.version!r} names no release: lower-case letters, digits, _ . -")
        track = tracks.load(args.track)
        file = release.release(args.version, track, args.secret, args.releases, args.into, args.previous)
        print(f"{file} holds the private instances: keep it, and {args.secret}, out of the repository")
        print(f"{args.releases} names the release by the hash of its secret: commit it")

    parser.set_defaults(verb=verb)


REST = (check, verify, score, rescore, answers, submit, mark, release)
