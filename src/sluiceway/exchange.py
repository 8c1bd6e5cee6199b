"""Open upstream, transform, deliver: one request and its answer between a client and an upstream.

The relay does what happens per event. This is the `async` code around it: it decides what the relay is
to do (`Plan`), finds or makes a connection, sends the request, and waits for the end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from sluiceway.config.settings import OTHER, StreamSettings
from sluiceway.dialects.table import DEFAULT_ERRORS
from sluiceway.errors import BodyTooLarge, Draining, GatewayError, UpstreamError
from sluiceway.observe.record import Record
from sluiceway.outbound import Outbound, Request, outbound_head, prepare
from sluiceway.policy.quirks import heartbeat_form
from sluiceway.policy.routing import Route
from sluiceway.relay.plan import Plan
from sluiceway.relay.relay import Relay
from sluiceway.relay.sinks import Sink
from sluiceway.runtime import Runtime, UpstreamRuntime
from sluiceway.upstream.connection import UpstreamConnection
from sluiceway.upstream.pool import Pool
from sluiceway.wire.http import Headers, get_header


class Exchange:
    """See the module. `relay` may be told to stop from outside, which ends `run`."""

    __slots__ = (
        "_loop",
        "_outbound",
        "_plan",
        "_pool",
        "_request",
        "_runtime",
        "_sink",
        "_upstream",
        "relay",
    )

    def __init__(
        self,
        request: Request,
        route: Route,
        upstream: UpstreamRuntime,
        sink: Sink,
        own_headers: Headers,
        record: Record,
        runtime: Runtime,
        pool: Pool,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._request = request
        self._upstream = upstream
        self._sink = sink
        self._runtime = runtime
        self._pool = pool
        self._loop = loop
        stream = runtime.settings.stream_for(
            request.dialect.name if request.dialect else OTHER, upstream.settings
        )
        self._outbound = prepare(request, route, upstream, max_answer_bytes=stream.max_answer_bytes)
        self._plan = _plan(request, self._outbound, stream, own_headers, record)
        self.relay = Relay(self._plan, sink, loop, record, _nobody_waits)
        record.stream = self._plan.wants_stream
        record.upstream = upstream.settings.name
        record.translated_to = self._outbound.translated_to
        record.dropped = self._outbound.dropped

    async def run(self) -> None:
        """Returns when the answer is over, however it ended."""
        relay = self.relay
        relay.start()
        if not self._request.rest:
            self._sink.watch()
        try:
            await self._send_until_answered()
        except asyncio.CancelledError:
            relay.stop(Draining("the gateway is shutting down"))
            raise
        finally:
            if not relay.finished:  # only a defect in the gateway gets here
                relay.stop(GatewayError("the gateway failed; its log has the details"))

    async def _send_until_answered(self) -> None:
        """Send the request; once more, on a fresh connection, if a reused one proves dead."""
        relay, plan, request, body = self.relay, self._plan, self._request, self._outbound.body
        head = outbound_head(request, self._outbound, self._upstream, self._runtime)
        fresh = not plan.replayable  # what can't be sent twice doesn't go on a connection that may be dead
        while not relay.finished:
            connection = None if fresh else self._pool.idle(self._upstream.target)
            if connection is None:
                connection = await self._connect()
                if connection is None:
                    return
            turn: asyncio.Future[bool] = self._loop.create_future()
            relay.notify = _settle(turn)
            relay.attach(connection)
            if request.rest:
                chunked = not get_header(request.headers, b"content-length")
                connection.send(head, body, relay, no_body=plan.bodiless, more=True, chunked=chunked)
                await self._stream_up(connection)
                self._sink.watch()
            else:
                connection.send(head, body, relay, no_body=plan.bodiless)
            stale = await turn
            if not stale:
                return
            fresh = True

    async def _connect(self) -> UpstreamConnection | None:
        """A fresh connection; None if the relay was over first (client gone, clock ran out) or it failed."""
        relay = self.relay
        connecting = self._loop.create_task(
            self._pool.connect(self._upstream.target, self._plan.settings.connect_s)
        )
        relay.notify = _cancel(connecting)
        try:
            connection = await connecting
        except UpstreamError as error:
            relay.stop(error)
            return None
        except asyncio.CancelledError:
            if relay.finished:
                return None
            raise
        if relay.finished:
            connection.abort()
            return None
        return connection

    async def _stream_up(self, connection: UpstreamConnection) -> None:
        """Pass the rest of the body upward, as fast as the upstream takes it."""
        relay, request = self.relay, self._request
        limit = self._runtime.settings.server.max_body_bytes
        size = len(request.body)
        more = True
        while more and not relay.finished:
            try:
                await connection.drain()
            except UpstreamError:
                return  # the relay knows already
            message = await request.receive()
            if message["type"] == "http.disconnect":
                relay.client_gone()
                return
            data, more = message["body"], message["more_body"]
            size += len(data)
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


def _nobody_waits(_stale: bool) -> None:
    """The relay ended before its first attempt."""


def _settle(turn: asyncio.Future[bool]) -> Callable[[bool], None]:
    def settle(stale: bool) -> None:
        if not turn.done():
            turn.set_result(stale)

    return settle


def _cancel(task: asyncio.Task[Any]) -> Callable[[bool], None]:
    def cancel(_stale: bool) -> None:
        task.cancel()

    return cancel


def _plan(
    request: Request, outbound: Outbound, stream: StreamSettings, own_headers: Headers, record: Record
) -> Plan:
    """What is decided before the upstream is asked."""
    dialect, headers = request.dialect, request.headers

    def heartbeat(saw_id: bool) -> bytes:
        assert dialect is not None
        form = heartbeat_form(
            stream.heartbeat_form,
            headers,
            dialect=dialect.name,
            default=dialect.default_heartbeat,
            saw_id=saw_id,
        )
        return dialect.heartbeat(form)

    return Plan(
        settings=stream,
        crossing=outbound.crossing,
        errors=dialect or DEFAULT_ERRORS,
        wants_stream=request.parsed is not None and request.parsed.stream,
        heartbeat=heartbeat,
        replayable=not request.rest,
        request_id=record.request_id,
        headers=own_headers,
        bodiless=request.method == "HEAD",
    )
