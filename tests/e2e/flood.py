"""Many clients at once, each of which knows exactly how every one of its requests ended."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from sluiceway.mock.testing import RunningMock


class Ends(Counter[str]):
    """How requests ended. Good: `ok`, `told to leave` (503 and `connection: close`), `refused` (no connection),
    `in-band error`. Bad: `reset`, `truncated`, `closed` (without a response), or whatever else."""

    over = False  # clients that go on and on then end

    @property
    def bad(self) -> dict[str, int]:
        good = ("ok", "told to leave", "refused", "in-band error")
        return {name: count for name, count in self.items() if name not in good}


class Answer:
    """`status`, `headers`, and how it ended."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def is_last(self) -> bool:
        return self.headers.get("connection") == "close"

    @property
    def end(self) -> str:
        if self.status == 503:
            return "told to leave" if self.is_last and b'"draining"' in self.body else "503"
        if self.status != 200:
            return str(self.status)
        if "event-stream" not in self.headers["content-type"]:
            return "ok" if self.body.endswith(b"}") else "truncated"
        if self.body.endswith(b"data: [DONE]\n\n"):
            return "ok"
        return "in-band error" if b'"draining"' in self.body else "truncated"


class Connection:
    """HTTP/1.1 by hand, so that nothing is retried or hidden."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def ask(self, body: dict[str, Any], key: str = "") -> Answer:
        self.send(body, key)
        return await self.answer()

    def send(self, body: dict[str, Any], key: str = "") -> None:
        encoded = msgspec.json.encode(body)
        credentials = f"authorization: Bearer {key}\r\n" if key else ""
        self.writer.write(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\ncontent-type: application/json\r\n"
            b"%bcontent-length: %d\r\n\r\n%b" % (credentials.encode(), len(encoded), encoded)
        )

    async def answer(self) -> Answer:
        """Raises `EOFError` if the connection ends before a response, `IncompleteReadError` if within one."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            if not error.partial:
                raise EOFError from None
            raise
        lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:] if line)
        return Answer(int(lines[0].split(" ")[1]), headers, await self._body(headers))

    async def _body(self, headers: dict[str, str]) -> bytes:
        if "content-length" in headers:
            return await self.reader.readexactly(int(headers["content-length"]))
        body = b""
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            body += await self.reader.readexactly(size)
            await self.reader.readexactly(2)
        await self.reader.readexactly(2)
        return body


@contextlib.asynccontextmanager
async def connected(port: int) -> AsyncIterator[Connection]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Connection(reader, writer)
    finally:
        writer.close()


def end_of(error: Exception) -> str:
    """The name of an end that was no answer."""
    match error:
        case ConnectionRefusedError():
            return "refused"
        case ConnectionResetError() | BrokenPipeError():
            return "reset"
        case EOFError() if not isinstance(error, asyncio.IncompleteReadError):
            return "closed"
        case asyncio.IncompleteReadError():
            return "truncated"
        case _:
            return repr(error)


def asked_so_far(mock: RunningMock) -> int:
    """The number of the latest request."""
    return mock.last.number if mock.requests else 0


def begun(mock: RunningMock, before: int) -> int:
    """How many streams after that one the provider has begun to answer, as long as it remembers all of them."""
    return sum(
        request.stream and request.bytes_written > 0 for request in mock.requests if request.number > before
    )


async def one(port: int, body: dict[str, Any], ends: Ends, key: str = "") -> None:
    """One request on a connection of its own."""
    try:
        async with connected(port) as connection:
            ends[(await connection.ask(body, key)).end] += 1
    except (OSError, EOFError, ValueError) as error:
        ends[end_of(error)] += 1


async def again_and_again(
    port: int, body: dict[str, Any], ends: Ends, *, keep: bool, pause_s: float = 0.0
) -> None:
    """Requests one after another until nobody listens any more; with `keep` on one connection while it lasts."""
    while not ends.over:
        try:
            async with connected(port) as connection:
                is_kept = True
                while is_kept and not ends.over:
                    answer = await connection.ask(body)
                    ends[answer.end] += 1
                    await asyncio.sleep(pause_s)
                    is_kept = keep and not answer.is_last
        except (OSError, EOFError, ValueError) as error:
            ends[end_of(error)] += 1
            ends.over = True
