"""Open upstream, transform, deliver: one request and its answer between a client and its upstreams.

The relay does what happens per event. This is the `async` code around it: it waits for a place, has an upstream
chosen, sends the request, and asks the next upstream where that is allowed and of use (`relay.plan.Failover`).

    place ──► try ──► answered, or failed for good
      ▲        │
      └────────┘ failed, and another key or upstream may do better
"""

from __future__ import annotations

import asyncio
import random

from sluiceway.admission import Admission
from sluiceway.config.key_settings import KeySettings
from sluiceway.config.kinds import OTHER
from sluiceway.config.stream_settings import StreamSettings
from sluiceway.config.upstream_settings import UpstreamSettings
from sluiceway.continuation import Continuation
from sluiceway.dialects.base import HeartbeatForm
from sluiceway.dialects.crossing import Crossing, Direct
from sluiceway.dialects.resume import continuation_comment
from sluiceway.dialects.table import DEFAULT_ERRORS
from sluiceway.errors import (
    Draining,
    FirstEventTimeout,
    GatewayError,
    InvalidRequest,
)
from sluiceway.observe.draft import Draft, name_of
from sluiceway.outbound import Outbound, Request, outbound_head, prepare
from sluiceway.policy.deadlines import deadlines_of
from sluiceway.policy.quirks import heartbeat_form
from sluiceway.policy.routing import Route
from sluiceway.policy.selection import Pick
from sluiceway.policy.ticket import Ticket
from sluiceway.policy.waiting import queued_heartbeat
from sluiceway.relay.attempt import Attempt
from sluiceway.relay.clocks import NEVER
from sluiceway.relay.observe import Tape
from sluiceway.relay.plan import Plan
from sluiceway.relay.relay import Relay, nothing
from sluiceway.relay.sinks import Sink
from sluiceway.runtime import Runtime
from sluiceway.sending import Sender, Turn, settle
from sluiceway.upstream.failover import Prospects
from sluiceway.upstream.pool import Pool
from sluiceway.wire.http import Headers

# How long a request that may run, as far as this process knows, waits for the word of the others before its client is
# kept alive: that mostly takes a millisecond, and an error can then still have its status.
SHARED_STATE_S = 0.1


class Exchange:
    """See the module. `relay` may be told to stop from outside, which ends `run`."""

    __slots__ = (
        "_admission",
        "_answer_by",
        "_deadlines",
        "_family",
        "_hedge_task",
        "_key",
        "_loop",
        "_prospects",
        "_request",
        "_route",
        "_runtime",
        "_sender",
        "_sink",
        "_started",
        "_ticket",
        "_waiting",
        "relay",
    )

    def __init__(
        self,
        request: Request,
        route: Route,
        key: KeySettings | None,
        sink: Sink,
        own_headers: Headers,
        record: Draft,
        runtime: Runtime,
        pool: Pool,
        admission: Admission,
        loop: asyncio.AbstractEventLoop,
        tape: Tape,
        *,
        limited: bool,
    ) -> None:
        """`own_headers`: on every response. `tape`: for whoever looks on. `limited`: the headers tell of rates."""
        dialect = request.dialect
        self._request = request
        self._route = route
        self._key = key
        self._sink = sink
        self._runtime = runtime
        self._admission = admission
        self._loop = loop
        self._family = dialect.name if dialect is not None else OTHER
        self._deadlines = deadlines = deadlines_of(request.headers)
        self._answer_by = NEVER if deadlines is None else deadlines.answer_by(record.received_at)
        self._hedge_task: asyncio.Task[None] | None = None
        self._started = False
        self._waiting = False
        name = key.name if key is not None else None
        self._prospects = prospects = Prospects(request, route, name, deadlines, record, runtime, loop)
        plan = self._plan(record.request_id, own_headers, limited=limited)
        self.relay = Relay(plan, sink, loop, record, prospects, tape)
        if route.continue_on and Continuation.possible(request):
            prospects.continuation = Continuation(request, self.relay)
        limit = runtime.settings.server.max_body_bytes
        self._sender = Sender(request, self.relay, pool, loop, max_body_bytes=limit, watch=sink.watch)
        self._ticket = Ticket(
            key=name or "",
            priority=key.priority if key is not None else 1,
            key_limit=key.max_in_flight if key is not None else 0,
            group=(route, len(prospects.candidates)),
            claim=prospects.claim,
            unclaim=prospects.unclaim,
            scopes=self._scopes,
        )

    async def run(self) -> None:
        """Returns when the answer is over, however it ended. Raises `GatewayError` if it never began."""
        relay = self.relay
        try:
            if not self._admission.offer(self._ticket):
                await self._place()
            while not relay.finished:
                outbound = self._prepare()
                self._start()
                pick, self._prospects.pick = self._prospects.pick, None
                assert pick is not None
                if self._route.hedge_after_s and not relay.record.hedged and relay.plan.replayable:
                    await self._try_and_hedge(pick, outbound)
                else:
                    await self._try(pick, outbound)
                if not relay.finished:
                    await self._place_again()
        except GatewayError as error:
            if not self._started:
                raise
            relay.stop(self._prospects.last_error or error)
        except asyncio.CancelledError:
            relay.stop(Draining("the gateway is shutting down"))
            raise
        finally:
            if self._started and not relay.finished:  # only a defect in the gateway gets here
                relay.stop(GatewayError("the gateway failed; its log has the details"))
            if self._hedge_task is not None:
                await asyncio.wait([self._hedge_task])
            self._admission.leave(self._ticket)
            del self.relay, self._sender, self._ticket  # they refer back: no circle is left to the collector

    # ── a place, and who is asked ───────────────────────────────────────────────────────────────────

    async def _place(self) -> None:
        """Wait until there is room: at the gateway, for the key, at an upstream."""
        record, since = self.relay.record, self._loop.time()
        admitted = self._loop.create_task(self._admission.admitted(self._ticket))
        if self._ticket.holding:  # only what processes share has to be asked
            await asyncio.wait([admitted], timeout=SHARED_STATE_S)
            if admitted.done():
                admitted.result()
                return
        self._waiting = True
        self._start()  # from here on the client is kept alive
        try:
            await self._unless_over(admitted)
        finally:
            self._waiting = False
            record.queued_s += self._loop.time() - since

    async def _place_again(self) -> None:
        """A place at another upstream, or at the same one after a pause."""
        self._ticket.group = object()  # what it needs now is its own affair
        await self._unless_over(self._loop.create_task(self._admission.again(self._ticket)))
        pick = self._prospects.pick
        if pick is not None and pick.again:
            pause_s = self._prospects.budget.pause_s(random.random)
            await self._unless_over(self._loop.create_task(asyncio.sleep(pause_s)))

    async def _unless_over(self, task: asyncio.Task[None]) -> None:
        """Wait for it, but not for longer than the relay lives."""
        relay = self.relay
        if relay.finished:
            task.cancel()
        relay.on_over = task.cancel
        late: asyncio.TimerHandle | None = None
        if self._answer_by < NEVER and not relay.open:
            error = FirstEventTimeout("no event came within x-sluiceway-first-event-s")
            late = self._loop.call_at(self._answer_by, relay.stop, error)
        try:
            await task
        except asyncio.CancelledError:
            if not relay.finished:
                raise
        finally:
            relay.on_over = nothing
            if late is not None:
                late.cancel()

    def _scopes(self) -> list[tuple[str, int]]:
        """What is taken and limited, as processes that share a state call it: for `Ticket.scopes`."""
        limit, key, pick = self._runtime.settings.server.max_in_flight, self._key, self._prospects.held
        scopes = [("gateway", limit)] if limit else []
        if key is not None and key.max_in_flight:
            scopes.append((f"key:{key.name}", key.max_in_flight))
        if pick is not None and pick.settings.max_in_flight:
            scopes.append((f"upstream:{pick.settings.name}", pick.settings.max_in_flight))
        return scopes

    # ── one attempt ─────────────────────────────────────────────────────────────────────────────────

    def _prepare(self) -> Outbound:
        """The request as the picked upstream gets it; passes over those it can't be written for."""
        prospects = self._prospects
        while True:
            pick = prospects.pick
            assert pick is not None
            try:
                return self._outbound(pick)
            except InvalidRequest:
                if not prospects.pass_over(pick.settings.name, self._loop.time()):
                    raise

    def _outbound(self, pick: Pick) -> Outbound:
        upstream = self._runtime.upstreams[pick.settings.name]
        limit = self._stream(pick.settings).max_answer_bytes
        continuation = self._prospects.continuation
        if continuation is not None and continuation.broken:
            return continuation.outbound(self._route, upstream, max_answer_bytes=limit)
        return prepare(self._request, self._route, upstream, max_answer_bytes=limit)

    def _start(self) -> None:
        """The client is listened to, and kept alive, from here on."""
        if not self._started:
            self._started = True
            self.relay.start()
            if not self._request.rest:
                self._sink.watch()

    async def _try_and_hedge(self, pick: Pick, outbound: Outbound) -> None:
        """One attempt; and a second one beside it, when the first takes long to begin."""
        timer = self._loop.call_later(self._route.hedge_after_s, self._hedge, pick)
        try:
            await self._try(pick, outbound)
        finally:
            timer.cancel()
        if self._hedge_task is not None:
            await self._hedge_task

    def _hedge(self, slow: Pick) -> None:
        """The first event is late: ask a second upstream, if one has room. Never waits, never asks the same."""
        relay = self.relay
        if relay.finished or relay.open or relay.clocks.began:
            return
        pick = self._prospects.hedge(slow)
        if pick is None:
            return
        try:
            outbound = self._outbound(pick)
        except InvalidRequest:
            return
        pick.take()
        relay.record.hedged = True
        self._hedge_task = self._loop.create_task(self._try(pick, outbound))

    async def _try(self, pick: Pick, outbound: Outbound) -> None:
        """Send the request there. Returns when that attempt is over; the upstream's state then knows how it was."""
        relay, loop, runtime = self.relay, self._loop, self._runtime
        if relay.finished:  # since it was decided to ask: the client left, or the first of two has answered
            pick.release()
            self._admission.wake()
            return
        record, now = relay.record, loop.time()
        name = pick.settings.name
        upstream = runtime.upstreams[name]
        turn: Turn = loop.create_future()
        attempt = Attempt(
            relay,
            outbound.crossing,
            self._stream(pick.settings),
            settle(turn),
            started=now if record.attempts else record.received_at + record.queued_s,
            answer_by=NEVER if relay.open else self._answer_by,  # what came in time is not asked for again
            preface=self._preface(name),
        )
        self._prospects.begin(attempt, pick, now)
        relay.tape.mark(now, "attempt", name)
        entry = attempt.entry
        assert entry is not None
        model = self._prospects.model
        entry.upstream_model = name_of(model) if model else model
        entry.translated_to, entry.dropped = outbound.translated_to, outbound.dropped
        try:
            relay.ask(attempt)
            number = len(record.attempts)
            head = outbound_head(self._request, outbound, upstream, pick.key_index, runtime, attempt=number)
            await self._sender.send(attempt, turn, upstream.target, head, outbound.body)
        finally:
            self._prospects.end(attempt, pick)
            if attempt.open and attempt.preface:
                record.continued += 1
            self._admission.wake()

    # ── what the relay is given ─────────────────────────────────────────────────────────────────────

    def _stream(self, settings: UpstreamSettings) -> StreamSettings:
        stream = settings.stream[self._family]
        return stream if self._deadlines is None else self._deadlines.lower(stream)

    def _plan(self, request_id: str, own_headers: Headers, *, limited: bool) -> Plan:
        """What is decided before an upstream is asked."""
        request = self._request
        dialect, parsed = request.dialect, request.parsed
        return Plan(  # by position, since msgspec takes long to find many names
            self._stream(self._prospects.candidates[0].settings),
            self._crossing if parsed is not None else None,
            dialect or DEFAULT_ERRORS,
            parsed is not None and parsed.stream,
            self._heartbeat,
            not request.rest,
            request_id,
            own_headers,
            request.method == "HEAD",
            limited,
        )

    def _crossing(self) -> Crossing:
        """Of an answer that is nothing but the gateway's own error."""
        dialect, parsed = self._request.dialect, self._request.parsed
        assert dialect is not None
        assert parsed is not None
        return Direct(dialect, parsed, hide_usage=False, max_bytes=0)

    def _preface(self, upstream: str) -> bytes:
        """What marks the seam where that upstream takes up an answer that broke."""
        continuation = self._prospects.continuation
        if continuation is None or not continuation.broken:
            return b""
        return continuation_comment(upstream, self._form(saw_id=False))

    def _heartbeat(self, saw_id: bool) -> bytes:
        dialect = self._request.dialect
        beat = dialect.heartbeat(self._form(saw_id)) if dialect is not None else b""
        return queued_heartbeat(beat, *self._admission.place_of(self._ticket)) if self._waiting else beat

    def _form(self, saw_id: bool) -> HeartbeatForm:
        dialect = self._request.dialect
        assert dialect is not None
        return heartbeat_form(
            self.relay.clocks.settings.heartbeat_form,
            self._request.headers,
            dialect=dialect.name,
            default=dialect.default_heartbeat,
            saw_id=saw_id,
        )
