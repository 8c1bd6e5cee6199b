"""Where a response goes: straight to our own server's transport, or through any ASGI server.

Both take calls, not awaits, and tell their listener when to stop, go on, or give up. Whatever is
written in one call leaves in one piece, so a caller that writes whole events keeps invariant 1.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Protocol

from sluiceway.client_transport import ClientTransport, TransportListener
from sluiceway.wire.http import Headers

# What may wait in an AsgiSink before the upstream is paused; the size of asyncio's own write buffers.
ASGI_HIGH_WATER_BYTES = 64 * 1024


def _status_line(status: int) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}\r\n".encode()


_STATUS_LINES = {status: _status_line(status) for status in range(100, 600)}


class Sink(Protocol):
    """One response. `start`, then any number of `write`, then `end`; or `respond` alone; or `abort`."""

    started: bool
    bytes_out: int

    def listen(self, listener: TransportListener | None) -> None:
        """Tell `listener` about the client; at once, if it is gone already."""
        ...

    def watch(self) -> None:
        """The request was received to its end: from now on, silence from the client can be watched."""
        ...

    def start(self, status: int, headers: Headers, length: int | None = None) -> None:
        """The head. It leaves with the first write, or with `flush`. `length` None: framed by chunks."""
        ...

    def write(self, data: bytes) -> None:
        """Body bytes, never empty."""
        ...

    def flush(self) -> None:
        """Send the head now."""
        ...

    def end(self, data: bytes = b"") -> None:
        """The last bytes; the response is complete. Cuts the connection if `length` was not reached."""
        ...

    def respond(self, status: int, headers: Headers, body: bytes) -> None:
        """A whole response in one piece."""
        ...

    def abort(self) -> None:
        """Cut the connection, so that the client can't take the response for complete."""
        ...

    async def drained(self) -> None:
        """Everything has been handed to the server."""
        ...


class TransportSink:
    """Writes HTTP/1.1 framing straight to the client's transport (RFC 9112 sections 6 and 7)."""

    __slots__ = (
        "_bodiless",
        "_chunked",
        "_client",
        "_head",
        "_left",
        "_old",
        "_transport",
        "bytes_out",
        "started",
    )

    def __init__(self, client: ClientTransport, scope: Any) -> None:
        self._client = client
        self._transport = client.transport
        self._bodiless = scope["method"] == "HEAD"
        self._old = (
            scope["http_version"] == "1.0"
        )  # knows no chunks: the end of the body is the end of the connection
        self._head = b""
        self._chunked = False
        self._left: int | None = None
        self.started = False
        self.bytes_out = 0

    def listen(self, listener: TransportListener | None) -> None:
        self._client.listen(listener)
        if listener is not None and self._transport.is_closing():
            listener.client_gone()

    def watch(self) -> None:
        """The transport tells by itself."""

    def start(self, status: int, headers: Headers, length: int | None = None) -> None:
        self.started = True
        self._client.begin()
        lines = [_STATUS_LINES[status]]
        lines += [b"%b: %b\r\n" % header for header in self._client.default_headers]
        lines += [b"%b: %b\r\n" % header for header in headers]
        if status in (204, 304) or status < 200:
            self._bodiless = True
        elif length is not None:
            lines.append(b"content-length: %d\r\n" % length)
            self._left = length
        elif not self._old and not self._bodiless:
            lines.append(b"transfer-encoding: chunked\r\n")
            self._chunked = True
        if self._old or not self._client.keep_alive:
            lines.append(b"connection: close\r\n")
        lines.append(b"\r\n")
        self._head = b"".join(lines)

    def write(self, data: bytes) -> None:
        size = len(data)
        if self._bodiless:
            return
        self.bytes_out += size
        if self._chunked:
            framed = b"%x\r\n%b\r\n" % (size, data)
        else:
            framed = data
            if self._left is not None:
                self._left -= size
        if self._head:
            framed = self._head + framed
            self._head = b""
        self._transport.write(framed)

    def flush(self) -> None:
        if self._head:
            self._transport.write(self._head)
            self._head = b""

    def end(self, data: bytes = b"") -> None:
        if self._chunked:
            tail = b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data) if data else b"0\r\n\r\n"
            self.bytes_out += len(data)
            self._transport.write(self._head + tail if self._head else tail)
            self._head = b""
        elif data:
            self.write(data)
        self.flush()
        if self._left and not self._bodiless:
            self.abort()
            return
        self._client.complete(keep_alive=not self._old)

    def respond(self, status: int, headers: Headers, body: bytes) -> None:
        self.start(status, headers, len(body))
        self.end(body)

    def abort(self) -> None:
        self._client.abort()

    async def drained(self) -> None:
        return


class AsgiSink:
    """The same over plain ASGI `send`: a queue and one task, for any server that is not ours.

    Costs a task wake-up per write, which is why it is not the default. The server frames the body.
    """

    def __init__(self, send: Callable[[Any], Awaitable[None]], receive: Callable[[], Awaitable[Any]]) -> None:
        self._send = send
        self._receive = receive
        self._queue: deque[dict[str, Any]] = deque()
        self._queued = 0
        self._wake = asyncio.Event()
        self._listener: TransportListener | None = None
        self._paused = False
        self._cut = False
        self._gone = False
        self._pump: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None
        self.started = False
        self.bytes_out = 0

    def listen(self, listener: TransportListener | None) -> None:
        self._listener = listener
        if listener is not None and self._gone:
            listener.client_gone()

    def watch(self) -> None:
        if self._watch is None:
            self._watch = asyncio.create_task(self._watch_client())

    def start(self, status: int, headers: Headers, length: int | None = None) -> None:
        self.started = True
        if length is not None:
            headers = [*headers, (b"content-length", b"%d" % length)]
        self._queue.append({"type": "http.response.start", "status": status, "headers": headers})
        if self._pump is None:
            self._pump = asyncio.create_task(self._run())

    def write(self, data: bytes) -> None:
        self.bytes_out += len(data)
        self._queued += len(data)
        self._queue.append({"type": "http.response.body", "body": data, "more_body": True})
        self._wake.set()
        if self._queued > ASGI_HIGH_WATER_BYTES and not self._paused and self._listener is not None:
            self._paused = True
            self._listener.client_paused()

    def flush(self) -> None:
        self._queue.append({"type": "http.response.body", "body": b"", "more_body": True})
        self._wake.set()

    def end(self, data: bytes = b"") -> None:
        self.bytes_out += len(data)
        self._queue.append({"type": "http.response.body", "body": data, "more_body": False})
        self._wake.set()

    def respond(self, status: int, headers: Headers, body: bytes) -> None:
        self.start(status, headers, len(body))
        self.end(body)

    def abort(self) -> None:
        self._cut = True
        self._queue.clear()
        if self._pump is not None:
            self._pump.cancel()  # it may be waiting for a client that does not read

    async def drained(self) -> None:
        """Wait until all was sent. Raises `ConnectionAbortedError` after `abort`: servers then cut."""
        if self._watch is not None:
            self._watch.cancel()
        if self._pump is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await self._pump
        if self._cut and not self._gone:
            raise ConnectionAbortedError("the response could not be completed")

    async def _run(self) -> None:
        while True:
            while self._queue:
                message = self._queue.popleft()
                await self._send(message)
                if message["type"] == "http.response.body":
                    self._queued -= len(message["body"])
                    if not message["more_body"]:
                        return
                if self._paused and self._queued <= ASGI_HIGH_WATER_BYTES // 4:
                    self._paused = False
                    if self._listener is not None:
                        self._listener.client_resumed()
            if self._gone:
                return
            self._wake.clear()
            await self._wake.wait()

    async def _watch_client(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        self._wake.set()
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.client_gone()


class _Nowhere:
    """Takes the rest of an answer that is read on after its client has left."""

    started = True
    bytes_out = 0

    def listen(self, listener: TransportListener | None) -> None: ...

    def watch(self) -> None: ...

    def start(self, status: int, headers: Headers, length: int | None = None) -> None: ...

    def write(self, data: bytes) -> None: ...

    def flush(self) -> None: ...

    def end(self, data: bytes = b"") -> None: ...

    def respond(self, status: int, headers: Headers, body: bytes) -> None: ...

    def abort(self) -> None: ...

    async def drained(self) -> None: ...


NOWHERE: Sink = _Nowhere()
