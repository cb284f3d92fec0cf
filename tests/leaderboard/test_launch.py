"""The board's process: who ends it ends its server."""

import signal
import subprocess
import sys
import time
import tomllib
from functools import partial
from pathlib import Path

import psutil
import pytest

from retouch.leaderboard.serve import launch

HOST = Path(__file__).parents[2] / "leaderboard/host"

SCRIPT = """
import sys
from pathlib import Path
from retouch.leaderboard.serve import launch
launch.command = lambda folder, port: [sys.executable, "-c", "import time; time.sleep(120)"]
sys.exit(launch.launch(Path(".")))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_too(number):
    heard = partial(signal.signal, signal.SIGINT, signal.default_int_handler)  # also where pytest ignores it
    board = subprocess.Popen([sys.executable, "-c", SCRIPT], preexec_fn=heard)
    until = time.monotonic() + 60
    while not (children := psutil.Process(board.pid).children()) and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(0.2)  # until it waits for its server
    board.send_signal(number)
    board.wait(20)
    assert children and not any(child.is_running() and child.status() != "zombie" for child in children)


def test_a_host_gets_the_options_of_the_command():
    config = tomllib.loads((HOST / ".streamlit/config.toml").read_text())
    options = dict(flag.removeprefix("--").split("=") for flag in launch.flags(headless=True))
    own = {"server.headless", "server.address"}  # a host has its own
    assert {name: str(value).lower() for name, value in flat(config)} == {
        name: value.lower() for name, value in options.items() if name not in own
    }


def flat(table, prefix=""):
    """The values of nested tables, by their dotted names."""
    for name, value in table.items():
        yield from flat(value, f"{prefix}{name}.") if isinstance(value, dict) else [(prefix + name, value)]
