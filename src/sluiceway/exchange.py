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
import time
from collections.abc import Sequence

from sluiceway.admission import Admission
from sluiceway.config.key_settings import KeySettings
from sluiceway.config.kinds import OTHER
from sluiceway.config.stream_settings import StreamSettings
from sluiceway.config.upstream_settings import FailureName, UpstreamSettings
from sluiceway.continuation import Continuation
from sluiceway.dialects.base import HeartbeatForm
from sluiceway.dialects.crossing import Crossing, Direct
from sluiceway.dialects.resume import continuation_comment
from sluiceway.dialects.table import DEFAULT_ERRORS
from sluiceway.errors import (
    Draining,
    GatewayError,
    InvalidRequest,
    Overloaded,
    RateLimited,
    UpstreamReported,
)
from sluiceway.observe.record import Record, Try
from sluiceway.outbound import Outbound, Request, outbound_head, prepare
from sluiceway.policy.cooldown import parse_retry_after
from sluiceway.policy.deadlines import deadlines_of
from sluiceway.policy.failover import Budget
from sluiceway.policy.failure import kind_of, kind_of_status
from sluiceway.policy.ticket import Ticket
from sluiceway.policy.quirks import heartbeat_form
from sluiceway.policy.routing import Route
from sluiceway.policy.selection import Blocked, Candidate, Pick, choose
from sluiceway.policy.waiting import queued_heartbeat
from sluiceway.relay.attempt import Attempt
from sluiceway.relay.clocks import NEVER
from sluiceway.relay.plan import Plan
from sluiceway.relay.relay import Relay, nothing
from sluiceway.relay.sinks import Sink
from sluiceway.runtime import Runtime
from sluiceway.sending import Sender, Turn, settle
from sluiceway.upstream.pool import Pool
from sluiceway.wire.http import Headers

# Failures for which the same upstream is worth asking again, after a pause. One that was slow would be slow again,
# and one that does not speak HTTP or its API will not have learned it.
_PASSING: tuple[FailureName | None, ...] = ("connect", "5xx", "error_event", "empty", "truncated")

# How long a request that may run, as far as this process knows, waits for the word of the others before its client is
# kept alive: that mostly takes a millisecond, and an error can then still have its status.
SHARED_STATE_S = 0.1

# What a client is told at most; a rest may be as long as an upstream likes.
MAX_RETRY_AFTER_S = 3600.0

# OpenAI's and others' paths that name no model and may be asked anywhere: they only tell.
_ANYWHERE = ("/v1/models",)


class Exchange:
    """See the module. `relay` may be told to stop from outside, which ends `run`."""

    __slots__ = (
        "_admission",
        "_affinity",
        "_answer_by",
        "_budget",
        "_candidates",
        "_continuation",
        "_deadlines",
        "_family",
        "_hedge_task",
        "_held",
        "_key",
        "_last_error",
        "_loop",
        "_model",
        "_pick",
        "_request",
        "_route",
        "_runtime",
        "_sender",
        "_sink",
        "_started",
        "_ticket",
        "_tried",
        "_tries",
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
        record: Record,
        runtime: Runtime,
        pool: Pool,
        admission: Admission,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        dialect = request.dialect
        self._request = request
        self._route = route
        self._key = key
        self._runtime = runtime
        self._admission = admission
        self._loop = loop
        self._family = dialect.name if dialect is not None else OTHER
        self._deadlines = deadlines_of(request.headers)
        self._budget = Budget(runtime.settings.failover, record.arrived_at)
        self._tried: dict[tuple[str, int | None], FailureName] = {}
        self._tries: dict[Attempt, tuple[Pick, Try]] = {}  # that are running
        self._pick: Pick | None = None  # who is to be asked next
        self._held: Pick | None = None  # whose place the ticket holds
        self._last_error: GatewayError | None = None
        self._hedge_task: asyncio.Task[None] | None = None
        self._started = False
        self._waiting = False
        name = key.name if key is not None else None
        self._affinity = route.affinity.of(request.headers, name, request.parsed) if route.affinity else None
        self._model = route.rewrite_to or request.model
        self._candidates: Sequence[Candidate] = route.candidates
        if request.model is None and dialect is None and request.path not in _ANYWHERE:
            self._candidates = route.candidates[:1]  # what it is about may exist there only: files, batches
        self._answer_by = NEVER
        if self._deadlines is not None and self._deadlines.first_event_s is not None:
            self._answer_by = record.arrived_at + self._deadlines.first_event_s
        stream = self._stream(self._candidates[0].settings)
        self._sink = sink
        self.relay = Relay(self._plan(stream, own_headers, record), sink, loop, record, self)
        self._continuation: Continuation | None = None
        if route.continue_on and Continuation.possible(request):
            self._continuation = Continuation(request, self.relay)
        self._sender = Sender(
            request,
            self.relay,
            pool,
            loop,
            max_body_bytes=runtime.settings.server.max_body_bytes,
            watch=sink.watch,
        )
        record.stream = self.relay.plan.wants_stream
        self._ticket = Ticket(
            key=name or "",
            priority=key.priority if key is not None else 1,
            key_limit=key.max_in_flight if key is not None else 0,
            group=(route, len(self._candidates)),
            claim=self._claim,
            unclaim=self._unclaim,
            scopes=self._scopes,
        )

    async def run(self) -> None:
        """Returns when the answer is over, however it ended. Raises `GatewayError` if it never began."""
        relay = self.relay
        try:
            await self._place()
            while not relay.finished:
                outbound = self._prepare()
                self._start()
                await self._try_and_hedge(outbound)
                if not relay.finished:
                    await self._place_again()
        except GatewayError as error:
            if not self._started:
                raise
            relay.stop(self._last_error or error)
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
        if self._admission.offer(self._ticket):
            return
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
        if self._pick is not None and self._pick.again:
            pause_s = self._budget.pause_s(random.random)
            await self._unless_over(self._loop.create_task(asyncio.sleep(pause_s)))

    async def _unless_over(self, task: asyncio.Task[None]) -> None:
        """Wait for it, but not for longer than the relay lives."""
        relay = self.relay
        if relay.finished:
            task.cancel()
        relay.on_over = task.cancel
        try:
            await task
        except asyncio.CancelledError:
            if not relay.finished:
                raise
        finally:
            relay.on_over = nothing

    def _claim(self, now: float) -> float | None:
        """Choose an upstream and key, and take a place there: for `Ticket.claim`."""
        chosen = self._choose(now, self._candidates)
        if isinstance(chosen, Pick):
            chosen.take()
            self._pick = self._held = chosen
            return None
        if chosen.why == "cooling":
            wait_s = chosen.until - now
            raise RateLimited(
                "the upstream's keys rest, as it asked for", retry_after_s=min(wait_s, MAX_RETRY_AFTER_S)
            )
        if chosen.why == "drained":
            raise Overloaded("no upstream takes requests at the moment")
        return chosen.until

    def _choose(self, now: float, candidates: Sequence[Candidate]) -> Pick | Blocked:
        return choose(
            candidates,
            how=self._route.select,
            now=now,
            random=random.random,
            model=self._model,
            affinity=self._affinity,
            tried=self._tried,
        )

    def _unclaim(self) -> None:
        """Give that place back: for `Ticket.unclaim`."""
        held, self._held, self._pick = self._held, None, None
        if held is not None:
            held.release()

    def _scopes(self) -> list[tuple[str, int]]:
        """What is taken and limited, as processes that share a state call it: for `Ticket.scopes`."""
        limit, key, pick = self._runtime.settings.server.max_in_flight, self._key, self._held
        scopes = [("gateway", limit)] if limit else []
        if key is not None and key.max_in_flight:
            scopes.append((f"key:{key.name}", key.max_in_flight))
        if pick is not None and pick.settings.max_in_flight:
            scopes.append((f"upstream:{pick.settings.name}", pick.settings.max_in_flight))
        return scopes

    # ── one attempt ─────────────────────────────────────────────────────────────────────────────────

    def _prepare(self) -> Outbound:
        """The request as the picked upstream gets it; passes over those it can't be written for."""
        while True:
            pick = self._pick
            assert pick is not None
            try:
                return self._outbound(pick)
            except InvalidRequest:
                name = pick.settings.name
                self._unclaim()
                self._candidates = [one for one in self._candidates if one.settings.name != name]
                if not self._candidates or self._claim(self._loop.time()) is not None:
                    raise

    def _outbound(self, pick: Pick) -> Outbound:
        upstream = self._runtime.upstreams[pick.settings.name]
        stream = self._stream(pick.settings)
        if self._continuation is not None and self._continuation.broken:
            return self._continuation.outbound(
                self._route, upstream, max_answer_bytes=stream.max_answer_bytes
            )
        return prepare(self._request, self._route, upstream, max_answer_bytes=stream.max_answer_bytes)

    def _start(self) -> None:
        """The client is listened to, and kept alive, from here on."""
        if not self._started:
            self._started = True
            self.relay.start()
            if not self._request.rest:
                self._sink.watch()

    async def _try_and_hedge(self, outbound: Outbound) -> None:
        """One attempt; and a second one beside it, when the first takes long to begin and the operator wants it."""
        pick, self._pick = self._pick, None
        assert pick is not None
        hedge_after_s = self._route.hedge_after_s
        if not hedge_after_s or self.relay.record.hedged or not self.relay.plan.replayable:
            await self._try(pick, outbound)
            return
        timer = self._loop.call_later(hedge_after_s, self._hedge, pick)
        try:
            await self._try(pick, outbound)
        finally:
            timer.cancel()
        if self._hedge_task is not None:
            await self._hedge_task

    def _hedge(self, slow: Pick) -> None:
        """The first event is late: ask a second upstream, if one has room. Never waits, never asks the same."""
        relay, now = self.relay, self._loop.time()
        if relay.finished or relay.open or relay.clocks.began or self._budget.spent(now):
            return
        others = [one for one in self._candidates if one.settings.name != slow.settings.name]
        chosen = self._choose(now, others) if others else None
        if not isinstance(chosen, Pick) or chosen.panic:
            return
        try:
            outbound = self._outbound(chosen)
        except InvalidRequest:
            return
        chosen.take()
        relay.record.hedged = True
        self._hedge_task = self._loop.create_task(self._try(chosen, outbound))

    async def _try(self, pick: Pick, outbound: Outbound) -> None:
        """Send the request there. Returns when that attempt is over; the upstream's state then knows how it was."""
        relay, loop, runtime = self.relay, self._loop, self._runtime
        record, now = relay.record, loop.time()
        name = pick.settings.name
        upstream = runtime.upstreams[name]
        turn: Turn = loop.create_future()
        attempt = Attempt(
            relay,
            outbound.crossing,
            self._stream(pick.settings),
            settle(turn),
            started=now if record.attempts else record.arrived_at + record.queued_s,
            answer_by=self._answer_by,
            preface=self._preface(name),
        )
        tried = Try(name, pick.key_index, now - record.arrived_at)
        self._tries[attempt] = pick, tried
        self._budget.attempts += 1
        record.attempts.append(tried)
        record.upstream, record.upstream_model = name, self._model
        record.translated_to, record.dropped = outbound.translated_to, outbound.dropped
        try:
            relay.ask(attempt)
            head = outbound_head(self._request, outbound, upstream, pick.key_index, runtime)
            await self._sender.send(attempt, turn, upstream.target, head, outbound.body)
        finally:
            if tried.error_code is None:
                self._tell(attempt, attempt.error or attempt.reported)
            if attempt.open and attempt.preface:
                record.continued += 1
            del self._tries[attempt]
            pick.release()
            self._admission.wake()

    def _tell(self, attempt: Attempt, error: GatewayError | None) -> FailureName | None:
        """Tell the upstream's state how the attempt went: why it failed, None if it did not, or not by itself."""
        pick, tried = self._tries[attempt]
        now, head = self._loop.time(), attempt.head
        tried.status = head.status if head is not None else None
        kind = self._kind_of(attempt, error)
        if kind is None:
            if attempt.began_at is not None:
                pick.succeeded(attempt.began_at - attempt.started, now)
            elif head is not None:
                pick.succeeded(None, now)  # it answered, if only to refuse what the client asked
            return None
        tried.error_code = (error.code or error.type) if error is not None else f"upstream_{tried.status}"
        status = error.status if isinstance(error, UpstreamReported) else tried.status
        retry_after_s = parse_retry_after(head.headers, time.time()) if head is not None else None
        pick.failed(kind, now, status=status, model=self._model, retry_after_s=retry_after_s)
        self._tried[pick.settings.name, pick.key_index] = kind
        return kind

    def _kind_of(self, attempt: Attempt, error: GatewayError | None) -> FailureName | None:
        pick, _ = self._tries[attempt]
        own_key = self._runtime.upstreams[pick.settings.name].has_keys
        if attempt.head is not None and attempt.head.status >= 300:
            return kind_of_status(
                attempt.head.status, own_key, error if isinstance(error, UpstreamReported) else None
            )
        if error is None or (self._deadlines is not None and self._deadlines.caused(error)):
            return None
        return kind_of(error, own_key=own_key, empty=attempt.ended and not attempt.began)

    # ── whether another one is asked (relay.plan.Failover) ──────────────────────────────────────────

    def might_move(self, attempt: Attempt) -> bool:
        """See `relay.plan.Failover`."""
        pick, _ = self._tries[attempt]
        return self._kind_of(attempt, None) in pick.settings.failover_on and self._may_ask_again()

    def moves(self, attempt: Attempt, error: GatewayError) -> bool:
        """See `relay.plan.Failover`."""
        pick, _ = self._tries[attempt]
        kind = self._tell(attempt, error)
        if kind not in pick.settings.failover_on or not self._may_ask_again():
            return False
        return self._goes_on(error)

    def resumes(self, attempt: Attempt, error: GatewayError) -> bool:
        """See `relay.plan.Failover`."""
        continuation = self._continuation
        if self._tell(attempt, error) is None or continuation is None or not self._may_ask_again():
            return False
        if not continuation.broke():
            return False
        self._candidates = [one for one in self._route.continue_on if continuation.suits(one.settings)]
        return bool(self._candidates) and self._goes_on(error)

    def began(self, attempt: Attempt) -> None:
        """See `relay.plan.Failover`. An answer may go on for minutes: nobody is to wait so long for a trial's result."""
        pick, _ = self._tries[attempt]
        if pick.is_trial:
            now = self._loop.time()
            pick.began(now - attempt.started, now)

    def _goes_on(self, error: GatewayError) -> bool:
        """Whether somebody can be asked now, or soon. Nobody waits for a key that rests: the client can do that."""
        self._last_error = error
        chosen = self._choose(self._loop.time(), self._candidates)
        if isinstance(chosen, Pick):
            return not chosen.again or self._tried.get((chosen.settings.name, chosen.key_index)) in _PASSING
        return chosen.why == "full"

    def _may_ask_again(self) -> bool:
        record = self.relay.record
        if record.client_left or not self.relay.plan.replayable or self._budget.spent(self._loop.time()):
            return False
        # What names no model may create something, which must not happen twice.
        return self._request.model is not None or self._request.method in ("GET", "HEAD")

    # ── what the relay is given ─────────────────────────────────────────────────────────────────────

    def _stream(self, settings: UpstreamSettings) -> StreamSettings:
        stream = self._runtime.settings.stream_for(self._family, settings)
        return stream if self._deadlines is None else self._deadlines.lower(stream)

    def _plan(self, stream: StreamSettings, own_headers: Headers, record: Record) -> Plan:
        """What is decided before an upstream is asked."""
        request = self._request
        dialect, parsed = request.dialect, request.parsed
        crossing: Crossing | None = None
        if dialect is not None and parsed is not None:
            crossing = Direct(dialect, parsed, hide_usage=False, max_bytes=stream.max_answer_bytes)
        return Plan(
            settings=stream,
            crossing=crossing,
            errors=dialect or DEFAULT_ERRORS,
            wants_stream=parsed is not None and parsed.stream,
            heartbeat=self._heartbeat,
            replayable=not request.rest,
            request_id=record.request_id,
            headers=own_headers,
            bodiless=request.method == "HEAD",
            limited=any(name.startswith(b"x-ratelimit-") for name, _ in own_headers),
        )

    def _preface(self, upstream: str) -> bytes:
        """What marks the seam where that upstream takes up an answer that broke."""
        if self._continuation is None or not self._continuation.broken:
            return b""
        return continuation_comment(upstream, self._form(saw_id=False))

    def _heartbeat(self, saw_id: bool) -> bytes:
        beat = (
            self._request.dialect.heartbeat(self._form(saw_id)) if self._request.dialect is not None else b""
        )
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
