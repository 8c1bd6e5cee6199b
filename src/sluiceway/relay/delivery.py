"""Delivery: what the client gets of an answer, and in which form.

It is the half of a relay that writes, and keeps what is known of what was written: the relay says *when*, and how far
the response has come decides *how*.

    relay ── begin, end, fail, break_silence ──►┌──────────┐── start, write, end, respond, abort ──► sink
                                                │ Delivery │── wrote_*, mark ─────────────────────► tape
                                                └──────────┘── status, committed_by, heartbeats ──► record

    so far       since                   an error is now
    ─────────    ────────────────────    ──────────────────────────────────────────────────────────
    nothing                              a real HTTP error
    committed    begin, break_silence    an event in a stream; a JSON body under the 200 that was sent
    open         begin                   an event in a stream; a cut connection within a body

What is written in mid-answer does not pass through here: an attempt that answers holds the sink's `write` itself, and
the `note` of the tape that `begin` gave it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sluiceway.errors import ClientGone, GatewayError
from sluiceway.observe.draft import Draft
from sluiceway.relay.bodies import AggregatedBody, ErrorBody, EventsBody, ExplodedBody, OpaqueBody
from sluiceway.relay.clocks import NEVER, Clocks
from sluiceway.relay.observe import Tape
from sluiceway.relay.plan import Plan
from sluiceway.relay.sinks import NOWHERE, Sink
from sluiceway.wire.http import EVENT_STREAM_HEADERS, Headers, client_response_headers, get_header

if TYPE_CHECKING:
    from sluiceway.relay.attempt import Attempt
    from sluiceway.upstream.connection import ResponseHead

# How long the head of a response that is relayed as it is may wait for its first body bytes, to leave
# with them in one write.
HEAD_HOLD_S = 0.02

_JSON: Headers = [(b"content-type", b"application/json")]
_JSON_STREAM: Headers = [*_JSON, *EVENT_STREAM_HEADERS[1:]]


class Delivery:
    """See the module. `sink`: where it goes. `open`: some of the answer itself went to the client. `as_events`: the
    response was committed as an event stream."""

    __slots__ = ("_plan", "_record", "_tape", "_time", "as_events", "open", "sink")

    def __init__(self, plan: Plan, sink: Sink, time: Callable[[], float], record: Draft, tape: Tape) -> None:
        """`time`: the loop's seconds."""
        self._plan = plan
        self._time = time
        self._record = record
        self._tape = tape
        self.sink = sink
        self.open = False
        self.as_events = False

    @property
    def committed(self) -> bool:
        """The status line has left, or leaves with the next bytes: no error can change it any more."""
        return self.sink.started

    # ── the answer ──────────────────────────────────────────────────────────────────────────────────

    def begin(self, attempt: Attempt) -> None:
        """The first of its answer is about to be written: what has to go before it does now."""
        if not self.sink.started:
            self._commit(attempt)
        attempt.open = self.open = True
        attempt.note = self._noting()
        if attempt.preface:
            self.sink.write(attempt.preface)
            self._tape.mark(self._time(), "continued")

    def end(self, attempt: Attempt, last: bytes) -> None:
        """Its answer is whole: `last` are the last bytes, or all of them."""
        if not self.sink.started:
            self._answer_at_once(attempt, last)
            return
        if not attempt.open:  # it came in one piece
            self.begin(attempt)
        self._end(last)

    def end_without_body(self, head: ResponseHead) -> None:
        """Its answer is a head, and nothing else."""
        # For HEAD the length is that of the body which GET would get (RFC 9110 section 8.6).
        length = head.length if self._plan.bodiless else None if head.status in (204, 304) else 0
        self._record.committed_by = self._record.committed_by or "body"
        self._start(head.status, client_response_headers(head.headers), length)
        self.sink.end()

    def client_left(self) -> None:
        """The client is gone. Where it was sent no status, the record has that of `ClientGone`."""
        record = self._record
        record.client_left = True
        record.status = record.status or ClientGone.status
        self._tape.mark(self._time(), "left")

    def read_on(self) -> None:
        """The client is gone, and the upstream is not: what is written from now on goes nowhere."""
        self._record.bytes_out = self.sink.bytes_out
        self.sink = NOWHERE

    def close(self, attempt: Attempt | None, error: GatewayError | None) -> None:
        """The answer is over, however it ended. `error`: why, where it failed; but what the upstream itself reported
        within its answer is the better reason."""
        record, body = self._record, attempt.body if attempt is not None else None
        cause = (body.error if body is not None else None) or error
        if cause is not None:
            record.failed(cause)
            self._tape.mark(self._time(), "error", record.error_code or "")
        if body is not None and record.usage is None:
            record.usage = body.usage
        self.sink.listen(None)
        record.bytes_out = max(record.bytes_out, self.sink.bytes_out)

    def _answer_at_once(self, attempt: Attempt, whole: bytes) -> None:
        """Nothing has been sent, and all of the answer is here: one write, with its length."""
        body, head = attempt.body, attempt.head
        assert head is not None
        if self._plan.wants_stream and isinstance(body, EventsBody | ExplodedBody):
            self._commit(attempt)
            self.sink.end(whole)
            self._tape.wrote_events(self._time(), whole)
            return
        if isinstance(body, AggregatedBody):
            headers = [*client_response_headers(head.headers, reframed=True), *_JSON]
        else:
            headers = client_response_headers(head.headers)
        self._respond("body", head.status, headers, whole)

    # ── silence ─────────────────────────────────────────────────────────────────────────────────────

    def speak_at(self, clocks: Clocks, attempt: Attempt | None) -> float:
        """When silence toward the client must end: by commit first, by heartbeats afterwards."""
        if clocks.paused:
            return NEVER  # the client has unread bytes enough
        if self._plan.crossing is None:
            # Nothing is known about this body, but its head should not wait for it.
            if attempt is None or attempt.over or attempt.head is None or self.open:
                return NEVER
            if isinstance(attempt.body, ErrorBody):
                return NEVER
            return attempt.head_at + HEAD_HOLD_S
        if self._plan.wants_stream and not self.sink.started:
            return clocks.commit_at()
        if self.as_events:
            return clocks.heartbeat_at()
        return NEVER if self.open else clocks.json_heartbeat_at()

    def break_silence(self, now: float, attempt: Attempt | None, heartbeat_s: float) -> bool:
        """Keep a client alive that waits: by the head, if that has not left, and a heartbeat.

        `attempt`: whose answer it waits for. `heartbeat_s`: 0 if an event stream has no heartbeats. Returns whether
        the response was committed by this.
        """
        plan, sink = self._plan, self.sink
        commits = not sink.started
        if commits:
            self._record.committed_by = "silence"
            self.as_events = plan.wants_stream
            self._start(200, EVENT_STREAM_HEADERS if plan.wants_stream else _JSON_STREAM)
        if not plan.wants_stream:
            beat = b"\n"  # RFC 8259 section 2: white space before a JSON value means nothing
        elif commits and not heartbeat_s:
            beat = b""
        else:
            body = attempt.body if attempt is not None else None
            beat = plan.heartbeat(isinstance(body, EventsBody) and body.saw_id)
        if beat:
            self._record.heartbeats += 1
            sink.write(beat)
            self._tape.mark(now, "heartbeat")
        elif commits:
            sink.flush()
        return commits

    # ── errors ──────────────────────────────────────────────────────────────────────────────────────

    def fail(self, error: GatewayError, attempt: Attempt | None) -> None:
        """End the answer as an error, in the most honest form that is still possible.

        `attempt`: that answers, or is the last to have been asked.
        """
        plan, sink = self._plan, self.sink
        if isinstance(error, ClientGone):
            sink.abort()
        elif not sink.started:
            self._fail_at_once(error, attempt)
        elif self.as_events and plan.crossing is not None:
            body, follower = (attempt.body, attempt.follower) if attempt is not None else (None, None)
            # What the upstream told the client itself is not told again.
            told = self.open and body is not None and body.error is not None
            self._end(b"" if told else (follower or plan.crossing().follow()).error_event(error))
        elif self.open:
            sink.abort()  # part of a body is out; only a cut connection can say that it is not whole
        else:
            self._end(plan.errors.error_body(error, plan.request_id))  # only white space is out

    def _fail_at_once(self, error: GatewayError, attempt: Attempt | None) -> None:
        """Nothing has been sent: a real HTTP error, in the upstream's own bytes where it is the upstream's."""
        own = attempt.own_error(error) if attempt is not None else None
        if attempt is not None and attempt.head is not None and own is not None:
            head = attempt.head
            self._respond("body", head.status, client_response_headers(head.headers), own)
        else:
            whole = self._plan.errors.error_body(error, self._plan.request_id)
            self._respond("error", error.status, [*_JSON, *error.headers], whole)

    # ── the head of the response, and its bytes ─────────────────────────────────────────────────────

    def _commit(self, attempt: Attempt) -> None:
        """The status line, by the first real event or body bytes (invariant 3)."""
        head = attempt.head
        assert head is not None
        if self._plan.wants_stream and attempt.crossing is not None and head.status < 300:
            self._record.committed_by = "event"
            self.as_events = True
            passed = client_response_headers(head.headers, reframed=True)
            self._start(200, [*passed, *EVENT_STREAM_HEADERS])
        else:
            self._record.committed_by = "body"
            # A JSON answer may have begun with white space, which was not kept.
            length = head.length if isinstance(attempt.body, OpaqueBody) else None
            self._start(head.status, client_response_headers(head.headers), length)

    def _start(self, status: int, headers: Headers, length: int | None = None) -> None:
        self._record.status = status
        self.sink.start(status, self._with_own(headers), length)
        self._tape.mark(self._time(), "commit", self._record.committed_by or "")

    def _respond(self, committed_by: str, status: int, headers: Headers, whole: bytes) -> None:
        self._record.committed_by, self._record.status = committed_by, status
        self.sink.respond(status, self._with_own(headers), whole)
        self._tape.wrote_bytes(self._time(), whole)

    def _with_own(self, headers: Headers) -> Headers:
        """Add what every response carries; the upstream's own request id is the more useful one."""
        own = self._plan.headers
        if self._record.upstream_request_id and get_header(headers, b"x-request-id"):
            own = [header for header in own if header[0] != b"x-request-id"]
        # The upstream's limits are the operator's, and no two sets can both be true for the client.
        if self._plan.limited:
            headers = [header for header in headers if not header[0].startswith(b"x-ratelimit-")]
        return [*headers, *own]

    def _end(self, last: bytes) -> None:
        self.sink.end(last)
        if last:
            self._noting()(self._time(), last)

    def _noting(self) -> Callable[[float, bytes], None]:
        if self.sink is NOWHERE:
            return self._tape.wrote_to_nobody
        return self._tape.wrote_events if self.as_events else self._tape.wrote_bytes
