"""The verbs that read records: export, board, table and compare. Each imports its modules only when it runs."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path
from types import ModuleType

from retouch.benchmark.support.places import submissions_folder


def export(verbs: argparse._SubParsersAction) -> None:
    """`retouch export`."""
    parser = verbs.add_parser("export", help="all records as one Parquet and one CSV, described in Croissant")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("."), help="where to write; default: here")
    parser.add_argument("--model-card", metavar="NAME", help="print the results of a submission for its model card")

    def verb(args: argparse.Namespace) -> None:
        from retouch.benchmark.submit.croissant import model_index
        from retouch.benchmark.submit.export import export, table

        if args.model_card:
            print(model_index(table(submissions_folder())[0], args.model_card), end="")
            return
        for file in export(submissions_folder(), args.folder):
            print(file)

    parser.set_defaults(verb=verb)


def board(verbs: argparse._SubParsersAction) -> None:
    """`retouch board`."""
    parser = verbs.add_parser("board", help="open the leaderboard on the records at hand")
    parser.add_argument("folder", nargs="?", type=Path, help="submissions, or a Parquet file of records")
    parser.add_argument("--port", type=int)
    parser.add_argument("--static", type=Path, metavar="DIR", help="write it as a site of plain files instead")
    parser.add_argument("--url", default="", help="where that site will stand, for its feed and previews")

    def verb(args: argparse.Namespace) -> int:
        launch = _leaderboard("serve.launch").launch
        return launch(args.folder or submissions_folder(), port=args.port, static=args.static, url=args.url)

    parser.set_defaults(verb=verb)


def table(verbs: argparse._SubParsersAction) -> None:
    """`retouch table --task TASK`."""
    parser = verbs.add_parser("table", help="a task's table for a paper: Markdown, LaTeX, CSV or JSON")
    parser.add_argument("--task", required=True, help="`retouch tasks` has them")
    parser.add_argument("--family", action="append", help="only this family (repeatable)")
    _for_papers(parser)

    def verb(args: argparse.Namespace) -> None:
        papers = _leaderboard("tools.papers")
        print(papers.table(submissions_folder(), args.track, args.task, args.family or [], args.form), end="")

    parser.set_defaults(verb=verb)


def compare(verbs: argparse._SubParsersAction) -> None:
    """`retouch compare A B`."""
    parser = verbs.add_parser("compare", help="two submissions, paired: the same instances, the same seeds")
    parser.add_argument("a", metavar="A", help="a submission's name; for another point than default: NAME:POINT")
    parser.add_argument("b", metavar="B", help="another")
    _for_papers(parser)

    def verb(args: argparse.Namespace) -> None:
        papers = _leaderboard("tools.papers")
        print(papers.compare(submissions_folder(), args.track, args.a, args.b, args.form), end="")

    parser.set_defaults(verb=verb)


def _for_papers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--track", default="tiny")
    forms = parser.add_mutually_exclusive_group()
    for form in ("md", "latex", "csv", "json"):
        forms.add_argument(f"--{form}", dest="form", action="store_const", const=form, default="md")


def _leaderboard(module: str) -> ModuleType:
    """A module of the leaderboard: by name, since imports go from the board to the benchmark and never back.

    Raises:
        ValueError: what the leaderboard needs is not installed.
    """
    try:
        return import_module(f"retouch.leaderboard.{module}")
    except ImportError as error:
        raise ValueError(f"this needs {error.name}: pip install 'retouch-bench[board]'") from None


VERBS = (export, board, table, compare)
