"""Starts the board: reads the records once, then serves."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from retouch.leaderboard.rank import board
from retouch.leaderboard.serve.server import progress
from retouch.leaderboard.site.write import write

COLOURS = {  # Streamlit's own controls in the board's ink
    "theme.light.primaryColor": "#0072B2", "theme.dark.primaryColor": "#4FA9E0",
    "theme.light.backgroundColor": "#FFFFFF", "theme.dark.backgroundColor": "#171614",
    "theme.light.secondaryBackgroundColor": "#F6F5F3", "theme.dark.secondaryBackgroundColor": "#242220",
    "theme.light.textColor": "#2A2826", "theme.dark.textColor": "#E8E6E3",
}  # fmt: skip


def flags(port: int | None = None, headless: bool | None = None) -> list[str]:
    """Streamlit's options: no telemetry, no file watching, small uploads, a browser only where there is a display."""
    display = sys.platform in ("darwin", "win32") or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    options = {
        "browser.gatherUsageStats": "false",
        "server.headless": str(not display if headless is None else headless).lower(),
        "server.fileWatcherType": "none",
        "server.runOnSave": "false",
        "server.maxUploadSize": "50",
        "server.address": "localhost",
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        **COLOURS,
    }
    if port is not None:
        options["server.port"] = str(port)
    return [f"--{name}={value}" for name, value in options.items()]


def command(folder: Path, port: int | None = None, headless: bool | None = None) -> list[str]:
    """The command line of the server's process."""
    return [sys.executable, "-m", "retouch.leaderboard.serve.server", str(folder.resolve()), *flags(port, headless)]


def launch(folder: Path, *, port: int | None = None, static: Path | None = None, url: str = "") -> int:
    """Serve the records below `folder` (or in one Parquet) until interrupted; or write the site to `static`.

    url: where the site will stand. Returns the exit status: 2 where `folder` does not exist.
    """
    if not folder.exists():
        print(f"{folder} does not exist; name a folder of submissions or a Parquet", file=sys.stderr)
        return 2
    if static is not None:
        print(f"wrote {write(board.read(folder, progress), static, url)}")
        return 0
    server = subprocess.Popen(command(folder, port))
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    try:
        return server.wait()
    except KeyboardInterrupt:
        server.terminate()
        return server.wait()
