"""The relay: one answer on its way to the client, as a push state machine.

It is told what happens (an attempt that begins, completes or fails, a slow or vanished client, ticks of the
clock) by plain method calls, and acts by plain method calls on a sink. No task, queue or future exists
per event, and nothing in here awaits: what it does is testable as a transcript.

    attempt ── first, begin, complete, failed ─────────►┌───────┐── start, write, end ──► sink
    clock   ── tick ───────────────────────────────────►│ Relay │
    client  ── client_paused, _resumed, _gone ─────────►└───────┘── pause, resume, let_go ──► attempts

Usually there is one attempt; another one follows when it fails before any of its answer was written, or runs
beside it for a while (hedging). This half owns commit, heartbeats, clocks and endings; `attempt.py` is
the upstream's half.

Rules it keeps (design, section 5): whole events, verbatim, commit, terminal, heartbeats prove nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from sluiceway.errors import ClientGone, GatewayError, IdleTimeout, TotalTimeout, UpstreamTruncated
from sluiceway.observe.draft import Draft
from sluiceway.relay.attempt import Attempt
from sluiceway.relay.bodies import AggregatedBody, ErrorBody, EventsBody, ExplodedBody, OpaqueBody
from sluiceway.relay.clocks import NEVER, Clocks
from sluiceway.relay.observe import Tape
from sluiceway.relay.plan import Clock, Failover, NoFailover, Plan, Timer
from sluiceway.relay.sinks import NOWHERE, Sink
from sluiceway.wire.http import EVENT_STREAM_HEADERS, Headers, client_response_headers, get_header

# After the answer's end, how long the upstream may take to end its body too, so that its connection can
# be used again. Past that the connection is worth less than the socket.
LINGER_S = 1.0

# How long the head of a response that is relayed as it is may wait for its first body bytes, to leave
# with them in one write.
HEAD_HOLD_S = 0.02

_JSON: Headers = [(b"content-type", b"application/json")]
_JSON_STREAM: Headers = [*_JSON, *EVENT_STREAM_HEADERS[1:]]
_NO_FAILOVER = NoFailover()


class Relay:
    """See the module. `on_over()` is called once, when the answer is over, however it ended."""

    __slots__ = (
        "_armed_at",
        "_as_events",
        "_attempts",
        "_current",
        "_failover",
        "_loop",
        "_sink",
        "_timer",
        "clocks",
        "finished",
        "on_over",
        "open",
        "plan",
        "record",
        "tape",
        "time",
        "write",
    )

    def __init__(
        self,
        plan: Plan,
        sink: Sink,
        clock: Clock,
        record: Draft,
        failover: Failover = _NO_FAILOVER,
        tape: Tape | None = None,
    ) -> None:
        """`tape`: where what is written is noted, for whoever looks on."""
        self.plan = plan
        self.record = record
        self.tape = tape or Tape(0)
        self.time = clock.time
        self.write = sink.write
        self.clocks = Clocks(plan.settings, record.arrived_at)
        self.finished = False
        self.open = False  # some of the answer itself went to the client
        self.on_over: Callable[[], object] = nothing
        self._sink = sink
        self._loop = clock
        self._failover = failover
        self._attempts: list[Attempt] = []  # that are running
        self._current: Attempt | None = None  # that answers, or is the last to have been asked
        self._as_events = False  # the response was committed as an event stream
        self._timer: Timer | None = None
        self._armed_at = NEVER

    # ── life ────────────────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """The clocks run from here on; `record.arrived_at` is their zero."""
        self._sink.listen(self)
        if self.finished:
            return
        if self.plan.wants_stream and self.clocks.settings.commit_after_s <= 0:
            self.tick()
        else:
            self.rearm()

    def ask(self, attempt: Attempt) -> None:
        """An upstream is being asked: first of all, or because `Failover` said so, or beside another."""
        if self.finished:
            attempt.let_go()
            attempt.notify(None)
            return
        record, clocks = self.record, self.clocks
        self._attempts.append(attempt)
        if len(self._attempts) == 1:
            self._follow(attempt)
            clocks.began = False
            if not self.open:
                record.first_event_at = None
        # The idle clock runs from the first event on; that this timer may serve it saves moving it then.
        idle_s = attempt.settings.idle_s
        self._arm(min(attempt.first_event_by, attempt.started + idle_s if idle_s else NEVER))

    def stop(self, error: GatewayError) -> None:
        """End the answer from outside (drain, no upstream, a bad body), as an error in its proper form."""
        if not self.finished:
            self._fail(error)

    # ── from attempts ───────────────────────────────────────────────────────────────────────────────

    def heard(self, attempt: Attempt) -> None:
        """Its status and headers came."""
        head, record = attempt.head, self.record
        assert head is not None
        if (entry := attempt.entry) is not None:
            entry.status, entry.head_s = head.status, attempt.head_at - record.arrived_at - entry.after_s
        if attempt is not self._current:  # asked beside it; what is recorded is who answers
            return
        record.upstream_status = head.status
        upstream_id = get_header(head.headers, b"x-request-id")
        if upstream_id:
            record.upstream_request_id = upstream_id.decode("latin-1")
        if not 200 <= head.status < 300:
            record.error_code, record.own_error = f"upstream_{head.status}", False

    def needs_words(self, attempt: Attempt) -> bool:
        """Whether an HTTP error has to be read for its message, because it may not go on as it is."""
        crossing = attempt.crossing
        if crossing is not None and (self._sink.started or not crossing.passes_errors):
            return True
        return len(self._attempts) > 1 or self._failover.might_move(attempt)

    def first(self, attempt: Attempt) -> bool:
        """The first bytes of its answer are at hand. False if they turned out to be an error."""
        body = attempt.body
        if body is None or attempt.over:
            return False
        if body.error is not None and not attempt.open:
            if self._another_goes_on(attempt, body.error):
                return False
            if not self._sink.started:  # an error can still be a real HTTP error
                self._fail(body.error)
                return False
        self._win(attempt)
        if not self._sink.started:
            self._commit(attempt)
        attempt.open = self.open = True
        attempt.note = self._noting()
        self._mark_seam(attempt)
        self.begin(attempt)
        return True

    def _mark_seam(self, attempt: Attempt) -> None:
        if attempt.preface:
            self._sink.write(attempt.preface)
            self.tape.mark(self.time(), "continued")

    def _noting(self) -> Callable[[float, bytes], None]:
        if self._sink is NOWHERE:
            return self.tape.wrote_to_nobody
        return self.tape.wrote_events if self._as_events else self.tape.wrote_bytes

    def _note(self, data: bytes) -> None:
        if data:
            self._noting()(self.time(), data)

    def begin(self, attempt: Attempt) -> None:
        """Its first real event, or body bytes, came: from here on the idle clock runs."""
        self._win(attempt)
        clocks = self.clocks
        attempt.began = clocks.began = True
        clocks.last_event = now = self.time()
        if attempt.began_at is None:
            self._note_beginning(attempt, now)
            self._failover.began(attempt)
        if self.record.first_event_at is None:
            self.record.first_event_at = now
        heartbeat_s = clocks.settings.heartbeat_s
        self._arm(min(clocks.idle_at(), now + heartbeat_s if self._as_events and heartbeat_s else NEVER))

    def complete(self, attempt: Attempt, last: bytes) -> None:
        """Its answer is whole: `last` are the last bytes."""
        body = attempt.body
        assert body is not None
        if body.error is not None and not attempt.open and self._another_goes_on(attempt, body.error):
            return
        self._win(attempt)
        now = self.time()
        if attempt.began_at is None:
            self._note_beginning(attempt, now)
        if self.record.first_event_at is None:
            self.record.first_event_at = now
        if self._sink.started:
            if not attempt.open:  # it came in one piece
                attempt.open = self.open = True
                self._mark_seam(attempt)
            self._sink.end(last)
            self._note(last)
        elif body.error is not None:
            self._fail(body.error)
            return
        else:
            self._answer_at_once(attempt, last)
        self._over(None)

    def _note_beginning(self, attempt: Attempt, now: float) -> None:
        attempt.began_at = now
        if attempt.entry is not None:
            attempt.entry.first_event_s = now - self.record.arrived_at - attempt.entry.after_s

    def ended_without_body(self, attempt: Attempt) -> None:
        """Its body ended, and there was none."""
        head, plan = attempt.head, self.plan
        assert head is not None
        if plan.bodiless or attempt.crossing is None or not 200 <= head.status < 300:
            length = head.length if plan.bodiless else None if head.status in (204, 304) else 0
            self.record.committed_by = self.record.committed_by or "body"
            self._start_sink(head.status, client_response_headers(head.headers), length)
            self._sink.end()
            self._over(None)
        else:
            self.failed(attempt, UpstreamTruncated("the upstream answered with an empty body"))

    def failed(self, attempt: Attempt, error: GatewayError) -> None:
        """Its answer can't go on: another attempt does, or the answer ends as an error."""
        if attempt.over:
            return
        if attempt.open:
            attempt.error = error.with_traceback(None)  # whose frames would refer back to the attempt
            self.tape.mark(self.time(), "failed", error.code or error.type)
            if self._failover.resumes(attempt, error):
                self._let_go(attempt)
                attempt.notify(error)
                return
        elif self._another_goes_on(attempt, error):
            return
        self._fail(error)

    def _another_goes_on(self, attempt: Attempt, error: GatewayError) -> bool:
        """Let a failed attempt go, if another one runs or will: nothing of it was written."""
        attempt.error = error.with_traceback(None)
        self.tape.mark(self.time(), "failed", error.code or error.type)
        if len(self._attempts) == 1 and not self._failover.moves(attempt, error):
            return False
        self._let_go(attempt)
        if self._attempts:
            self._follow(self._attempts[-1])
        attempt.notify(error)
        return True

    def _follow(self, attempt: Attempt) -> None:
        """Of several that were asked, this is the one that counts."""
        record = self.record
        self._current = attempt
        self.clocks.settings = attempt.settings
        record.upstream_status = record.upstream_request_id = record.error_code = None
        if (entry := attempt.entry) is not None:
            record.answering = entry
            record.upstream, record.upstream_model = entry.upstream, entry.upstream_model
            record.translated_to, record.dropped = entry.translated_to, entry.dropped
        if attempt.head is not None:
            self.heard(attempt)

    def _let_go(self, attempt: Attempt) -> None:
        self._attempts.remove(attempt)
        if not self._attempts:
            self.clocks.began = False  # nobody is idle while nobody is asked
        # The body of an HTTP error may be all but over, and its connection of use for the next request.
        attempt.let_go(LINGER_S if isinstance(attempt.body, ErrorBody) else 0.0)

    def _win(self, attempt: Attempt) -> None:
        """Whatever was asked beside it is not needed any more."""
        if len(self._attempts) == 1:
            return
        for other in list(self._attempts):
            if other is not attempt:
                self._let_go(other)
                other.notify(None)
        self._follow(attempt)

    # ── from the client ─────────────────────────────────────────────────────────────────────────────

    def client_paused(self) -> None:
        """The client reads slower than the upstream writes: the upstream has to wait."""
        self.clocks.paused = True
        self.clocks.last_write = now = self.time()
        self.tape.mark(now, "pause")
        for attempt in self._attempts:
            attempt.pause()
        self.rearm()

    def client_resumed(self) -> None:
        """The client caught up. Its slowness does not count against the upstream's idle clock."""
        self.clocks.paused = False
        self.clocks.last_event = now = self.time()
        self.tape.mark(now, "resume")
        for attempt in list(self._attempts):
            attempt.resume()

    def client_gone(self) -> None:
        """The client left: let the upstream go too, or read on for as long as the operator wants."""
        if self.finished:
            return
        self.record.client_left = True
        self.tape.mark(self.time(), "left")
        self.record.status = self.record.status or ClientGone.status
        settings = self.clocks.settings
        mode = settings.on_disconnect
        if mode == "abort" or not any(attempt.attached for attempt in self._attempts):
            self._over(ClientGone("the client left"))
            return
        self.record.bytes_out = self._sink.bytes_out
        self._sink = NOWHERE
        self.write = NOWHERE.write
        for attempt in self._attempts:
            attempt.write, attempt.note = NOWHERE.write, self.tape.wrote_to_nobody
        if mode == "drain":
            self.clocks.read_on_until = self.time() + settings.drain_after_disconnect_s
        if self.clocks.paused:
            self.client_resumed()
        self.rearm()

    # ── from the clock ──────────────────────────────────────────────────────────────────────────────

    def tick(self) -> None:
        """Act on whatever is due now, and be called again when something next can be."""
        self._timer = None
        self._armed_at = NEVER
        now = self.time()
        if (late := self.clocks.overdue(now)) is not None:
            if self._current is not None and isinstance(late, IdleTimeout):
                self.failed(self._current, late)
            else:
                if self._current is not None and isinstance(late, TotalTimeout):
                    self._current.error = late
                self._fail(late)
        if not self.clocks.began:
            for attempt in list(self._attempts):
                if now >= attempt.first_event_by:
                    attempt.too_late()
        if not self.finished and now >= self._speak_at():
            self._beat(now)
        self.rearm()

    def _beat(self, now: float) -> None:
        plan, sink, attempt = self.plan, self._sink, self._current
        if plan.crossing is None:
            if attempt is not None and attempt.body is not None and self.first(attempt):
                sink.flush()
            return
        committed = sink.started
        if not committed:
            self.record.committed_by = "silence"
            self._as_events = plan.wants_stream
            self._start_sink(200, EVENT_STREAM_HEADERS if plan.wants_stream else _JSON_STREAM)
            for running in self._attempts:
                running.committed()
        self.clocks.last_write = now
        if plan.wants_stream:
            beats = committed or self.clocks.settings.heartbeat_s
            body = attempt.body if attempt is not None else None
            beat = plan.heartbeat(isinstance(body, EventsBody) and body.saw_id) if beats else b""
        else:
            beat = b"\n"  # RFC 8259 section 2: white space before a JSON value means nothing
        if beat:
            self.record.heartbeats += 1
            sink.write(beat)
            self.tape.mark(now, "heartbeat")
        elif not committed:
            sink.flush()

    def rearm(self) -> None:
        """One timer serves all clocks. It is only moved when something is due earlier than it would ring:
        progress merely makes it ring for nothing, once per period instead of once per event."""
        if self.finished:
            return
        at = min(self.clocks.next_at(), self._speak_at())
        if not self.clocks.began:
            for attempt in self._attempts:
                at = min(at, attempt.first_event_by)
        self._arm(at)

    def _arm(self, at: float) -> None:
        if at < self._armed_at:
            if self._timer is not None:
                self._timer.cancel()
            self._armed_at = at
            self._timer = self._loop.call_at(at, self.tick)

    def _speak_at(self) -> float:
        """When silence toward the client must end: by commit first, by heartbeats afterwards."""
        plan, clocks = self.plan, self.clocks
        if clocks.paused:
            return NEVER  # the client has unread bytes enough
        if plan.crossing is None:  # nothing is known about this body, but its head should not wait for it
            attempt = self._current
            if attempt is None or attempt.head is None or self.open or isinstance(attempt.body, ErrorBody):
                return NEVER
            return attempt.head_at + HEAD_HOLD_S
        if plan.wants_stream and not self._sink.started:
            return clocks.commit_at()
        if self._as_events:
            return clocks.heartbeat_at()
        return NEVER if self.open else clocks.json_heartbeat_at()

    # ── the head of the response ────────────────────────────────────────────────────────────────────

    def _commit(self, attempt: Attempt) -> None:
        """The status line, by the first real event or body bytes (invariant 3)."""
        head = attempt.head
        assert head is not None
        if self.plan.wants_stream and attempt.crossing is not None and head.status < 300:
            self.record.committed_by = "event"
            self._as_events = True
            passed = client_response_headers(head.headers, reframed=True)
            self._start_sink(200, [*passed, *EVENT_STREAM_HEADERS])
        else:
            self.record.committed_by = "body"
            # A JSON answer may have begun with white space, which was not kept.
            length = head.length if isinstance(attempt.body, OpaqueBody) else None
            self._start_sink(head.status, client_response_headers(head.headers), length)

    def _start_sink(self, status: int, headers: Headers, length: int | None = None) -> None:
        self.record.status = status
        self._sink.start(status, self._with_own(headers), length)
        self.tape.mark(self.time(), "commit", self.record.committed_by or "")

    def _with_own(self, headers: Headers) -> Headers:
        """Add what every response carries; the upstream's own request id is the more useful one."""
        own = self.plan.headers
        if self.record.upstream_request_id and get_header(headers, b"x-request-id"):
            own = [header for header in own if header[0] != b"x-request-id"]
        if (
            self.plan.limited
        ):  # the upstream's are the operator's, and no two sets can both be true for the client
            headers = [header for header in headers if not header[0].startswith(b"x-ratelimit-")]
        return [*headers, *own]

    # ── endings ─────────────────────────────────────────────────────────────────────────────────────

    def _answer_at_once(self, attempt: Attempt, whole: bytes) -> None:
        """Nothing has been sent, and all of the answer is here: one write, with its length."""
        body, head = attempt.body, attempt.head
        assert head is not None
        if self.plan.wants_stream and isinstance(body, EventsBody | ExplodedBody):
            self._commit(attempt)
            self._sink.end(whole)
            self.tape.wrote_events(self.time(), whole)
            return
        self.record.committed_by = "body"
        self.record.status = head.status
        if isinstance(body, AggregatedBody):
            headers = [*client_response_headers(head.headers, reframed=True), *_JSON]
        else:
            headers = client_response_headers(head.headers)
        self._sink.respond(head.status, self._with_own(headers), whole)
        self.tape.wrote_bytes(self.time(), whole)

    def _fail(self, error: GatewayError) -> None:
        """End the answer as an error, in the most honest form that is still possible."""
        try:
            self._tell_client(error)
        finally:  # whatever the sink has to say to it, what is held is released
            self._over(error)

    def _tell_client(self, error: GatewayError) -> None:
        plan, sink, attempt = self.plan, self._sink, self._current
        if isinstance(error, ClientGone):
            sink.abort()
        elif not sink.started:
            self._fail_at_once(error)
        elif self._as_events and plan.crossing is not None:
            body, follower = (attempt.body, attempt.follower) if attempt is not None else (None, None)
            # What the upstream told the client itself is not told again.
            told = self.open and body is not None and body.error is not None
            last = b"" if told else (follower or plan.crossing().follow()).error_event(error)
            sink.end(last)
            self._note(last)
        elif self.open:
            sink.abort()  # part of a body is out; only a cut connection can say that it is not whole
        else:
            whole = self._error_body(error)
            sink.end(whole)  # only white space is out
            self._note(whole)

    def _fail_at_once(self, error: GatewayError) -> None:
        """Nothing has been sent: a real HTTP error, in the upstream's own bytes where it is the upstream's."""
        attempt = self._current
        own = attempt.own_error(error) if attempt is not None else None
        if attempt is not None and attempt.head is not None and own is not None:
            self.record.committed_by = "body"
            self.record.status = attempt.head.status
            headers = self._with_own(client_response_headers(attempt.head.headers))
            self._sink.respond(attempt.head.status, headers, own)
            self.tape.wrote_bytes(self.time(), own)
        else:
            self.record.committed_by = "error"
            self.record.status = error.status
            headers, whole = self._with_own([*_JSON, *error.headers]), self._error_body(error)
            self._sink.respond(error.status, headers, whole)
            self.tape.wrote_bytes(self.time(), whole)

    def _error_body(self, error: GatewayError) -> bytes:
        return self.plan.errors.error_body(error, self.plan.request_id)

    def _over(self, error: GatewayError | None) -> None:
        """Release everything, once."""
        self.finished = True
        record, attempt = self.record, self._current
        body = attempt.body if attempt is not None else None
        reported = body.error if body is not None else None
        if (cause := reported or error) is not None:
            record.failed(cause)
            self.tape.mark(self.time(), "error", record.error_code or "")
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._sink.listen(None)
        if body is not None and record.usage is None:
            record.usage = body.usage
        record.bytes_out = max(record.bytes_out, self._sink.bytes_out)
        attempts, self._attempts = self._attempts, []
        for running in attempts:
            running.let_go(LINGER_S if error is None else 0.0)
            running.notify(None)
        self._current = None  # no circle is left to the collector
        self._failover = _NO_FAILOVER
        self.on_over()


def nothing() -> None:
    """Nobody waits."""
