"""Pictures of the board: `python -m retouch.leaderboard.tools.screens FOLDER [--submissions DIR] [--all]`.

Those of docs/ are board-overview, board-tradeoffs and board-wall; `--all` takes every page at 390, 1024
and 1440 pixels by day and by night, to be looked at.
"""

import argparse
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from retouch.leaderboard.rank import board
from retouch.leaderboard.serve import launch
from retouch.leaderboard.tools.load_times import BROWSER, free_port, wait_for
from retouch.leaderboard.views import TITLES

DONE = '[data-testid="stApp"][data-test-script-state="notRunning"]'
SIZES = ((1440, 900), (1024, 768), (390, 844))
DOCS = ("overview", "tradeoffs", "wall")


def addresses(view: board.View) -> dict[str, str]:
    """Page -> an address that shows much of it: the task with most ranked rows, its best method."""
    ranked = view.scores[view.scores["place"].notna()]
    rows = ranked if len(ranked) else view.scores
    task, family = rows.groupby(["task", "family"], observed=True).size().idxmax()
    best = rows[(rows["task"] == task) & (rows["family"] == family)].sort_values("place").iloc[0]
    where = f"task={task}&family={family}"
    own = {"overview": f"?task={task}", "tradeoffs": f"tradeoffs?task={task}", "task": f"task?{where}",
           "wall": f"wall?{where}", "method": f"method?name={best['submission']}&{where}",
           "chooser": f"chooser?{where}"}  # fmt: skip
    return {page: own.get(page, page) for page in TITLES}


def shots(server: str, pages: dict[str, str], every: bool) -> Iterator[tuple[str, Any]]:
    """The name of each picture and the page to take it of."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=BROWSER)
        for scheme in ("light", "dark") if every else ("light",):
            page = browser.new_context(color_scheme=scheme).new_page()
            page.set_default_timeout(120_000)
            for name, address in pages.items():
                page.set_viewport_size({"width": 1440, "height": 900})
                page.goto(f"{server}/{address}")
                page.wait_for_selector("#root .rt h1")
                page.wait_for_selector(DONE)
                page.wait_for_timeout(1500)
                for width, height in SIZES if every else SIZES[:1]:
                    page.set_viewport_size({"width": width, "height": height})
                    page.wait_for_timeout(500)
                    yield f"{name}-{width}-{scheme}" if every else f"board-{name}", page
        browser.close()


def main() -> None:
    """Serve the records and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--submissions", type=Path, default=Path("submissions"))
    parser.add_argument("--all", action="store_true")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    pages, port = addresses(board.read(args.submissions)), free_port()
    pages = pages if args.all else {name: pages[name] for name in DOCS}
    server = subprocess.Popen(launch.command(args.submissions, port, headless=True), stdout=subprocess.DEVNULL)
    try:
        wait_for(port, server)
        for name, page in shots(f"http://localhost:{port}", pages, args.all):
            page.screenshot(path=str(args.folder / f"{name}.png"))
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
