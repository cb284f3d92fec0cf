"""Fork workers without a sandbox from a server process that has imported torch, and diffusers where needed, once."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from types import ModuleType
from typing import Any

from retouch.benchmark import generators
from retouch.benchmark.worker import cgroup, limits
from retouch.benchmark.worker.limits import Place

CONTEXT = multiprocessing.get_context("forkserver")
IMPORTED = ["retouch.benchmark.worker.main", "torchvision"]
CONTEXT.set_forkserver_preload(IMPORTED)
ADOPT = 36  # prctl: orphans among the descendants become children of this process, wherever they have gone
_hiding = threading.Lock()  # of the main module: runs are started by several threads


def start(families: Iterable[str]) -> None:
    """Start the server for workers that will load generators of these families; without families do nothing.

    The server imports in parallel with the caller. Call this before any thread starts, since it changes the environment
    for a moment. The first call decides what the server imports: diffusers, which takes seconds, only for diffusion.
    """
    sources = [generators.source(name) for name in families]
    if sources:
        CONTEXT.set_forkserver_preload([*IMPORTED, *(name for name in sources if not name.endswith(".py"))])
        _start()


@cache
def _start() -> None:
    environment = dict(os.environ)
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # Ctrl-C is the coordinator's alone
    try:
        os.environ.clear()
        os.environ.update(limits.environment("/nonexistent"))
        forkserver.ensure_running()
    finally:
        os.environ.clear()
        os.environ.update(environment)
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)


def worker(end: socket.socket, log: Connection, place: Place) -> Any:
    """Start a worker without a sandbox, below a keeper process that ends after it and kills all that it started."""
    _start()
    process = CONTEXT.Process(target=keep, args=(end, log, place), daemon=True)
    with _hiding:
        main, sys.modules["__main__"] = sys.modules["__main__"], ModuleType("__main__")
        try:  # multiprocessing has a child import its parent's script, which may start the runs unguarded
            process.start()
        finally:
            sys.modules["__main__"] = main
    return process


def keep(end: socket.socket, log: Any, place: Place) -> None:
    """Be the keeper: start the worker, wait for its end, and end all that it has started."""
    if os.getsid(0) != os.getpid():  # `apart` starts its own as the leader of a session
        os.setsid()
    if place.group:
        cgroup.enter(place.group)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(ADOPT, 1, 0, 0, 0)
    server = os.getppid()
    place = replace(place, watchers=(os.getpid(), server, *place.watchers))
    child = os.fork()
    if child == 0:
        from retouch.benchmark.worker.main import work

        os.setpgid(0, 0)  # its group is not the keeper's: it may end that
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        log.close()
        work(end, place)
    end.close()
    log.close()
    status = _wait(child, server)
    limits.Watch(os.getpid(), 0, None).end()
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)


def _wait(child: int, server: int) -> int:
    """Wait for the worker and return its exit status; SIGKILL's if the server is gone, and with it the coordinator."""
    while os.getppid() == server:
        pid, status = os.waitpid(-1, os.WNOHANG)  # this reaps orphans, too
        if pid == child:
            return status
        if pid == 0:
            time.sleep(0.05)
    return signal.SIGKILL
