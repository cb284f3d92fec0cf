"""What coordinator and worker say to one another: JSON with bytes behind it, over a socket. Nothing is unpickled."""

from __future__ import annotations

import json
import select
import socket
import struct
import time
from typing import Any

HEAD = struct.Struct("!IQ")  # bytes of JSON, bytes of payload
TEXT = 65_536  # bytes that the JSON of a message may have
CHUNK = 1 << 20


class Channel:
    """One end of the conversation. Never blocks for longer than it is told to, whatever the other end does.

    Args:
        end: a connected socket; limit: bytes that a received payload may have.
    """

    def __init__(self, end: socket.socket, limit: int = 1 << 40) -> None:
        self.end, self.limit = end, limit
        self._held = bytearray()

    def send(self, payload: bytes = b"", **message: Any) -> None:
        """Send a message and its payload; OSError if the other end is gone, or does not listen."""
        text = json.dumps(message).encode()
        self.end.sendall(HEAD.pack(len(text), len(payload)) + text)
        self.end.sendall(payload)

    def receive(self, seconds: float | None = None) -> tuple[dict[str, Any], bytes] | None:
        """The next message with its payload; None if it is not whole after `seconds` (None: wait for it).

        Raises:
            EOFError: the other end is closed.
            ValueError: not a message, or a larger one than is allowed.
        """
        until = None if seconds is None else time.monotonic() + seconds
        while (message := self._whole()) is None:
            left = None if until is None else max(0.0, until - time.monotonic())
            if not select.select([self.end], [], [], left)[0]:
                return None
            try:
                part = self.end.recv(CHUNK)
            except ConnectionError:
                part = b""
            if not part:
                raise EOFError
            self._held += part
        return message

    def _whole(self) -> tuple[dict[str, Any], bytes] | None:
        if len(self._held) < HEAD.size:
            return None
        text, payload = HEAD.unpack_from(self._held)
        if text > TEXT or payload > self.limit:
            raise ValueError(f"a message of {text} and {payload} bytes; at most {TEXT} and {self.limit} are taken")
        middle, end = HEAD.size + text, HEAD.size + text + payload
        if len(self._held) < end:
            return None
        try:
            message = json.loads(self._held[HEAD.size : middle])
        except RecursionError:
            raise ValueError("JSON that is nested too deeply") from None
        if not isinstance(message, dict):
            raise ValueError("JSON that is no object")
        found = message, bytes(self._held[middle:end])
        del self._held[:end]
        return found
