"""The one way out of a sandbox in which packages are installed: a proxy that lets through to the package index alone.

Outside, `Gate` listens on a socket that is a file. Inside, where there is no network, `main` offers that socket as a
proxy on the sandbox's own loopback to the command that it runs.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

HEAD = 65_536  # bytes of a request's head, at most
CHUNK = 1 << 16
Host = tuple[str, int]


class Gate:
    """A proxy on a socket file, as a context manager, that connects to some hosts and refuses all others."""

    def __init__(self, place: Path, hosts: set[Host]) -> None:
        self.place, self.hosts = place, hosts

    def __enter__(self) -> Gate:
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(self.place))
        self.place.chmod(0o666)  # the sandbox's user is another
        self._server.listen()
        threading.Thread(target=_serve, args=(self._server, self._answer), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits for a caller
        self._server.close()
        self.place.unlink(missing_ok=True)

    def _answer(self, client: socket.socket) -> None:
        """One request: CONNECT for https, an absolute address for http."""
        head, rest = _head(client)
        method, target, version = head.split(b"\r\n")[0].decode("latin-1").split(" ")
        address = urlsplit(f"//{target}" if method == "CONNECT" else target)
        host = address.hostname or "", address.port or 80
        if host not in self.hosts:
            return client.sendall(b"HTTP/1.1 403 only the package index is let through\r\nContent-Length: 0\r\n\r\n")
        with socket.create_connection(host, 60) as upstream:
            upstream.settimeout(None)
            if method == "CONNECT":
                client.sendall(b"HTTP/1.1 200 connected\r\n\r\n")
            else:
                path = (address.path or "/") + (f"?{address.query}" if address.query else "")
                lines = [line for line in head.split(b"\r\n")[1:] if not line.lower().startswith(b"connection:")]
                first = f"{method} {path} {version}".encode("latin-1")
                upstream.sendall(b"\r\n".join([first, b"Connection: close", *lines]) + b"\r\n\r\n")
            upstream.sendall(rest)
            _join(client, upstream)


def _head(client: socket.socket) -> tuple[bytes, bytes]:
    """A request's head without the empty line at its end, and what has come behind it."""
    received = b""
    while b"\r\n\r\n" not in received:
        part = client.recv(CHUNK)
        if not part or len(received) > HEAD:
            raise OSError("no request")
        received += part
    head, _, rest = received.partition(b"\r\n\r\n")
    return head, rest


def _serve(server: socket.socket, answer: Callable[[socket.socket], None]) -> None:
    """Answer each connection in a thread of its own, until the server is closed."""
    with contextlib.suppress(OSError):
        while True:
            client = server.accept()[0]
            threading.Thread(target=_guarded, args=(answer, client), daemon=True).start()


def _guarded(answer: Callable[[socket.socket], None], client: socket.socket) -> None:
    with contextlib.suppress(OSError, ValueError), client:
        answer(client)


def _join(one: socket.socket, other: socket.socket) -> None:
    """Carry bytes both ways until both ends are done."""
    back = threading.Thread(target=_pump, args=(other, one), daemon=True)
    back.start()
    _pump(one, other)
    back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while part := source.recv(CHUNK):
            sink.sendall(part)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def main(place: str, *command: str) -> int:
    """Run a pip command whose only network is the socket file PLACE; returns its exit code."""
    server = socket.create_server(("127.0.0.1", 0))

    def answer(client: socket.socket) -> None:
        with socket.socket(socket.AF_UNIX) as upstream:
            upstream.connect(place)
            _join(client, upstream)

    threading.Thread(target=_serve, args=(server, answer), daemon=True).start()
    return subprocess.call([*command, "--proxy", f"http://127.0.0.1:{server.getsockname()[1]}"])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
