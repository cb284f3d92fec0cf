"""The board's process: who ends it ends its server."""

import signal
import subprocess
import sys
import time
from functools import partial

import psutil
import pytest

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
