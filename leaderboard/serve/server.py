"""The server's process: reads the records, then lets Streamlit serve, so that the first visitor waits for nothing.

`python -m retouch.leaderboard.serve.server FOLDER [streamlit options]`
"""

import os
import sys
import time
from pathlib import Path

from retouch.leaderboard.draw.tradeoff import tradeoff
from retouch.leaderboard.rank import board, tables
from retouch.leaderboard.read import load
from retouch.leaderboard.serve import first_table
from retouch.leaderboard.views.shell import SOURCE

APP = Path(__file__).parent / "web_app.py"


def progress(done: int, total: int) -> None:
    """How far reading is, where there is much to read: a line that counts up on a terminal, one each tenth in a log."""
    says = f"reading records: {done:,} of {total:,}"
    if total > 1000 and sys.stderr.isatty():
        print(f"\r{says}", end="" if done < total else "\n", file=sys.stderr, flush=True)
    elif total > 1000 and 10 * done // total > 10 * (done - load.CHUNK) // total:
        print(says, file=sys.stderr, flush=True)


def warm(view: board.View) -> None:
    """Draw the first table once, so that no visitor waits for imports and pandas' own caches."""
    first_table.page(view)
    for track in view.tracks()[:1]:
        rows = view.scores[view.scores["track"] == track].head(5)
        tradeoff(rows, "goal", "quality", view.records.controls)
        tables.csv(rows)


def main(arguments: list[str]) -> None:
    """Read the folder that the first argument names, then serve with the other arguments as Streamlit's options."""
    from streamlit.web import cli

    start = time.monotonic()
    view = board.shared(Path(arguments[0]), progress).view
    print(
        f"{len(view.runs):,} records, {len(view.records.rejected)} rejected, {time.monotonic() - start:.1f} s",
        flush=True,
    )
    warm(view)
    os.environ[SOURCE] = str(Path(arguments[0]).resolve())
    sys.argv = ["streamlit", "run", str(APP), *arguments[1:]]
    cli.main()


if __name__ == "__main__":
    main(sys.argv[1:])
