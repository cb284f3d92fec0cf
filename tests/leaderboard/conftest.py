"""One invented folder of submissions, one server and one browser for all tests of the board."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import invented

from retouch.leaderboard.rank import board
from retouch.leaderboard.serve import launch
from retouch.leaderboard.tools.load_times import BROWSER, free_port, wait_for


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Submissions of every kind, files that are no records, and a title that is markup."""
    root = invented.make(tmp_path_factory.mktemp("board") / "submissions")
    invented.manifest(
        root / "self_conditioned_gan", "self_conditioned_gan", title=invented.MARKUP, authors=(invented.MARKUP,)
    )
    invented.hostile(root)
    return root


@pytest.fixture(scope="session")
def view(folder: Path) -> board.View:
    """Records and scores of the invented folder."""
    return board.read(folder)


@pytest.fixture(scope="session")
def server(folder: Path) -> Iterator[str]:
    """The address of a running board."""
    port = free_port()
    process = subprocess.Popen(launch.command(folder, port, headless=True))
    try:
        wait_for(port, process, seconds=180)
        yield f"http://localhost:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium: the system's, else Playwright's own."""
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as play:
        try:
            found = play.chromium.launch(executable_path=shutil.which("chromium"), args=BROWSER)
        except playwright.Error as error:
            pytest.skip(f"no Chromium here ({str(error).splitlines()[0]}); `make test` sets one up")
        yield found
        found.close()
