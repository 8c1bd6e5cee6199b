"""The relay: one answer on its way from the upstream to the client, as a push state machine.

It is told what happens (bytes, ends, failures, a slow or vanished client, ticks of the clock) by plain
method calls, and acts by plain method calls on a sink and an upstream connection. No task, queue or
future exists per event, and nothing in here awaits: what it does is testable as a transcript.

    upstream ── on_head, on_body, on_end, on_broken ──►┌───────┐── start, write, end ──► sink
    clock    ── tick ─────────────────────────────────►│ Relay │
    client   ── client_paused, _resumed, _gone ───────►└───────┘── pause, resume, abort ──► upstream

Rules it keeps (design, section 5): whole events, verbatim, commit, terminal, heartbeats prove nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from sluiceway.dialects.base import Follower
from sluiceway.errors import (
    ClientGone,
    EventTooLarge,
    GatewayError,
    StaleConnection,
    UpstreamError,
    UpstreamInvalid,
    UpstreamTruncated,
)
from sluiceway.observe.record import Record
from sluiceway.relay.bodies import (
    AggregatedBody,
    Body,
    ErrorBody,
    EventsBody,
    ExplodedBody,
    HeldBody,
    OpaqueBody,
    skip_blank,
    sniff_events,
)
from sluiceway.relay.clocks import NEVER, Clocks
from sluiceway.relay.plan import Clock, Plan, Timer, Upstream
from sluiceway.relay.sinks import NOWHERE, Sink
from sluiceway.upstream.connection import ResponseHead
from sluiceway.wire.http import (
    EVENT_STREAM_HEADERS,
    Headers,
    client_response_headers,
    error_headers,
    get_header,
)

# After the answer's end, how long the upstream may take to end its body too, so that its connection can
# be used again. Past that the connection is worth less than the socket.
LINGER_S = 1.0

# How long the head of a response that is relayed as it is may wait for its first body bytes, to leave
# with them in one write.
HEAD_HOLD_S = 0.02

# RFC 9110 section 15: a status code is a three-digit number, and no class above 5 exists.
MAX_STATUS = 599

_JSON: Headers = [(b"content-type", b"application/json")]
_JSON_STREAM: Headers = [*_JSON, *EVENT_STREAM_HEADERS[1:]]


class Relay:
    """See the module. `notify(stale)` is called once per attempt: the answer is over, or to be asked anew."""

    __slots__ = (
        "_armed_at",
        "_as_events",
        "_blank_bytes",
        "_body",
        "_clocks",
        "_follower",
        "_head",
        "_head_at",
        "_loop",
        "_open",
        "_plan",
        "_settings",
        "_sink",
        "_start",
        "_time",
        "_timer",
        "_upstream",
        "_write",
        "finished",
        "notify",
        "record",
    )

    def __init__(
        self, plan: Plan, sink: Sink, clock: Clock, record: Record, notify: Callable[[bool], None]
    ) -> None:
        self._plan = plan
        self._settings = plan.settings
        self._sink = sink
        self._write = sink.write
        self._loop = clock
        self._time = clock.time
        self.record = record
        self.notify = notify
        self.finished = False
        self._upstream: Upstream | None = None
        self._head: ResponseHead | None = None
        self._head_at = 0.0
        self._body: Body | None = None
        self._start = b""  # of a body whose kind is not known yet
        self._blank_bytes = 0
        self._follower: Follower | None = None
        self._as_events = False  # the response was committed as an event stream
        self._open = False  # some of the answer itself went to the client
        self._clocks = Clocks(plan.settings, record.arrived_at)
        self._timer: Timer | None = None
        self._armed_at = NEVER

    # ── life ────────────────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """The clocks run from here on; `record.arrived_at` is their zero."""
        self._sink.listen(self)
        if self.finished:
            return
        if self._plan.wants_stream and self._settings.commit_after_s <= 0:
            self.tick()
        else:
            self._rearm()

    def attach(self, upstream: Upstream) -> None:
        """The request was sent on this connection."""
        self._upstream = upstream
        if self._clocks.paused:
            upstream.pause()

    def stop(self, error: GatewayError) -> None:
        """End the answer from outside (drain, no connection, a bad body), as an error in its proper form."""
        if not self.finished:
            self._fail(error)

    # ── from the upstream ───────────────────────────────────────────────────────────────────────────

    def on_head(self, head: ResponseHead) -> None:
        """The upstream's status and headers. What becomes of the body is decided with its first bytes."""
        self._head = head
        self._head_at = self._time()
        record = self.record
        record.upstream_status = head.status
        upstream_id = get_header(head.headers, b"x-request-id")
        if upstream_id:
            record.upstream_request_id = upstream_id.decode("latin-1")
        crossing = self._plan.crossing
        if head.status > MAX_STATUS:
            self._fail(
                UpstreamInvalid(f"the upstream answered with status {head.status}, which HTTP does not have")
            )
            return
        if not 200 <= head.status < 300:
            record.error_code = f"upstream_{head.status}"
            if crossing is not None and (self._sink.started or not crossing.passes_errors):
                self._body = ErrorBody(crossing, head.status, error_headers(head.headers))
            else:
                self._body = OpaqueBody(self._settings.max_answer_bytes)
        elif crossing is None:
            self._body = OpaqueBody()
            self._rearm()
        elif coding := get_header(head.headers, b"content-encoding"):
            name = coding.decode("latin-1")[:40]
            self._fail(UpstreamInvalid(f"the upstream compressed its answer unasked, with {name}"))

    def on_body(self, data: bytes) -> None:
        """A piece of the upstream's body: the hot path, once per network read."""
        try:
            body = self._body
            if body is None:
                body, data = self._choose_body(data)
                if body is None:
                    return
            out = body.feed(data)
        except GatewayError as error:
            self._fail(error)
            return
        if out:
            if body.ended:
                self._complete(out)
                return
            if not self._open and not self._let_through(body):
                return
            clocks = self._clocks
            clocks.last_event = clocks.last_write = self._time()
            self._write(out)
        elif body.progressed:
            self._clocks.last_event = self._time()
            if not self._clocks.began:
                self._begin()

    def on_end(self) -> None:
        """The upstream's body ended cleanly; its connection is free already."""
        self._upstream = None
        body = self._body
        if body is None or (isinstance(body, OpaqueBody) and not self._open):
            self._end_without_body()
            return
        try:
            out, error = body.finish()
        except GatewayError as failure:
            self._fail(failure)
            return
        if error is None:
            self._complete(out)
            return
        if out:
            if not self._open and not self._let_through(body):
                return
            self._write(out)
        self._fail(error)

    def on_broken(self, error: UpstreamError) -> None:
        """The connection failed; it is gone already."""
        self._upstream = None
        if isinstance(error, StaleConnection) and self._plan.replayable:
            self.record.retries += 1
            self.notify(True)
            return
        self._fail(error)

    # ── from the client ─────────────────────────────────────────────────────────────────────────────

    def client_paused(self) -> None:
        """The client reads slower than the upstream writes: the upstream has to wait."""
        self._clocks.paused = True
        self._clocks.last_write = self._time()
        if self._upstream is not None:
            self._upstream.pause()
        self._rearm()

    def client_resumed(self) -> None:
        """The client caught up. Its slowness does not count against the upstream's idle clock."""
        self._clocks.paused = False
        self._clocks.last_event = self._time()
        if self._upstream is not None:
            self._upstream.resume()

    def client_gone(self) -> None:
        """The client left: let the upstream go too, or read on for as long as the operator wants."""
        if self.finished:
            return
        self.record.client_left = True
        self.record.status = self.record.status or ClientGone.status
        mode = self._settings.on_disconnect
        if mode == "abort" or self._upstream is None:
            self._over(ClientGone("the client left"))
            return
        self._sink = NOWHERE
        self._write = NOWHERE.write
        if mode == "drain":
            self._clocks.read_on_until = self._time() + self._settings.drain_after_disconnect_s
        if self._clocks.paused:
            self.client_resumed()
        self._rearm()

    # ── from the clock ──────────────────────────────────────────────────────────────────────────────

    def tick(self) -> None:
        """Act on whatever is due now, and be called again when something next can be."""
        self._timer = None
        self._armed_at = NEVER
        now = self._time()
        if (late := self._clocks.overdue(now)) is not None:
            self._fail(late)
            return
        if now >= self._speak_at():
            self._beat(now)
        if not self.finished:
            self._rearm()

    def _beat(self, now: float) -> None:
        plan, sink = self._plan, self._sink
        if plan.crossing is None:
            if self._body is not None and self._let_through(self._body):
                sink.flush()
            return
        committed = sink.started
        if not committed:
            self.record.committed_by = "silence"
            self._as_events = plan.wants_stream
            self._start_sink(200, EVENT_STREAM_HEADERS if plan.wants_stream else _JSON_STREAM)
            if self._head is not None and self._head.status >= 300:
                # Its headers came in time, its body did not: the error can only go in-band now.
                self._body = ErrorBody(plan.crossing, self._head.status, [])
        self._clocks.last_write = now
        if plan.wants_stream:
            beats = committed or self._settings.heartbeat_s
            beat = plan.heartbeat(isinstance(self._body, EventsBody) and self._body.saw_id) if beats else b""
        else:
            beat = b"\n"  # RFC 8259 section 2: white space before a JSON value means nothing
        if beat:
            self.record.heartbeats += 1
            sink.write(beat)
        elif not committed:
            sink.flush()

    def _rearm(self) -> None:
        """One timer serves all clocks. It is only moved when something is due earlier than it would ring:
        progress merely makes it ring for nothing, once per period instead of once per event."""
        if not self.finished:
            self._arm(min(self._clocks.next_at(), self._speak_at()))

    def _arm(self, at: float) -> None:
        if at < self._armed_at:
            if self._timer is not None:
                self._timer.cancel()
            self._armed_at = at
            self._timer = self._loop.call_at(at, self.tick)

    def _speak_at(self) -> float:
        """When silence toward the client must end: by commit first, by heartbeats afterwards."""
        plan, clocks = self._plan, self._clocks
        if clocks.paused:
            return NEVER  # the client has unread bytes enough
        if plan.crossing is None:  # nothing is known about this body, but its head should not wait for it
            return NEVER if self._head is None or self._open else self._head_at + HEAD_HOLD_S
        if plan.wants_stream and not self._sink.started:
            return clocks.commit_at()
        if self._as_events:
            return clocks.heartbeat_at()
        return NEVER if self._open else clocks.json_heartbeat_at()

    # ── decisions ───────────────────────────────────────────────────────────────────────────────────

    def _choose_body(self, data: bytes) -> tuple[Body | None, bytes]:
        """A 2xx answer of a dialect: what it is, and what the client wants, decide how it crosses.

        Also gives the bytes to begin with. None while they do not tell: blank lines are no progress.
        """
        plan, settings = self._plan, self._settings
        crossing, head = plan.crossing, self._head
        assert crossing is not None
        assert head is not None
        self._blank_bytes += len(data)
        start = skip_blank(self._start + data)
        self._start = b""
        is_events = sniff_events(get_header(head.headers, b"content-type").lower(), start)
        if is_events is None:
            self._start = start
            if self._blank_bytes > settings.max_answer_bytes > 0:
                raise EventTooLarge(f"{self._blank_bytes} bytes came, and no answer in them")
            return None, b""
        if is_events:
            if plan.wants_stream:
                self._follower = crossing.follow()
                self._body = EventsBody(self._follower, settings.max_event_bytes)
            else:
                self._body = AggregatedBody(crossing.collect(), settings.max_event_bytes)
        elif plan.wants_stream:
            self._body = ExplodedBody(crossing, settings.max_answer_bytes)
        else:
            self._body = HeldBody(crossing, settings.max_answer_bytes)
        return self._body, start

    def _begin(self) -> None:
        """The first real event, or body bytes, came: from here on the idle clock runs."""
        clocks = self._clocks
        clocks.began = True
        self.record.first_event_at = clocks.last_event = now = self._time()
        heartbeat_s = self._settings.heartbeat_s
        self._arm(min(clocks.idle_at(), now + heartbeat_s if self._as_events and heartbeat_s else NEVER))

    def _let_through(self, body: Body) -> bool:
        """The first bytes of the answer itself are at hand. False if they turned out to be an error."""
        if not self._sink.started:
            if body.error is not None:  # nothing is committed: an error can still be a real HTTP error
                self._fail(body.error)
                return False
            self._commit(body)
        self._open = True
        self._begin()
        return True

    def _commit(self, body: Body) -> None:
        """The status line, by the first real event or body bytes (invariant 3)."""
        head = self._head
        assert head is not None
        if self._plan.wants_stream and self._plan.crossing is not None and head.status < 300:
            self.record.committed_by = "event"
            self._as_events = True
            passed = client_response_headers(head.headers, reframed=True)
            self._start_sink(200, [*passed, *EVENT_STREAM_HEADERS])
        else:
            self.record.committed_by = "body"
            # A JSON answer may have begun with white space, which was not kept.
            length = head.length if isinstance(body, OpaqueBody) else None
            self._start_sink(head.status, client_response_headers(head.headers), length)

    def _start_sink(self, status: int, headers: Headers, length: int | None = None) -> None:
        self.record.status = status
        self._sink.start(status, self._with_own(headers), length)

    def _with_own(self, headers: Headers) -> Headers:
        """Add what every response carries; the upstream's own request id is the more useful one."""
        own = self._plan.headers
        if self.record.upstream_request_id and get_header(headers, b"x-request-id"):
            own = [header for header in own if header[0] != b"x-request-id"]
        return [*headers, *own]

    # ── endings ─────────────────────────────────────────────────────────────────────────────────────

    def _complete(self, last: bytes) -> None:
        """The answer is whole: `last` are its last bytes."""
        if not self._clocks.began:
            self._clocks.began = True
            self.record.first_event_at = self._time()
        if self._sink.started:
            self._sink.end(last)
        elif not self._answer_at_once(last):
            return
        self._over(None)

    def _answer_at_once(self, whole: bytes) -> bool:
        """Nothing has been sent, and all of the answer is here: one write, with its length."""
        body, head = self._body, self._head
        assert head is not None
        if body is not None and body.error is not None:
            self._fail(body.error)
            return False
        if self._plan.wants_stream and isinstance(body, EventsBody | ExplodedBody):
            self._commit(body)
            self._sink.end(whole)
            return True
        self.record.committed_by = "body"
        self.record.status = head.status
        if isinstance(body, AggregatedBody):
            headers = [*client_response_headers(head.headers, reframed=True), *_JSON]
        else:
            headers = client_response_headers(head.headers)
        self._sink.respond(head.status, self._with_own(headers), whole)
        return True

    def _end_without_body(self) -> None:
        head, plan = self._head, self._plan
        assert head is not None
        if plan.bodiless or plan.crossing is None or not 200 <= head.status < 300:
            length = head.length if plan.bodiless else None if head.status in (204, 304) else 0
            self._start_sink(head.status, client_response_headers(head.headers), length)
            self._sink.end()
            self._over(None)
        else:
            self._fail(UpstreamTruncated("the upstream answered with an empty body"))

    def _fail(self, error: GatewayError) -> None:
        """End the answer as an error, in the most honest form that is still possible."""
        plan, sink = self._plan, self._sink
        if isinstance(error, ClientGone):
            sink.abort()
        elif not sink.started:
            self.record.committed_by = "error"
            self.record.status = error.status
            sink.respond(error.status, self._with_own([*_JSON, *error.headers]), self._error_body(error))
        elif self._as_events and plan.crossing is not None:
            # What the upstream told the client itself is not told again.
            told = self._body is not None and self._body.error is not None
            follower = self._follower or plan.crossing.follow()
            sink.end(b"" if told else follower.error_event(error))
        elif self._open:
            sink.abort()  # part of a body is out; only a cut connection can say that it is not whole
        else:
            sink.end(self._error_body(error))  # only white space is out
        self._over(error)

    def _error_body(self, error: GatewayError) -> bytes:
        return self._plan.errors.error_body(error, self._plan.request_id)

    def _over(self, error: GatewayError | None) -> None:
        """Release everything, once."""
        self.finished = True
        reported = self._body.error if self._body is not None else None
        if (cause := reported or error) is not None:
            self.record.error_code = cause.code or cause.type
            self.record.error_message = cause.message
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._sink.listen(None)
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            if error is None:
                upstream.linger(LINGER_S)
            else:
                upstream.abort()
        if self._body is not None and self.record.usage is None:
            self.record.usage = self._body.usage
        self.record.bytes_out = max(self.record.bytes_out, self._sink.bytes_out)
        self.notify(False)
