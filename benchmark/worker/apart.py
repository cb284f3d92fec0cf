"""A worker without a sandbox whose submission has packages of its own: a Python of its own, below the same keeper.

The server that other workers are forked from has imported the harness's packages already.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from dataclasses import asdict
from multiprocessing.connection import Connection

from retouch.benchmark.worker import fork, limits
from retouch.benchmark.worker.limits import Place
from retouch.benchmark.worker.sandbox import SandboxProcess


def worker(end: socket.socket, log: Connection, place: Place) -> SandboxProcess:
    """Start it; `place.packages` come first in its search path."""
    command = [sys.executable, "-P", "-s", "-m", __name__, str(end.fileno()), json.dumps(asdict(place))]
    return SandboxProcess(command, pass_fds=(end.fileno(),), stdin=subprocess.DEVNULL, stdout=log.fileno(),
                          stderr=log.fileno(), cwd="/", start_new_session=True, env=limits.environment("/nonexistent") |
                          {"PYTHONPATH": place.packages})  # fmt: skip


if __name__ == "__main__":
    fork.keep(socket.socket(fileno=int(sys.argv[1])), os.fdopen(os.dup(1), "wb"), Place(**json.loads(sys.argv[2])))
