"""One request, from its first byte to its record: the eight verbs.

    receive → authenticate → admit → route → open upstream → transform → deliver → record

`handle` reads as that list. What happens once per request is `async` code here; what happens once per
event is in `relay`, which an `Exchange` sets going and then only waits for.
"""

from __future__ import annotations

import asyncio
import logging
import random
import re
import time

import msgspec

from sluiceway.admission import Admission
from sluiceway.client_transport import Refusal, client_transport
from sluiceway.config.key_settings import KeySettings, StoredKeys
from sluiceway.config.settings import Settings
from sluiceway.config.upstream_settings import UpstreamSettings
from sluiceway.dialects.table import DEFAULT_ERRORS, DIALECT_PATHS, family_of
from sluiceway.errors import (
    ClientGone,
    Draining,
    GatewayError,
    InvalidRequest,
    WrongMethod,
)
from sluiceway.exchange import Exchange
from sluiceway.observe.draft import Draft, name_of, new_request_id, text_of
from sluiceway.observe.onlookers import Onlookers
from sluiceway.outbound import Receive, Request, Scope, Send
from sluiceway.policy.addresses import client_address
from sluiceway.policy.guessing import Guesses
from sluiceway.policy.prices import tokens_of
from sluiceway.policy.upstream_state import UpstreamState
from sluiceway.relay.observe import Tape
from sluiceway.relay.relay import Relay
from sluiceway.relay.sinks import AsgiSink, Sink, TransportSink
from sluiceway.runtime import Runtime
from sluiceway.sending import body_too_large
from sluiceway.state.base import State
from sluiceway.state.memory import MemoryState
from sluiceway.upstream.healthcheck import HealthChecks
from sluiceway.upstream.pool import Pool
from sluiceway.wire.http import Headers, get_header

log = logging.getLogger("sluiceway.gateway")

# Bodies of paths without a dialect are held, and so can be routed by their model and sent again, up to this
# size; larger ones are streamed upward.
HOLD_BODY_BYTES = 1024 * 1024

_DOT_SEGMENT = re.compile(r"/\.\.?(?:/|$)")
_JSON_HEADER = (b"content-type", b"application/json")


class Gateway:
    """The data plane of one process. `runtime` may be swapped at any time; requests keep the one they met.

    What has to outlive a configuration is here: connections, what is known of upstreams, who is in flight, what
    keys have used up.
    """

    admission: Admission  # from `start` on

    def __init__(
        self,
        settings: Settings,
        stored: StoredKeys | None = None,
        *,
        onlookers: Onlookers | None = None,
        pool: Pool | None = None,
        state: State | None = None,
    ) -> None:
        """`stored`: what the keys file holds, None if there is none. `onlookers`: by default nobody but the
        inspector. `state`: what keys have used; by default it is kept in memory alone."""
        self.pool = pool or Pool()
        self.state: State = state or MemoryState()
        self.upstreams: dict[str, UpstreamState] = {}
        self.active: dict[str, Relay] = {}  # answers that are running, by request id
        self.draining = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._health = HealthChecks(self.pool)
        self._guesses = Guesses(settings.server.auth_failures_per_minute)
        self.onlookers = onlookers or Onlookers(settings)
        self.runtime = self._build(settings, stored)

    async def start(self) -> None:
        """In the loop that will serve, before the first request."""
        settings = self.runtime.settings
        # Kept, since asking for the running loop is a system call (getpid) in CPython 3.11.
        self._loop = loop = asyncio.get_running_loop()
        self.admission = Admission(settings.queue, settings.server.max_in_flight, self.state, clock=loop)
        await self.state.start()
        self._check_health()

    async def close(self) -> None:
        """Everything that is still open or running ends."""
        await self._health.stop()
        await self.pool.close()
        await self.state.close()

    def apply(self, settings: Settings, stored: StoredKeys | None = None) -> None:
        """Another configuration, for the requests that come from now on."""
        self.runtime = self._build(settings, stored)
        self.onlookers.reconfigure(settings)
        for upstream in settings.upstreams:
            self.upstreams[upstream.name].reconfigure(upstream)
        self._guesses.per_minute = settings.server.auth_failures_per_minute
        for gone in self.upstreams.keys() - self.runtime.upstreams.keys():
            del self.upstreams[gone]  # what runs there keeps its own reference
        if self._loop is not None:
            self.admission.reconfigure(settings.queue, settings.server.max_in_flight)
            self._check_health()

    def drain(self) -> None:
        """Let nobody in any more: neither who comes, nor who waits."""
        self.draining = True
        self.admission.drain()

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request under `/v1/`. Raises only on cancellation, or to cut an ASGI response."""
        runtime = self.runtime
        loop = self._loop
        assert loop is not None, "the lifespan protocol comes before requests"
        request = Request(
            scope, receive, scope["headers"], scope["method"], scope["path"], DIALECT_PATHS.get(scope["path"])
        )
        record = _begin_record(request, loop.time())
        client = client_transport(scope)
        scope["extensions"] = (
            None  # which refer to the server's own objects, and these to the scope: a circle
        )
        sink: Sink = TransportSink(client, scope) if client is not None else AsgiSink(send, receive)
        own_headers: Headers = [(b"x-request-id", record.request_id.encode())]
        if runtime.cors.enabled:
            own_headers += runtime.cors.headers(request.headers)
        key: KeySettings | None = None
        limited = False
        tape: Tape | None = None
        request.trace = self.onlookers.trace(record, request)
        try:
            key = self._authenticate(runtime, request, record)
            self._check(request)
            await self._receive_body(runtime, request, record)
            record.received_s = loop.time() - record.arrived_at
            record.model = name_of(request.model) if request.model else request.model
            record.stream = request.parsed is not None and request.parsed.stream
            family = request.dialect.name if request.dialect else family_of(request.path)
            if key is not None:
                runtime.authenticator.permit(key, model=request.model, dialect=family)
                limits = await self.state.take(key, record.started)
                own_headers += limits
                limited = bool(limits)
            tape = self.onlookers.begin(record, request, key)
            route = runtime.router.route(request.model, family)
            exchange = Exchange(
                request,
                route,
                key,
                sink,
                own_headers,
                record,
                runtime,
                self.pool,
                self.admission,
                loop,
                tape,
                limited=limited,
            )
            self.active[record.request_id] = exchange.relay
            try:
                await exchange.run()
            finally:
                del self.active[record.request_id]
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
            record.finished_at = loop.time()
            if client is not None and (refusal := client.refusal) is not None:
                _was_refused(record, refusal)
            self._account(runtime, key, record)
            self.onlookers.end(record, tape)
        await sink.drained()

    def end_all(self, error: GatewayError) -> None:
        """End every answer that is still running, each in its proper form."""
        for relay in list(self.active.values()):
            relay.stop(error)

    def _build(self, settings: Settings, stored: StoredKeys | None) -> Runtime:
        return Runtime(settings, stored, state_of=self._state_of, guesses=self._guesses)

    def _state_of(self, settings: UpstreamSettings) -> UpstreamState:
        known = self.upstreams.get(settings.name)
        if known is None:
            known = self.upstreams[settings.name] = UpstreamState(settings, random.random)
        return known

    def _check_health(self) -> None:
        upstreams = self.runtime.upstreams.items()
        checks = [(upstream.check(), self.upstreams[name].breaker) for name, upstream in upstreams]
        self._health.replace((check, breaker) for check, breaker in checks if check is not None)

    # ── the verbs ───────────────────────────────────────────────────────────────────────────────────

    def _authenticate(self, runtime: Runtime, request: Request, record: Draft) -> KeySettings | None:
        if runtime.trusted_proxies:
            record.client = client_address(record.client, request.headers, runtime.trusted_proxies)
        key = runtime.authenticator.check(request.headers, address=record.client, now=record.started)
        if key is not None:
            record.key = key.name
        return key

    def _check(self, request: Request) -> None:
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

    async def _receive_body(self, runtime: Runtime, request: Request, record: Draft) -> None:
        """Read the body as far as routing needs it: whole where a dialect reads it, else up to a limit."""
        limit = runtime.settings.server.max_body_bytes
        declared = int(get_header(request.headers, b"content-length") or 0)
        if limit and declared > limit:
            raise body_too_large(limit)
        hold = limit if request.dialect is not None else HOLD_BODY_BYTES
        message = await request.receive()
        body, more = message.get("body", b""), message.get("more_body", False)
        record.bytes_in = len(body)
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
                record.bytes_in = size
                more = message["more_body"]
            body = b"".join(pieces)
        if limit and len(body) > limit:
            raise body_too_large(limit)
        request.body, request.rest = body, more
        if request.dialect is not None:
            request.parsed = request.dialect.read_request(body, get_header(request.headers, b"content-type"))
            request.model = request.parsed.model
        elif (
            body and not more and get_header(request.headers, b"content-type").startswith(b"application/json")
        ):
            request.model = _model_of(body)

    def _account(self, runtime: Runtime, key: KeySettings | None, record: Draft) -> None:
        """What it cost, and whose budget that is."""
        usage = record.usage
        if record.upstream is not None and runtime.settings.prices and record.upstream_model is not None:
            record.cost = runtime.prices.cost(record.upstream, record.upstream_model, usage)
        if key is not None and (usage is not None or record.cost):
            self.state.charge(key, tokens_of(usage), record.cost or 0.0, time.time())


# ── parts of the verbs ──────────────────────────────────────────────────────────────────────────────


def _begin_record(request: Request, arrived_at: float) -> Draft:
    client = request.scope.get("client")
    draft = Draft(new_request_id(), time.time(), request.method, text_of(request.path), arrived_at)
    draft.client = client[0] if client else ""
    draft.dialect = request.dialect.name if request.dialect else None
    return draft


def _refuse(request: Request, error: GatewayError, sink: Sink, own_headers: Headers, record: Draft) -> None:
    """Answer with an error before any relay began."""
    record.status = error.status
    record.failed(error)
    if isinstance(error, ClientGone):
        record.client_left = True
        return
    record.committed_by = "error"
    dialect = request.dialect or DEFAULT_ERRORS
    body = dialect.error_body(error, record.request_id)
    sink.respond(error.status, [_JSON_HEADER, *own_headers, *error.headers], body)
    record.bytes_out = sink.bytes_out


def _was_refused(record: Draft, refusal: Refusal) -> None:
    """The front gave up waiting for the request, and said so."""
    record.status, record.bytes_out, record.committed_by = refusal.status, refusal.size, "error"
    record.error_code, record.error_message, record.own_error = refusal.code, refusal.message, True
    record.client_left = False


def _model_of(body: bytes) -> str | None:
    """The model of a JSON body that no dialect reads; None where it names none."""
    try:
        model = msgspec.json.decode(body, type=_ModelOnly).model
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return model if isinstance(model, str) and model else None


class _ModelOnly(msgspec.Struct):
    model: object = None
