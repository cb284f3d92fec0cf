"""A worker as the coordinator handles it: start it, exchange messages under a watch, end it with all its children."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

from retouch.benchmark.records import Status
from retouch.benchmark.support import plugins
from retouch.benchmark.worker import apart, cgroup, fork, limits, sandbox
from retouch.benchmark.worker.channel import Channel
from retouch.benchmark.worker.limits import Place

LOG = 20_000  # bytes of what a method prints that are kept


class RunFailed(Exception):
    """A run without scores; the message has cause and remedy. `printed`: the end of what the method printed."""

    def __init__(self, message: str, status: Status = "failed", printed: str = "") -> None:
        super().__init__(message)
        self.status, self.printed = status, printed


class Stopped(BaseException):
    """The grid stops. No Exception: nothing that handles the failure of a run may take it for one."""


class Session:
    """A worker for one run, as a context manager: at its end no process of the worker is left.

    Args:
        folder: holds reveal/, what the worker may see; without a sandbox it works beside that.
        submission: the submission's folder; device: a torch device; memory_mb: what the worker may use.
        packages: the folder of the submission's own packages, if it has any.
        on_progress: called with the steps done and the steps in all.
        on_checkpoint: with a checkpoint, not to be read, and the `progress` before it.
        stop: ends whatever waits for the worker, within a twentieth of a second.
    """

    def __init__(
        self, folder: Path, submission: Path, *, device: str, memory_mb: int, sandboxed: bool,
        on_progress: Callable[[int, int], None], on_checkpoint: Callable[[bytes, dict[str, Any]], None],
        stop: Event, packages: Path | None = None,
    ) -> None:  # fmt: skip
        self._on_progress, self._on_checkpoint, self._log, self._stop = on_progress, on_checkpoint, b"", stop
        ours, theirs = socket.socketpair()
        self._printed, printer = fork.CONTEXT.Pipe(duplex=False)
        os.set_blocking(self._printed.fileno(), False)
        self._on_accelerator = device.startswith("cuda")
        memory = 0 if self._on_accelerator else memory_mb  # CUDA reserves far more than it uses
        self._group = cgroup.make(memory, limits.PROCESSES + 5) if memory else None
        place = Place(
            str(folder / "reveal"), str(submission.resolve()), str(folder / "work"), memory, path=plugins.path(),
            packages=str(packages or ""), watchers=(os.getpid(),), group=str(self._group or ""),
        )  # fmt: skip
        if sandboxed:
            self._process: Any = sandbox.worker(theirs, printer, place, device)
        else:
            self._process = (apart if packages else fork).worker(theirs, printer, place)
        theirs.close()
        printer.close()
        self.channel = Channel(ours)
        ours.settimeout(30)  # of sending, for a worker that does not read
        self.watch = limits.Watch(self._process.pid, memory_mb, None if sandboxed else folder / "work")

    @property
    def peak_mb(self) -> float:
        """The most memory that a look at the worker measured; 0 on an accelerator, where the worker reports it."""
        return 0.0 if self._on_accelerator else self.watch.peak

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.watch.end()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.join(5)
        if self._group:
            cgroup.end(self._group)
        self.channel.end.close()
        self._printed.close()

    def tell(self, payload: bytes = b"", **message: Any) -> None:
        """Send the worker a message."""
        try:
            self.channel.send(payload, **message)
        except OSError:
            raise self._dead() from None

    def hear(self, expected: str, seconds: float, limit: int = 0) -> tuple[dict[str, Any], bytes]:
        """The worker's message called `expected`, with at most `limit` bytes behind it.

        Raises:
            TimeoutError: after `seconds`.
            RunFailed: the worker reports a failure, died, exceeded a limit, or sent another message.
            Stopped: the grid stops.
        """
        self.channel.limit = limit
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._stop.is_set():
                raise Stopped
            try:
                reply = self.channel.receive(0.05)
            except EOFError:
                raise self._dead() from None
            except ValueError as error:
                raise _protocol_error(str(error)) from None
            self._read_log()
            try:
                self.watch.look()
            except limits.OverLimit as error:
                raise RunFailed(str(error), "over_budget") from None
            if reply and (expected in reply[0] or not self._handle_report(*reply)):
                message, payload = reply
                if "failed" in message:
                    raise RunFailed(f"{str(message['failed'])[:2500]}{self._last_lines()}")
                if expected not in message:
                    raise _protocol_error(f"{', '.join(map(repr, message))[:200]} where {expected!r} was due")
                return message, payload
        raise TimeoutError

    def _handle_report(self, message: dict[str, Any], payload: bytes) -> bool:
        """Handle a report of progress or a checkpoint, which may come at any time; False for any other message."""
        if "step" in message:
            self._on_progress(*(int(number(message, name, 0, 1e12)) for name in ("step", "of")))
        elif "checkpoint" in message:
            self._on_checkpoint(payload, progress(message))
        else:
            return "imported" in message  # it comes late where the import took longer than was waited
        return True

    def _read_log(self) -> None:
        with contextlib.suppress(OSError):
            for _ in range(100):  # a method that prints without end waits for the next turn
                part = os.read(self._printed.fileno(), 65_536)
                self._log = (self._log + part)[-LOG:]
                if not part:
                    break

    def printed(self) -> str:
        """The end of what the method printed, as plain text."""
        self._read_log()
        return "".join(c for c in self._log.decode(errors="replace") if c.isprintable() or c == "\n").strip()

    def _last_lines(self) -> str:
        """The last lines that the method printed, for the record's reason."""
        tail = "\n".join(self.printed().splitlines()[-5:])
        return f"; it printed last:\n{tail}" if tail else ""

    def _dead(self) -> RunFailed:
        self._process.join(2)
        if self._group and cgroup.out_of_memory(self._group):
            return RunFailed(
                f"the worker used more than the {self.watch.memory_mb} MB that the track allows", "over_budget"
            )
        code = self._process.exitcode
        if code is None:
            return RunFailed("the worker does not listen any more; a method must leave its channel alone")
        signal_number = -code if code < 0 else code - 128  # directly, or as a sandbox's shell reports it
        cause = f"was ended by {_signal_name(signal_number)}" if signal_number > 0 else f"left with exit code {code}"
        return RunFailed(f"the worker {cause} before it had answered{self._last_lines()}")


def progress(message: dict[str, Any]) -> dict[str, Any]:
    """What a worker says that its edit took: operations with what was charged, charged steps, gradient steps, cut."""
    limits = {"operations": 1e18, "charged": 1e9, "steps": 1e12}
    counts = {name: int(number(message, name, 0, most)) for name, most in limits.items()}
    return counts | {"cut": message.get("cut") is True}


def number(message: dict[str, Any], name: str, low: float, high: float) -> float:
    """A number in a worker's message; RunFailed if it is no number or not between `low` and `high`."""
    value = message.get(name)
    if isinstance(value, int | float) and low <= value <= high:
        return value
    raise _protocol_error(f"{name} = {str(value)[:50]!r}, which has to lie between {low:g} and {high:g}")


def _protocol_error(what: str) -> RunFailed:
    return RunFailed(f"the worker's channel carried what is no message of it ({what}); a method must not touch it")


def _signal_name(value: int) -> str:
    try:
        return signal.Signals(value).name
    except ValueError:
        return f"signal {value}"
