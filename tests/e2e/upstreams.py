"""An upstream that does what a test tells it, byte by byte: for what the simulated provider does not do."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import msgspec


class Asked:
    """One request as it came: `head` with its lines, and the connection behind it."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.received = b""
        self.head = self.read_until(b"\r\n\r\n").decode("latin-1")

    def read_until(self, wanted: bytes) -> bytes:
        """Everything up to and with `wanted`; raises `EOFError`."""
        while wanted not in self.received:
            self._more()
        end = self.received.index(wanted) + len(wanted)
        taken, self.received = self.received[:end], self.received[end:]
        return taken

    def header(self, name: str) -> str | None:
        """The first header of that name, in lower case."""
        for line in self.head.split("\r\n")[1:]:
            if line.lower().startswith(f"{name}: "):
                return line.split(": ", 1)[1]
        return None

    def body_bytes(self) -> int:
        """Read the body to its end, and say how long it was."""
        if self.header("transfer-encoding") == "chunked":
            total = 0
            while size := int(self.read_until(b"\r\n"), 16):
                total += size
                self._skip(size + 2)
            self._skip(2)
            return total
        length = int(self.header("content-length") or 0)
        self._skip(length)
        return length

    def answer(self, data: bytes) -> None:
        """Any bytes."""
        self.connection.sendall(data)

    def respond(self, body: object, status: int = 200, *headers: str) -> None:
        """A whole JSON response."""
        encoded = msgspec.json.encode(body)
        lines = [f"HTTP/1.1 {status} Whatever", "content-type: application/json", *headers]
        lines.append(f"content-length: {len(encoded)}")
        self.answer("\r\n".join([*lines, "", ""]).encode() + encoded)

    def _skip(self, size: int) -> None:
        while size > 0:
            if not self.received:
                self._more()
            taken = min(size, len(self.received))
            self.received = self.received[taken:]
            size -= taken

    def _more(self) -> None:
        data = self.connection.recv(1 << 18)
        if not data:
            raise EOFError(self.received[-200:])
        self.received += data


class ScriptedUpstream:
    """`base_url` for the gateway; `heads` are the requests so far, `connections` how many were made."""

    def __init__(self, port: int) -> None:
        self.base_url = f"http://127.0.0.1:{port}/v1"
        self.heads: list[str] = []
        self.connections = 0


@contextlib.contextmanager
def scripted_upstream(script: Callable[[Asked], None]) -> Iterator[ScriptedUpstream]:
    """Runs `script` for each request; the connection is kept until the other side, or an error, ends it."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    upstream = ScriptedUpstream(listener.getsockname()[1])
    open_ones: set[socket.socket] = set()

    def serve(connection: socket.socket) -> None:
        with contextlib.suppress(OSError, EOFError), connection:
            while True:
                asked = Asked(connection)
                upstream.heads.append(asked.head)
                script(asked)
        open_ones.discard(connection)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connection.settimeout(40)
                upstream.connections += 1
                open_ones.add(connection)
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield upstream
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in list(open_ones):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        thread.join(5)
