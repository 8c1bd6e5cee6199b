"""Who is asked on behalf of one request: first, and again when that failed. Decides; `exchange` does.

It keeps what the request has met so far, tells the states of upstreams how attempts went, and answers the relay's
question whether another attempt follows (`relay.plan.Failover`).
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

from sluiceway.config.kinds import OTHER
from sluiceway.config.upstream_settings import FailureName
from sluiceway.continuation import Continuation
from sluiceway.errors import GatewayError, Overloaded, RateLimited, UpstreamReported, code_of
from sluiceway.observe.draft import Draft, TryDraft, name_of
from sluiceway.outbound import Request
from sluiceway.policy.cooldown import parse_retry_after
from sluiceway.policy.deadlines import Deadlines
from sluiceway.policy.failover import Budget
from sluiceway.policy.failure import kind_of, kind_of_status
from sluiceway.policy.routing import Route
from sluiceway.policy.selection import Blocked, Candidate, Pick, choose
from sluiceway.relay.attempt import Attempt
from sluiceway.relay.plan import Clock
from sluiceway.runtime import Runtime

# Failures for which the same upstream is worth asking again, after a pause. One that was slow would be slow again,
# and one that does not speak HTTP or its API will not have learned it.
_PASSING: tuple[FailureName | None, ...] = ("connect", "5xx", "error_event", "empty", "truncated")

# What a client is told at most; a rest may be as long as an upstream likes.
MAX_RETRY_AFTER_S = 3600.0

# OpenAI's and others' paths that name no model and may be asked anywhere: they only tell.
_ANYWHERE = ("/v1/models",)


class Prospects:
    """See the module. `candidates`: who may still be asked. `held`: whose place the request's ticket holds;
    `pick`: the same, until it is asked. `last_error`: why the last attempt failed."""

    __slots__ = (
        "_affinity",
        "_clock",
        "_deadlines",
        "_record",
        "_request",
        "_route",
        "_runtime",
        "_tried",
        "budget",
        "candidates",
        "continuation",
        "held",
        "last_error",
        "model",
        "pick",
    )

    def __init__(
        self,
        request: Request,
        route: Route,
        key_name: str | None,
        deadlines: Deadlines | None,
        record: Draft,
        runtime: Runtime,
        clock: Clock,
    ) -> None:
        self._request = request
        self._route = route
        self._deadlines = deadlines
        self._record = record
        self._runtime = runtime
        self._clock = clock
        self._affinity = (
            None if route.affinity is None else route.affinity.of(request.headers, key_name, request.parsed)
        )
        self._tried: dict[tuple[str, int | None], FailureName] = {}
        self.budget = Budget(runtime.settings.failover, record.received_at)
        self.model = route.rewrite_to or request.model
        self.candidates: Sequence[Candidate] = route.candidates
        if request.model is None and request.dialect is None and request.path not in _ANYWHERE:
            self.candidates = route.candidates[:1]  # what it is about may exist there only: files, batches
        self.continuation: Continuation | None = None
        self.held: Pick | None = None
        self.pick: Pick | None = None
        self.last_error: GatewayError | None = None

    # ── choosing ────────────────────────────────────────────────────────────────────────────────────

    def claim(self, now: float) -> float | None:
        """Choose an upstream and key, and take a place there: for `Ticket.claim`."""
        chosen = self._choose(now, self.candidates)
        if isinstance(chosen, Pick):
            chosen.take()
            self.pick = self.held = chosen
            return None
        if chosen.why == "cooling":
            message = "the keys of every upstream for this model rest, after it limited or refused them"
            raise RateLimited(message, retry_after_s=min(chosen.until - now, MAX_RETRY_AFTER_S))
        if chosen.why == "drained":
            raise Overloaded("no upstream takes requests at the moment")
        return chosen.until

    def unclaim(self) -> None:
        """Give that place back: for `Ticket.unclaim`."""
        held, self.held, self.pick = self.held, None, None
        if held is not None:
            held.release()

    def pass_over(self, name: str, now: float) -> bool:
        """The request can't be written for the upstream that was picked. Whether another one has been."""
        self.unclaim()
        self.candidates = [one for one in self.candidates if one.settings.name != name]
        return bool(self.candidates) and self.claim(now) is None

    def hedge(self, slow: Pick) -> Pick | None:
        """Somebody else who can be asked at this moment and is in good health; to be taken at once."""
        now = self._clock.time()
        others = [one for one in self.candidates if one.settings.name != slow.settings.name]
        if not others or self.budget.spent(now):
            return None
        chosen = self._choose(now, others)
        return chosen if isinstance(chosen, Pick) and not chosen.panic else None

    def _choose(self, now: float, candidates: Sequence[Candidate]) -> Pick | Blocked:
        return choose(
            candidates,
            how=self._route.select,
            now=now,
            random=random.random,
            model=self.model,
            affinity=self._affinity,
            tried=self._tried,
        )

    # ── what attempts met ───────────────────────────────────────────────────────────────────────────

    def begin(self, attempt: Attempt, pick: Pick, now: float) -> None:
        """One more attempt."""
        record = self._record
        attempt.pick = pick
        attempt.entry = entry = TryDraft(pick.settings.name, pick.key_index, now - record.arrived_at)
        self.budget.attempts += 1
        record.attempts.append(entry)

    def end(self, attempt: Attempt, pick: Pick) -> None:
        """It is over, and its place at the upstream is free."""
        if not attempt.told:
            self._tell(attempt, attempt.error or attempt.reported)
        if attempt.entry is not None:
            attempt.entry.over_s = self._clock.time() - self._record.arrived_at - attempt.entry.after_s
        pick.release()

    def _tell(self, attempt: Attempt, error: GatewayError | None) -> FailureName | None:
        """Tell the upstream's state how it went: why it failed, None if it did not, or not by itself."""
        pick, entry = _pick_of(attempt), attempt.entry
        assert entry is not None
        attempt.told = True
        now, head = self._clock.time(), attempt.head
        entry.status = head.status if head is not None else None
        kind = self._kind_of(attempt, error)
        if error is not None and not isinstance(error, UpstreamReported):
            entry.error_code = name_of(code_of(error, entry.status))
        if kind is None:
            if attempt.began_at is not None:
                pick.succeeded(attempt.began_at - attempt.started, now)
            elif head is not None:
                pick.succeeded(None, now)  # it answered, if only to refuse what the client asked
            return None
        told = code_of(error, entry.status) if error is not None else f"upstream_{entry.status}"
        entry.error_code = name_of(told)
        status = error.status if isinstance(error, UpstreamReported) else entry.status
        retry_after_s = parse_retry_after(head.headers, time.time()) if head is not None else None
        pick.failed(kind, now, status=status, model=self.model, retry_after_s=retry_after_s)
        self._tried[pick.settings.name, pick.key_index] = kind
        return kind

    def _kind_of(self, attempt: Attempt, error: GatewayError | None) -> FailureName | None:
        head = attempt.head
        if head is not None and head.status >= 300:
            reported = error if isinstance(error, UpstreamReported) else None
            return kind_of_status(head.status, self._own_key(attempt), reported)
        if error is None:
            return None
        if self._deadlines is not None:
            dialect = self._request.dialect
            settings = _pick_of(attempt).settings.stream[dialect.name if dialect is not None else OTHER]
            received_at, first_event_by = self._record.received_at, attempt.first_event_by
            if self._deadlines.caused(
                error, settings, received_at=received_at, first_event_by=first_event_by
            ):
                return None
        return kind_of(error, own_key=self._own_key(attempt), empty=attempt.ended and not attempt.began)

    def _own_key(self, attempt: Attempt) -> bool:
        return self._runtime.upstreams[_pick_of(attempt).settings.name].has_keys

    # ── whether another attempt follows (relay.plan.Failover) ───────────────────────────────────────

    def began(self, attempt: Attempt) -> None:
        """See `Failover`. An answer may go on for minutes, and nobody is to wait so long for a trial's result."""
        pick = _pick_of(attempt)
        if pick.is_trial:
            now = self._clock.time()
            pick.began(now - attempt.started, now)

    def might_move(self, attempt: Attempt) -> bool:
        """See `Failover`."""
        failover_on = _pick_of(attempt).settings.failover_on
        return self._kind_of(attempt, None) in failover_on and self._may_ask_again()

    def moves(self, attempt: Attempt, error: GatewayError) -> bool:
        """See `Failover`."""
        kind = self._tell(attempt, error)
        if kind not in _pick_of(attempt).settings.failover_on or not self._may_ask_again():
            return False
        return self._goes_on(error)

    def resumes(self, attempt: Attempt, error: GatewayError) -> bool:
        """See `Failover`."""
        continuation = self.continuation
        if self._tell(attempt, error) is None or continuation is None or not self._may_ask_again():
            return False
        if not continuation.broke():
            return False
        self.candidates = [one for one in self._route.continue_on if continuation.suits(one.settings)]
        return bool(self.candidates) and self._goes_on(error)

    def _goes_on(self, error: GatewayError) -> bool:
        """Whether somebody can be asked now, or soon. Nobody waits for a key that rests: the client can do that."""
        self.last_error = error
        chosen = self._choose(self._clock.time(), self.candidates)
        if isinstance(chosen, Pick):
            return not chosen.again or self._tried.get((chosen.settings.name, chosen.key_index)) in _PASSING
        return chosen.why == "full"

    def _may_ask_again(self) -> bool:
        record, request = self._record, self._request
        if record.client_left or request.rest or self.budget.spent(self._clock.time()):
            return False
        # What names no model may create something, which must not happen twice.
        return request.model is not None or request.method in ("GET", "HEAD")


def _pick_of(attempt: Attempt) -> Pick:
    pick = attempt.pick
    assert pick is not None
    return pick
