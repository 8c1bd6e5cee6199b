"""One request, from its first byte to its record: the eight verbs.

    receive → authenticate → admit → route → open upstream → transform → deliver → record

`handle` reads as that list. What happens once per request is `async` code here; what happens once per
event is in `relay`, which `_exchange` sets going and then only waits for.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from sluiceway.dialects.base import Dialect, DialectRequest
from sluiceway.dialects.table import DEFAULT_ERRORS, DIALECT_PATHS
from sluiceway.errors import (
    BodyTooLarge,
    ClientGone,
    Draining,
    GatewayError,
    InvalidRequest,
    UpstreamError,
    WrongMethod,
)
from sluiceway.front import client_transport
from sluiceway.observe.record import Record
from sluiceway.policy.quirks import heartbeat_form
from sluiceway.policy.routing import Route
from sluiceway.relay.plan import Plan
from sluiceway.relay.relay import Relay
from sluiceway.relay.sinks import AsgiSink, Sink, TransportSink
from sluiceway.runtime import Runtime, UpstreamRuntime
from sluiceway.upstream.connection import UpstreamConnection
from sluiceway.upstream.pool import Pool
from sluiceway.wire.http import CREDENTIALS, Headers, get_header, request_head, upstream_request_headers

log = logging.getLogger("sluiceway.gateway")

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

# Bodies of paths without a dialect are held, and so can be routed by their model and sent again, up to this
# size; larger ones are streamed upward.
HOLD_BODY_BYTES = 1024 * 1024

_DOT_SEGMENT = re.compile(r"/\.\.?(?:/|$)")
_JSON_HEADER = (b"content-type", b"application/json")
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


class Gateway:
    """The data plane of one process. `runtime` may be swapped at any time; requests keep the one they met."""

    def __init__(self, runtime: Runtime, pool: Pool) -> None:
        self.runtime = runtime
        self.pool = pool
        self.active: set[Relay] = set()
        self.draining = False

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request under `/v1/`. Raises only on cancellation, or to cut an ASGI response."""
        runtime = self.runtime
        request = Request(
            scope, receive, scope["headers"], scope["method"], scope["path"], DIALECT_PATHS.get(scope["path"])
        )
        record = _begin_record(request)
        client = client_transport(scope)
        sink: Sink = TransportSink(client, scope) if client is not None else AsgiSink(send, receive)
        own_headers: Headers = [(b"x-request-id", record.request_id.encode())]
        if runtime.cors.enabled:
            own_headers += runtime.cors.headers(request.headers)
        try:
            record.key = runtime.authenticator.check(request.headers)
            self._admit(request)
            await self._receive_body(runtime, request)
            route = self._route(runtime, request)
            record.model = request.model
            await self._exchange(runtime, request, route, sink, own_headers, record)
        except GatewayError as error:
            _refuse(request, error, sink, own_headers, record)
        except Exception:
            log.exception("request %s failed in the gateway", record.request_id)
            broken = GatewayError("the gateway failed; its log has the details")
            if sink.started:
                sink.abort()
            else:
                _refuse(request, broken, sink, own_headers, record)
        finally:
            self._record(runtime, record)
        await sink.drained()

    def end_all(self, error: GatewayError) -> None:
        """End every answer that is still running, each in its proper form."""
        for relay in list(self.active):
            relay.stop(error)

    # ── the verbs ───────────────────────────────────────────────────────────────────────────────────

    def _admit(self, request: Request) -> None:
        if self.draining:
            raise Draining("the gateway is shutting down")
        if request.dialect is not None and request.method != "POST":
            raise WrongMethod(f"{request.path} takes POST, not {request.method}", allowed="POST")
        if "/." in request.path and _DOT_SEGMENT.search(request.path):
            raise InvalidRequest(
                "the path has . or .. segments"
            )  # they could climb out of the upstream's base path
        if get_header(request.headers, b"upgrade").lower() == b"websocket":
            raise InvalidRequest("WebSocket connections are not relayed")

    async def _receive_body(self, runtime: Runtime, request: Request) -> None:
        """Read the body as far as routing needs it: whole where a dialect reads it, else up to a limit."""
        limit = runtime.settings.server.max_body_bytes
        declared = int(get_header(request.headers, b"content-length") or 0)
        if limit and declared > limit:
            raise _too_large(limit)
        hold = limit if request.dialect is not None else HOLD_BODY_BYTES
        message = await request.receive()
        body, more = message.get("body", b""), message.get("more_body", False)
        if message["type"] == "http.disconnect":
            raise ClientGone("the client left while sending its request")
        if more:
            pieces, size = [body], len(body)
            while more and (not hold or size <= hold):
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone("the client left while sending its request")
                pieces.append(message["body"])
                size += len(message["body"])
                more = message["more_body"]
            body = b"".join(pieces)
        if limit and len(body) > limit:
            raise _too_large(limit)
        request.body, request.rest = body, more
        if request.dialect is not None:
            request.parsed = request.dialect.read_request(body)
            request.model = request.parsed.model
        elif (
            body and not more and get_header(request.headers, b"content-type").startswith(b"application/json")
        ):
            request.model = _model_of(body)

    def _route(self, runtime: Runtime, request: Request) -> Route:
        return runtime.router.route(request.model, request.dialect.name if request.dialect else None)

    async def _exchange(
        self,
        runtime: Runtime,
        request: Request,
        route: Route,
        sink: Sink,
        own_headers: Headers,
        record: Record,
    ) -> None:
        """Open the upstream, and let the relay transform and deliver. Returns when the answer is over."""
        upstream = runtime.upstreams[route.upstreams[0].name]
        record.upstream = upstream.settings.name
        plan, body = _plan(runtime, request, route, upstream, own_headers, record)
        head = _upstream_head(runtime, request, upstream, len(body))
        upstream.take_slot()
        relay = Relay(plan, sink, asyncio.get_running_loop(), record, _ignore)
        self.active.add(relay)
        try:
            relay.start()
            if not request.rest:
                sink.watch()
            await self._attempt(relay, sink, upstream, request, plan, head, body)
        except asyncio.CancelledError:
            relay.stop(Draining("the gateway is shutting down"))
            raise
        finally:
            self.active.discard(relay)
            upstream.in_flight -= 1
            if not relay.finished:  # only a defect in the gateway gets here
                relay.stop(GatewayError("the gateway failed; its log has the details"))

    async def _attempt(
        self,
        relay: Relay,
        sink: Sink,
        upstream: UpstreamRuntime,
        request: Request,
        plan: Plan,
        head: bytes,
        body: bytes,
    ) -> None:
        """Send the request; once more, on a fresh connection, if a reused one proves dead."""
        loop = asyncio.get_running_loop()
        fresh = not plan.replayable  # what can't be sent twice doesn't go on a connection that may be dead
        while not relay.finished:
            connection = None if fresh else self.pool.idle(upstream.target)
            if connection is None:
                connection = await self._connect(relay, upstream, plan.settings.connect_s)
                if connection is None:
                    return
            turn: asyncio.Future[bool] = loop.create_future()
            relay.notify = lambda stale, turn=turn: None if turn.done() else turn.set_result(stale)  # type: ignore[misc]
            relay.attach(connection)
            if request.rest:
                chunked = not get_header(request.headers, b"content-length")
                connection.send(head, body, relay, no_body=plan.bodiless, more=True, chunked=chunked)
                await self._stream_up(relay, request, connection)
                sink.watch()
            else:
                connection.send(head, body, relay, no_body=plan.bodiless)
            stale = await turn
            if not stale:
                return
            fresh = True

    async def _connect(
        self, relay: Relay, upstream: UpstreamRuntime, timeout_s: float
    ) -> UpstreamConnection | None:
        """A fresh connection; None if the relay was over first (client gone, clock ran out) or it failed."""
        connecting = asyncio.ensure_future(self.pool.connect(upstream.target, timeout_s))
        relay.notify = lambda _stale: None if connecting.done() else _cancel(connecting)
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

    async def _stream_up(self, relay: Relay, request: Request, connection: UpstreamConnection) -> None:
        """Pass the rest of the body upward, as fast as the upstream takes it."""
        limit = self.runtime.settings.server.max_body_bytes
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
                relay.stop(_too_large(limit))
                return
            if data and not relay.finished:
                connection.write_body(data)
        if not relay.finished:
            connection.finish_body()

    def _record(self, runtime: Runtime, record: Record) -> None:
        record.finished_at = asyncio.get_running_loop().time()
        for observer in runtime.observers:
            try:
                observer(record)
            except Exception:
                log.exception("an observer failed on request %s", record.request_id)


# ── parts of the verbs ──────────────────────────────────────────────────────────────────────────────


def _begin_record(request: Request) -> Record:
    client = request.scope.get("client")
    return Record(
        request_id=f"req_{os.urandom(12).hex()}",
        started=time.time(),
        method=request.method,
        path=request.path,
        arrived_at=asyncio.get_running_loop().time(),
        client=client[0] if client else "",
        dialect=request.dialect.name if request.dialect else None,
    )


def _plan(
    runtime: Runtime,
    request: Request,
    route: Route,
    upstream: UpstreamRuntime,
    own_headers: Headers,
    record: Record,
) -> tuple[Plan, bytes]:
    """What is decided before the upstream is asked, and the body it gets."""
    dialect, parsed, settings = request.dialect, request.parsed, upstream.settings
    stream = runtime.settings.stream_for(dialect.name if dialect else "other", settings)
    body = request.body
    wants_stream = hide_usage = include_usage = False
    if dialect is not None and parsed is not None:
        wants_stream = record.stream = parsed.stream
        upstream_streams = wants_stream or settings.force_stream
        ask_usage = settings.include_usage and upstream_streams and not parsed.wants_usage
        hide_usage, include_usage = ask_usage, parsed.wants_usage
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
        dialect=dialect,
        errors=dialect or DEFAULT_ERRORS,
        wants_stream=wants_stream,
        hide_usage=hide_usage,
        include_usage=include_usage,
        heartbeat=heartbeat,
        replayable=not request.rest,
        request_id=record.request_id,
        headers=own_headers,
        bodiless=request.method == "HEAD",
    )
    return plan, body


def _upstream_head(runtime: Runtime, request: Request, upstream: UpstreamRuntime, body_bytes: int) -> bytes:
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


def _refuse(request: Request, error: GatewayError, sink: Sink, own_headers: Headers, record: Record) -> None:
    """Answer with an error before any relay began."""
    record.status, record.error_code, record.error_message = error.status, error.code, error.message
    if isinstance(error, ClientGone):
        record.client_left = True
        return
    record.committed_by = "error"
    dialect = request.dialect or DEFAULT_ERRORS
    body = dialect.error_body(error, record.request_id)
    sink.respond(error.status, [_JSON_HEADER, *own_headers, *error.headers], body)


def _model_of(body: bytes) -> str | None:
    """The model of a JSON body that no dialect reads; None where it names none."""
    try:
        model = msgspec.json.decode(body, type=_ModelOnly).model
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return model if isinstance(model, str) and model else None


class _ModelOnly(msgspec.Struct):
    model: object = None


def _with_model(body: bytes, model: str) -> bytes:
    fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    fields["model"] = msgspec.Raw(msgspec.json.encode(model))
    return msgspec.json.encode(fields)


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"the request body is over server.max_body_bytes ({limit} bytes)")


def _cancel(task: asyncio.Future[Any]) -> None:
    task.cancel()


def _ignore(_stale: bool) -> None:
    """Nobody waits yet: the relay ended before its first attempt."""
