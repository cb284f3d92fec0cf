"""Messages between coordinator and worker: JSON followed by bytes, over a socket. Nothing is unpickled."""

from __future__ import annotations

import json
import select
import socket
import struct
import time
from typing import Any

HEAD = struct.Struct("!IQ")  # bytes of JSON, bytes of payload
MOST_JSON = 65_536  # bytes that the JSON of a message may have
CHUNK = 1 << 20


class Channel:
    """One end of the socket. `receive` never blocks for longer than its `seconds`, whatever the other end does.

    Args:
        end: a connected socket; limit: bytes that a received payload may have.
    """

    def __init__(self, end: socket.socket, limit: int = 1 << 40) -> None:
        self.end, self.limit = end, limit
        self._buffer = bytearray()

    def send(self, payload: bytes = b"", **message: Any) -> None:
        """Send a message and its payload; OSError if the other end is closed or does not read."""
        text = json.dumps(message).encode()
        self.end.sendall(HEAD.pack(len(text), len(payload)) + text)
        if payload:  # the other end may have answered and left already, and even no byte finds it gone then
            self.end.sendall(payload)

    def receive(self, seconds: float | None = None) -> tuple[dict[str, Any], bytes] | None:
        """The next message with its payload; None if it is not complete after `seconds` (None: no limit).

        Raises:
            EOFError: the other end is closed.
            ValueError: what arrived is no message, or is larger than allowed.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        while (message := self._next_message()) is None:
            remaining = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not select.select([self.end], [], [], remaining)[0]:
                return None
            try:
                part = self.end.recv(CHUNK)
            except ConnectionError:
                part = b""
            if not part:
                raise EOFError
            self._buffer += part
        return message

    def wait(self) -> tuple[dict[str, Any], bytes]:
        """The next message with its payload, however long it takes; errors as `receive`."""
        while (message := self.receive()) is None:
            pass
        return message

    def _next_message(self) -> tuple[dict[str, Any], bytes] | None:
        if len(self._buffer) < HEAD.size:
            return None
        text, payload = HEAD.unpack_from(self._buffer)
        if text > MOST_JSON or payload > self.limit:
            raise ValueError(f"a message of {text} and {payload} bytes; at most {MOST_JSON} and {self.limit} are taken")
        middle, end = HEAD.size + text, HEAD.size + text + payload
        if len(self._buffer) < end:
            return None
        try:
            message = json.loads(self._buffer[HEAD.size : middle])
        except RecursionError:
            raise ValueError("JSON that is nested too deeply") from None
        if not isinstance(message, dict):
            raise ValueError("JSON that is no object")
        result = message, bytes(self._buffer[middle:end])
        del self._buffer[:end]
        return result
