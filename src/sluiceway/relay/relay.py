"""The relay: one answer on its way to the client, as a push state machine.

It is told what happens (an attempt that begins, completes or fails, a slow or vanished client, ticks of the
clock) by plain method calls, and acts by plain method calls. No task, queue or future exists per event, and
nothing in here awaits: what it does is testable as a transcript.

    attempt ── first, begin, complete, failed ──►┌───────┐── begin, end, fail, break_silence ──► delivery ──► sink
    clock   ── tick ────────────────────────────►│ Relay │
    client  ── client_paused, _resumed, _gone ──►└───────┘── pause, resume, let_go ──► attempts

Usually there is one attempt; another one follows when it fails before any of its answer was written, or runs
beside it for a while (hedging). This part decides when: whose answer counts, what the clocks say, when it is over.
In which form the client gets it is `delivery.py`, what the record says of attempts `recording.py`; `attempt.py` is
the upstream's half.

Rules it keeps (design, section 5): whole events, verbatim, commit, terminal, heartbeats prove nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from sluiceway.errors import ClientGone, GatewayError, IdleTimeout, TotalTimeout, UpstreamTruncated
from sluiceway.observe.draft import Draft
from sluiceway.relay.attempt import Attempt
from sluiceway.relay.bodies import ErrorBody
from sluiceway.relay.clocks import NEVER, Clocks
from sluiceway.relay.delivery import Delivery
from sluiceway.relay.observe import Tape
from sluiceway.relay.plan import Clock, Failover, NoFailover, Plan, Timer
from sluiceway.relay.recording import record_asked, record_beginning, record_head
from sluiceway.relay.sinks import NOWHERE, Sink

# After the answer's end, how long the upstream may take to end its body too, so that its connection can
# be used again. Past that the connection is worth less than the socket.
LINGER_S = 1.0

_NO_FAILOVER = NoFailover()


class Relay:
    """See the module. `on_over()` is called once, when the answer is over, however it ended."""

    __slots__ = (
        "_armed_at",
        "_attempts",
        "_current",
        "_delivery",
        "_failover",
        "_loop",
        "_timer",
        "clocks",
        "finished",
        "on_over",
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
        self.tape = tape = tape or Tape(0)
        self.time = time = clock.time
        self.write = sink.write
        self.clocks = Clocks(plan.settings, record.received_at)
        self.finished = False
        self.on_over: Callable[[], object] = nothing
        self._delivery = Delivery(plan, sink, time, record, tape)
        self._loop = clock
        self._failover = failover
        self._attempts: list[Attempt] = []  # that are running
        self._current: Attempt | None = None  # that answers, or is the last to have been asked
        self._timer: Timer | None = None
        self._armed_at = NEVER

    @property
    def open(self) -> bool:
        """Some of the answer itself went to the client."""
        return self._delivery.open

    # ── life ────────────────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """The clocks run from here on; `record.received_at` is their zero."""
        self._delivery.sink.listen(self)
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
        self._attempts.append(attempt)
        if len(self._attempts) == 1:
            self._follow(attempt)
            self.clocks.began = False
            if not self._delivery.open:
                self.record.first_event_at = None
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
        record_head(self.record, attempt, self._current)

    def needs_words(self, attempt: Attempt) -> bool:
        """Whether an HTTP error has to be read for its message, because it may not go on as it is."""
        crossing = attempt.crossing
        if crossing is not None and (self._delivery.committed or not crossing.passes_errors):
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
            if not self._delivery.committed:  # an error can still be a real HTTP error
                self._fail(body.error)
                return False
        self._win(attempt)
        self._delivery.begin(attempt)
        self.begin(attempt)
        return True

    def begin(self, attempt: Attempt) -> None:
        """Its first real event, or body bytes, came: from here on the idle clock runs."""
        self._win(attempt)
        clocks = self.clocks
        attempt.began = clocks.began = True
        clocks.last_event = now = self.time()
        is_news = attempt.began_at is None
        record_beginning(self.record, attempt, now)
        if is_news:
            self._failover.began(attempt)
        heartbeat_s = clocks.settings.heartbeat_s
        beats = self._delivery.as_events and heartbeat_s > 0
        self._arm(min(clocks.idle_at(), now + heartbeat_s if beats else NEVER))

    def complete(self, attempt: Attempt, last: bytes) -> None:
        """Its answer is whole: `last` are the last bytes."""
        assert attempt.body is not None
        error = attempt.body.error
        if error is not None and not attempt.open and self._another_goes_on(attempt, error):
            return
        self._win(attempt)
        record_beginning(self.record, attempt, self.time())
        if error is not None and not self._delivery.committed:
            self._fail(error)
            return
        self._delivery.end(attempt, last)
        self._over(None)

    def ended_without_body(self, attempt: Attempt) -> None:
        """Its body ended, and there was none."""
        head, plan = attempt.head, self.plan
        assert head is not None
        if plan.bodiless or attempt.crossing is None or not 200 <= head.status < 300:
            self._delivery.end_without_body(head)
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
        self._current = attempt
        self.clocks.settings = attempt.settings
        record_asked(self.record, attempt)

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
        self._delivery.client_left()
        settings = self.clocks.settings
        mode = settings.on_disconnect
        if mode == "abort" or not any(attempt.attached for attempt in self._attempts):
            self._over(ClientGone("the client left"))
            return
        self._delivery.read_on()
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
        if not self.finished and now >= self._delivery.speak_at(self.clocks, self._current):
            self._break_silence(now)
        self.rearm()

    def _break_silence(self, now: float) -> None:
        attempt, delivery = self._current, self._delivery
        if self.plan.crossing is None:
            if attempt is not None and attempt.body is not None and self.first(attempt):
                delivery.sink.flush()
            return
        self.clocks.last_write = now
        if delivery.break_silence(now, attempt, self.clocks.settings.heartbeat_s):
            for running in self._attempts:
                running.committed()

    def rearm(self) -> None:
        """One timer serves all clocks. It is only moved when something is due earlier than it would ring:
        progress merely makes it ring for nothing, once per period instead of once per event."""
        if self.finished:
            return
        at = min(self.clocks.next_at(), self._delivery.speak_at(self.clocks, self._current))
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

    # ── endings ─────────────────────────────────────────────────────────────────────────────────────

    def _fail(self, error: GatewayError) -> None:
        """End the answer as an error, in the most honest form that is still possible."""
        try:
            self._delivery.fail(error, self._current)
        finally:  # whatever the sink has to say to it, what is held is released
            self._over(error)

    def _over(self, error: GatewayError | None) -> None:
        """Release everything, once."""
        self.finished = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._delivery.close(self._current, error)
        attempts, self._attempts = self._attempts, []
        for running in attempts:
            running.let_go(LINGER_S if error is None else 0.0)
            running.notify(None)
        self._current = None  # no circle is left to the collector
        self._failover = _NO_FAILOVER
        self.on_over()


def nothing() -> None:
    """Nobody waits."""
