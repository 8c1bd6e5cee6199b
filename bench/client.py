"""The driver's side of HTTP: connections that parse as little as possible, and followers of streams."""

from __future__ import annotations

import asyncio
import json
import re
import time
from array import array
from typing import Protocol

import httptools

EVENT = re.compile(rb'"t(\d{19})"')
EVENT_BYTES = 22
CONNECTING = 32
CONNECTING_PAUSE_S = 0.005
"""Connections being opened at once, and the pause after them: some gateways listen with a backlog of 128."""


class BenchError(Exception):
    """The run can't be counted: the gateway answered wrongly, too late or not at all."""


class Listener(Protocol):
    """Who is told what comes on a connection. `now`: the monotonic clock in nanoseconds."""

    def body(self, data: bytes, now: int) -> None: ...
    def complete(self, status: int, now: int) -> None: ...
    def lost(self) -> None: ...


class Connection(asyncio.Protocol):
    """One connection to the gateway under test; one exchange at a time."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._listener: Listener | None = None
        self._now = 0

    def send(self, request: bytes, listener: Listener) -> None:
        """Send one request; its answer goes to `listener`."""
        self._listener = listener
        self.transport.write(request)

    def close(self) -> None:
        """Leave, as a client does that is no longer interested: without a further word to the listener."""
        self._listener = None
        self.transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._now = time.monotonic_ns()
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.lost()

    def on_body(self, body: bytes) -> None:
        if self._listener is not None:
            self._listener.body(body, self._now)

    def on_message_complete(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.complete(self._parser.get_status_code(), self._now)


class Whole:
    """Collects one whole answer."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        self._body = b""

    def body(self, data: bytes, now: int) -> None:
        self._body += data

    def complete(self, status: int, now: int) -> None:
        self.answer.set_result((status, self._body))

    def lost(self) -> None:
        self.answer.set_exception(BenchError("connection lost before the answer was complete"))


class Stream:
    """Follows one event stream, and reads from each event how long ago the upstream wrote it.

    `delays`: nanoseconds from the upstream's write to our read, in order. `first`: resolves with the
    first event, or fails. `end`: resolves at the end, or fails with `BenchError` if the stream is short.
    """

    def __init__(self, expected: int) -> None:
        loop = asyncio.get_running_loop()
        self.first: asyncio.Future[None] = loop.create_future()
        self.end: asyncio.Future[None] = loop.create_future()
        self.delays = array("q")
        self.sent_ns = time.monotonic_ns()
        self.first_ns = 0
        self._expected = expected
        self._carry = b""
        self._done = False

    def body(self, data: bytes, now: int) -> None:
        if self._carry:
            data = self._carry + data
        read = 0
        for match in EVENT.finditer(data):
            self.delays.append(now - int(match[1]))
            read = match.end()
        if not self.first_ns and self.delays:
            self.first_ns = now
            self.first.set_result(None)
        self._done = self._done or b"[DONE]" in data
        # A stamp may be split between two reads.
        self._carry = data[max(read, len(data) - EVENT_BYTES + 1) :]

    def complete(self, status: int, now: int) -> None:
        if status == 200 and self._done and len(self.delays) == self._expected:
            self.end.set_result(None)
        else:
            self._fail(
                f"status {status}, {len(self.delays)} of {self._expected} events, [DONE] {self._done}: "
                f"{self._carry.decode(errors='replace')}"
            )

    def lost(self) -> None:
        self._fail(f"connection lost after {len(self.delays)} of {self._expected} events")

    def _fail(self, why: str) -> None:
        for future in (self.first, self.end):
            if not future.done():
                future.set_exception(BenchError(why))
                future.exception()  # not everybody waits for both


async def connect(port: int, count: int) -> list[Connection]:
    """`count` open connections to a loopback port."""
    loop = asyncio.get_running_loop()
    opened: list[Connection] = []
    while len(opened) < count:
        some = min(CONNECTING, count - len(opened))
        made = [loop.create_connection(Connection, "127.0.0.1", port) for _ in range(some)]
        opened += [protocol for _, protocol in await asyncio.gather(*made)]
        await asyncio.sleep(CONNECTING_PAUSE_S)
    return opened


def chat(port: int, *, model: str, key: str, stream: bool, tag: int = 0) -> bytes:
    """One chat request, head and body, as an SDK would send it (about 500 bytes)."""
    question = f"How does a sluice work? Answer in one paragraph, please. tag-{tag}"
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": question}]
    fields = {"model": model, "messages": messages, "temperature": 0.7, "max_tokens": 512, "stream": stream}
    body = json.dumps(fields).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n"
        f"authorization: Bearer {key}\r\ncontent-type: application/json\r\naccept: application/json\r\n"
        f"user-agent: sluiceway-bench/1\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def ask(port: int, request: bytes) -> tuple[int, bytes]:
    """One request on a connection of its own: status and body. Raises `BenchError` or `OSError`."""
    [connection] = await connect(port, 1)
    whole = Whole()
    connection.send(request, whole)
    try:
        return await whole.answer
    finally:
        connection.close()


def get(port: int, path: str) -> bytes:
    """A GET without a body."""
    return f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n\r\n".encode()
