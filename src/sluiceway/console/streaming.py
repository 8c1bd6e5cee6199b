"""Responses that are written piece by piece: live views as server-sent events, and exports.

Nothing is kept for a client beyond the piece that is being written to it. One that does not read it in time is
cut off, instead of being waited for.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from typing import Any, Final

from sluiceway.client_transport import client_transport
from sluiceway.console.deps import Deps
from sluiceway.console.operation import unavailable
from sluiceway.outbound import Receive, Scope, Send
from sluiceway.wire.http import EVENT_STREAM_HEADERS, Headers

MAX_EVENT_STREAMS: Final = 64
"""Live views of one process: each costs a look at what is new, several times a second."""

HEARTBEAT_S: Final = 15.0
"""Silence before a comment: half of the shortest timeout that proxies are known for (30 s)."""

SLOW_READER_S: Final = 5.0
"""How long a live view may take to read what was written: it would only be shown the past."""

STALLED_S: Final = 60.0
"""The same for an export: nginx's own time between two reads of a client."""

SHORTEST_PAUSE_S: Final = 0.05
"""Between two looks at what is new, whatever `admin.live_s` says."""

_HEARTBEAT: Final = b": heartbeat\n\n"


class Streamed:
    """A response in pieces; `media_type`: of its body."""

    media_type = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As an ASGI application."""
        raise NotImplementedError


class EventStream(Streamed):
    """Server-sent events, until nothing more can come, the client leaves, or the gateway drains."""

    media_type = "text/event-stream"

    def __init__(self, deps: Deps, news: Callable[[], Awaitable[tuple[bytes, bool]]]) -> None:
        """`news`: whole events since the last call, and whether these were the last. Raises `Overloaded` if too
        many are open already."""
        if deps.event_streams >= MAX_EVENT_STREAMS:
            raise unavailable(f"{MAX_EVENT_STREAMS} live views are open already")
        self._deps = deps
        self._news = news

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        deps = self._deps
        deps.event_streams += 1
        try:
            async with _watched(receive) as gone:
                await _begin(
                    send, [header for header in EVENT_STREAM_HEADERS if header[0] != b"cache-control"]
                )
                with _cut_if_slow(scope):
                    await self._run(send, gone)
        finally:
            deps.event_streams -= 1

    async def _run(self, send: Send, gone: asyncio.Task[None]) -> None:
        clock = asyncio.get_running_loop().time
        gateway = self._deps.gateway
        wrote_at = -HEARTBEAT_S  # so that the head leaves at once, with a comment
        is_last = False
        while not is_last and not gone.done():
            piece, is_last = await self._news()
            is_last = is_last or gateway.draining
            if not piece and clock() - wrote_at >= HEARTBEAT_S:
                piece = _HEARTBEAT
            if piece:
                await _write(send, piece, SLOW_READER_S)
                wrote_at = clock()
            if not is_last:
                pause_s = max(gateway.runtime.settings.admin.live_s, SHORTEST_PAUSE_S)
                await asyncio.wait([gone], timeout=pause_s)
        if not gone.done():
            await _write(send, b"", SLOW_READER_S, more=False)


class Export(Streamed):
    """A file that is made while it is sent."""

    def __init__(self, pieces: AsyncGenerator[bytes, None], *, media_type: str, file_name: str) -> None:
        self.media_type = media_type
        self._pieces = pieces
        self._file_name = file_name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with contextlib.aclosing(self._pieces) as pieces, _watched(receive) as gone:
            await _begin(
                send,
                [
                    (b"content-type", self.media_type.encode()),
                    (b"content-disposition", f'attachment; filename="{self._file_name}"'.encode()),
                ],
            )
            with _cut_if_slow(scope):
                async for piece in pieces:
                    if gone.done():
                        return
                    await _write(send, piece, STALLED_S)
                await _write(send, b"", STALLED_S, more=False)


def sse(event: str, data: bytes, cursor: str = "") -> bytes:
    """One event. `data`: one line; `cursor`: what a client that comes back says it has seen."""
    named = f"event: {event}\n" + (f"id: {cursor}\n" if cursor else "")
    return b"%bdata: %b\n\n" % (named.encode(), data)


@contextlib.asynccontextmanager
async def _watched(receive: Receive) -> AsyncGenerator[asyncio.Task[None], None]:
    """A task that ends when the client leaves; stopped at the end."""

    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    task = asyncio.get_running_loop().create_task(gone(), name="console-client")
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


@contextlib.contextmanager
def _cut_if_slow(scope: Scope) -> Iterator[None]:
    """A response that can't be completed must not look complete: its connection is cut."""
    client = client_transport(scope)
    try:
        yield
    except TimeoutError:
        if client is None:
            raise ConnectionAbortedError("the client does not read") from None
        client.abort()


async def _begin(send: Send, headers: Headers) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": headers})


async def _write(send: Send, piece: bytes, patience_s: float, *, more: bool = True) -> None:
    message: dict[str, Any] = {"type": "http.response.body", "body": piece, "more_body": more}
    async with asyncio.timeout(patience_s):
        await send(message)
