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


def test_who_answers_and_leaves_at_once_is_heard():
    ours, theirs = socket.socketpair()

    class Answered:  # the other end answers as soon as the message's first bytes are there
        def sendall(self, data):
            ours.sendall(data)
            if theirs.fileno() >= 0:
                assert Channel(theirs).receive(1) == ({"kind": "end"}, b"")
                Channel(theirs).send(memory=1)
                theirs.close()

    Channel(Answered()).send(kind="end")
    assert Channel(ours).receive(1) == ({"memory": 1}, b"")
