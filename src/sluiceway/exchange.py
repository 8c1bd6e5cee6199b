"""Open upstream, transform, deliver: one request and its answer between a client and an upstream.

The relay does what happens per event. This is the `async` code around it: it decides what the relay is
to do (`Plan`), finds or makes a connection, sends the request, and waits for the end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from sluiceway.dialects.base import Dialect, DialectRequest
from sluiceway.dialects.crossing import Crossing, Direct
from sluiceway.dialects.table import DEFAULT_ERRORS
from sluiceway.errors import BodyTooLarge, Draining, GatewayError, UpstreamError
from sluiceway.observe.record import Record
from sluiceway.policy.quirks import heartbeat_form
from sluiceway.policy.routing import Route
from sluiceway.relay.plan import Plan
from sluiceway.relay.relay import Relay
from sluiceway.relay.sinks import Sink
from sluiceway.runtime import Runtime, UpstreamRuntime
from sluiceway.upstream.connection import UpstreamConnection
from sluiceway.upstream.pool import Pool
from sluiceway.wire.http import CREDENTIALS, Headers, get_header, request_head, upstream_request_headers

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

# Methods whose requests say how long their body is even where it is empty (RFC 9110 section 8.6).
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class Request(msgspec.Struct):
    """A request as far as it has been received. `rest`: more of the body follows, to be streamed."""

    scope: Scope
    receive: Receive
    headers: Headers
    method: str
    path: str
    dialect: Dialect | None
    body: bytes = b""
    rest: bool = False
    parsed: DialectRequest | None = None
    model: str | None = None


class Exchange:
    """See the module. `relay` may be told to stop from outside, which ends `run`."""

    __slots__ = ("_body", "_loop", "_plan", "_pool", "_request", "_runtime", "_sink", "_upstream", "relay")

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
        self._plan, self._body = _plan(request, route, upstream, own_headers, record, runtime)
        self.relay = Relay(self._plan, sink, loop, record, _nobody_waits)
        record.upstream = upstream.settings.name

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
        relay, plan, request = self.relay, self._plan, self._request
        head = _upstream_head(request, self._upstream, len(self._body), self._runtime)
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
                connection.send(head, self._body, relay, no_body=plan.bodiless, more=True, chunked=chunked)
                await self._stream_up(connection)
                self._sink.watch()
            else:
                connection.send(head, self._body, relay, no_body=plan.bodiless)
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
    request: Request,
    route: Route,
    upstream: UpstreamRuntime,
    own_headers: Headers,
    record: Record,
    runtime: Runtime,
) -> tuple[Plan, bytes]:
    """What is decided before the upstream is asked, and the body it gets."""
    dialect, parsed, settings = request.dialect, request.parsed, upstream.settings
    stream = runtime.settings.stream_for(dialect.name if dialect else "other", settings)
    body = request.body
    wants_stream = False
    crossing: Crossing | None = None
    if dialect is not None and parsed is not None:
        wants_stream = record.stream = parsed.stream
        upstream_streams = wants_stream or settings.force_stream
        ask_usage = settings.include_usage and upstream_streams and not parsed.wants_usage
        crossing = Direct(dialect, parsed, hide_usage=ask_usage, max_bytes=stream.max_answer_bytes)
        body = dialect.write_request(
            parsed, model=route.rewrite_to, force_stream=settings.force_stream, ask_usage=ask_usage
        )
    elif route.rewrite_to is not None and request.model is not None:
        body = _with_model(body, route.rewrite_to)
    headers = request.headers

    def heartbeat(saw_id: bool) -> bytes:
        assert dialect is not None
        default = dialect.default_heartbeat
        return dialect.heartbeat(
            heartbeat_form(stream.heartbeat_form, headers, default=default, saw_id=saw_id)
        )

    plan = Plan(
        settings=stream,
        crossing=crossing,
        errors=dialect or DEFAULT_ERRORS,
        wants_stream=wants_stream,
        heartbeat=heartbeat,
        replayable=not request.rest,
        request_id=record.request_id,
        headers=own_headers,
        bodiless=request.method == "HEAD",
    )
    return plan, body


def _upstream_head(request: Request, upstream: UpstreamRuntime, body_bytes: int, runtime: Runtime) -> bytes:
    """The head for the upstream. The client's credentials go on only where nobody else's are in play."""
    keep: frozenset[bytes] = frozenset()
    if not upstream.has_keys and not runtime.authenticator.required:
        keep = CREDENTIALS - {b"cookie"}
    headers = upstream.request_headers(upstream_request_headers(request.headers, keep=keep))
    declared = get_header(request.headers, b"content-length")
    if request.rest:
        headers.append((b"content-length", declared) if declared else (b"transfer-encoding", b"chunked"))
    elif body_bytes or request.method in _WITH_BODY:
        headers.append((b"content-length", b"%d" % body_bytes))
    path: bytes = request.scope["raw_path"]
    query: bytes = request.scope["query_string"]
    target = upstream.base_path + path.removeprefix(b"/v1") + (b"?" + query if query else b"")
    return request_head(request.method.encode(), target, headers)


def _with_model(body: bytes, model: str) -> bytes:
    fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    fields["model"] = msgspec.Raw(msgspec.json.encode(model))
    return msgspec.json.encode(fields)
