"""Sending one request to one upstream: a connection, the head and body on it, until the attempt is over.

A reused connection may be dead; the request then goes once more, on a fresh one, as RFC 9112 section 9.3.1
allows, if no byte of an answer came.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sluiceway.errors import BodyTooLarge, ClientGone, GatewayError, StaleConnection, UpstreamError
from sluiceway.outbound import Request
from sluiceway.relay.attempt import Attempt
from sluiceway.relay.relay import Relay
from sluiceway.upstream.connection import UpstreamConnection
from sluiceway.upstream.pool import Pool, Target
from sluiceway.wire.http import get_header

Turn = asyncio.Future[GatewayError | None]


def settle(turn: Turn) -> Callable[[GatewayError | None], None]:
    """An attempt's `notify` that settles a future."""

    def settle_once(error: GatewayError | None) -> None:
        if not turn.done():
            turn.set_result(error)

    return settle_once


class Sender:
    """Sends the requests of one exchange."""

    __slots__ = ("_loop", "_max_body_bytes", "_pool", "_relay", "_request", "_watch")

    def __init__(
        self,
        request: Request,
        relay: Relay,
        pool: Pool,
        loop: asyncio.AbstractEventLoop,
        *,
        max_body_bytes: int,
        watch: Callable[[], None],
    ) -> None:
        """`watch`: told when the request has been received to its end."""
        self._request = request
        self._relay = relay
        self._pool = pool
        self._loop = loop
        self._max_body_bytes = max_body_bytes
        self._watch = watch

    async def send(self, attempt: Attempt, turn: Turn, target: Target, head: bytes, body: bytes) -> None:
        """Returns when the attempt is over: it answered, failed, or was not needed any more."""
        request, relay = self._request, self._relay
        fresh = (
            not relay.plan.replayable
        )  # what can't be sent twice doesn't go on a connection that may be dead
        while True:
            connection = None if fresh else self._pool.idle(target)
            if connection is None:
                connection = await self._connect(attempt, turn, target)
                if connection is None:
                    return
            attempt.attach(connection)
            bodiless = relay.plan.bodiless
            if request.rest:
                chunked = not get_header(request.headers, b"content-length")
                connection.send(head, body, attempt, no_body=bodiless, more=True, chunked=chunked)
                await self._stream_up(attempt, connection)
                self._watch()
            else:
                connection.send(head, body, attempt, no_body=bodiless)
            if not isinstance(await turn, StaleConnection):
                return
            turn = self._loop.create_future()
            attempt.notify = settle(turn)
            fresh = True

    async def _connect(self, attempt: Attempt, turn: Turn, target: Target) -> UpstreamConnection | None:
        """A fresh connection; None if the attempt was over first (client gone, a clock ran out) or it failed."""
        connect_s = attempt.settings.connect_s
        began = self._loop.time()
        connecting = self._loop.create_task(self._pool.connect(target, connect_s))

        def give_up(_turn: Turn) -> None:
            connecting.cancel()

        turn.add_done_callback(give_up)
        try:
            connection = await connecting
        except UpstreamError as error:
            self._relay.failed(attempt, error)
            return None
        except asyncio.CancelledError:
            if turn.done():
                return None
            connecting.cancel()
            raise
        finally:
            turn.remove_done_callback(give_up)
        if turn.done():
            connection.abort()
            return None
        if attempt.entry is not None:
            attempt.entry.connect_s = self._loop.time() - began
        return connection

    async def _stream_up(self, attempt: Attempt, connection: UpstreamConnection) -> None:
        """Pass the rest of the body upward, as fast as the upstream takes it."""
        relay, request = self._relay, self._request
        limit = self._max_body_bytes
        size = len(request.body)
        more = True
        while more and not relay.finished:
            try:
                await connection.drain()
            except UpstreamError:
                return  # the relay knows already
            attempt.awaits_client()
            message = await request.receive()
            attempt.goes_on()
            if message["type"] == "http.disconnect":
                relay.client_gone()
                if not relay.finished:  # `on_disconnect` keeps answers; to half a request there is none
                    relay.stop(ClientGone("the client left while sending its request"))
                return
            data, more = message["body"], message["more_body"]
            size += len(data)
            relay.record.bytes_in = size
            if limit and size > limit:
                relay.stop(body_too_large(limit))
                return
            if data and not relay.finished:
                connection.write_body(data)
        if not relay.finished:
            connection.finish_body()


def body_too_large(limit: int) -> BodyTooLarge:
    """The error for a body over `server.max_body_bytes`."""
    return BodyTooLarge(f"the request body is over server.max_body_bytes ({limit} bytes)")
