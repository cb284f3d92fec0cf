"""Messages between worker and coordinator."""

import socket
import threading
import time

import pytest

from retouch.benchmark.worker.channel import HEAD, Channel


def test_half_a_message_keeps_nobody_waiting():
    ours, theirs = socket.socketpair()
    channel = Channel(ours, limit=10)
    theirs.sendall(HEAD.pack(100, 0) + b'{"a":')
    began = time.monotonic()
    assert channel.receive(0.1) is None and time.monotonic() - began < 1
    theirs.close()
    with pytest.raises(EOFError):
        channel.receive(0.1)
    for bad in (HEAD.pack(1 << 31, 0), HEAD.pack(2, 11) + b"{}", HEAD.pack(2, 0) + b"[]", HEAD.pack(1, 0) + b"{",
                HEAD.pack(60_000, 0) + b"[" * 60_000):  # fmt: skip
        ours, theirs = socket.socketpair()
        threading.Thread(target=theirs.sendall, args=(bad,), daemon=True).start()
        with pytest.raises(ValueError):
            Channel(ours, limit=10).receive(2)
