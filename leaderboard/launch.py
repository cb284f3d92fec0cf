"""Starts the board: reads the records once, then serves."""

import os
import subprocess
import sys
import time
from pathlib import Path

from leaderboard import board
from leaderboard import static as snapshot
from leaderboard.shell import SOURCE

APP = Path(__file__).parent / "app.py"
COLOURS = {  # Streamlit's own controls in the board's ink
    "theme.light.primaryColor": "#0072B2", "theme.dark.primaryColor": "#4FA9E0",
    "theme.light.backgroundColor": "#FFFFFF", "theme.dark.backgroundColor": "#171614",
    "theme.light.secondaryBackgroundColor": "#F6F5F3", "theme.dark.secondaryBackgroundColor": "#242220",
    "theme.light.textColor": "#2A2826", "theme.dark.textColor": "#E8E6E3",
}  # fmt: skip


def flags(port: int | None = None, headless: bool | None = None) -> list[str]:
    """Streamlit's options: no telemetry, no file watching, small uploads, a browser only where there is a display."""
    display = sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    options = {
        "browser.gatherUsageStats": "false", "server.headless": str(not display if headless is None else headless).lower(),
        "server.fileWatcherType": "none", "server.runOnSave": "false", "server.maxUploadSize": "50",
        "server.address": "localhost", "client.toolbarMode": "minimal", "client.showErrorDetails": "none", **COLOURS,
    }  # fmt: skip
    if port is not None:
        options["server.port"] = str(port)
    return [f"--{name}={value}" for name, value in options.items()]


def launch(folder: Path, *, port: int | None = None, static: Path | None = None) -> int:
    """Serve the records below `folder` (or in one Parquet) until interrupted; or write them as plain HTML to `static`."""
    if not folder.exists():
        print(f"{folder} does not exist; name a folder of submissions or a Parquet", file=sys.stderr)
        return 2
    start = time.monotonic()
    view = board.read(folder, _progress)
    print(f"{len(view.runs):,} records, {len(view.records.rejected)} rejected, {time.monotonic() - start:.1f} s", flush=True)
    if static is not None:
        print(f"wrote {snapshot.write(view, static)}")
        return 0
    command = [sys.executable, "-m", "streamlit", "run", str(APP), *flags(port)]
    try:
        return subprocess.call(command, env={**os.environ, SOURCE: str(folder.resolve())})
    except KeyboardInterrupt:
        return 0


def _progress(done: int, total: int) -> None:
    if total > 1000 and sys.stderr.isatty():
        print(f"\rreading records: {done:,} of {total:,}", end="" if done < total else "\n", file=sys.stderr, flush=True)
