"""Waiting for a place: the asyncio around `policy.queue`, and the places that processes share.

    admission.offer(ticket)            True: let in, and nothing was awaited
    await admission.admitted(ticket)   otherwise: until it is let in
    await admission.again(ticket)      another place at an upstream, for one that runs
    admission.leave(ticket)            its answer is over, or nobody wants it any more

A request that is let in by this process alone may still need places in what several processes share (`Places`).
Where one of these is full it goes back to its lane, at the head, and asks again after about `SHARED_RETRY_S`,
since nobody is told when another process gives a place back.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Protocol

from sluiceway.config.server_settings import QueueSettings
from sluiceway.errors import Draining, QueueTimeout
from sluiceway.policy.queue import SHORTEST_PAUSE_S, FairQueue
from sluiceway.policy.ticket import Ticket
from sluiceway.relay.plan import Clock, Timer

# How long a full limit that processes share is left alone, give or take half, so that they do not ask in step. A
# place lies idle for as long on average; asking more often would cost the shared state more than the place is worth.
SHARED_RETRY_S = 0.1

# The scopes of an upstream begin with this; see `state.base.Scope`.
UPSTREAM_SCOPE = "upstream:"

Scope = tuple[str, int]


class Places(Protocol):
    """The part of a `state.base.State` that admission needs."""

    @property
    def shared(self) -> bool:
        """Whether several processes count together. If not, nothing else is called."""
        ...

    async def lease(self, scopes: Sequence[Scope]) -> str | None:
        """One place in each, or in none: None if taken, else the first that is full. Cancelled: none is taken."""
        ...

    def release(self, scopes: Sequence[Scope]) -> None:
        """Give back one place in each."""
        ...


class Admission:
    """Lets the requests of one process in. It outlives reloads: `reconfigure` gives it new limits.

    Use from one event loop, whose time `clock` is. An error that `offer`, `admitted` or `again` raises belongs to
    that ticket alone: `Overloaded`, `QueueTimeout`, `Draining`, `StateUnavailable`, or what its `claim` raised.
    """

    __slots__ = (
        "_clock", "_draining", "_leases", "_max_wait_s", "_places", "_queue", "_random", "_timer",
        "_timer_at", "_waiters",
    )  # fmt: skip

    def __init__(
        self,
        settings: QueueSettings,
        limit: int,
        places: Places,
        *,
        clock: Clock,
        random: Callable[[], float] = random.random,
    ) -> None:
        """`limit`: `server.max_in_flight`, or this process's part of it; 0 unlimited. `random`: from 0 to below 1."""
        self._queue = FairQueue(limit, settings.max_waiting, self._refused)
        self._max_wait_s = settings.max_wait_s or math.inf
        self._places = places if places.shared else None
        self._clock = clock
        self._random = random
        self._draining = False
        self._leases: dict[Ticket, list[Scope]] = {}
        # Those that wait, longest first. One whose future is done is about to go on, or asks for shared places.
        self._waiters: OrderedDict[Ticket, asyncio.Future[None]] = OrderedDict()
        self._timer: Timer | None = None
        self._timer_at = math.inf

    @property
    def in_flight(self) -> int:
        """Requests that were let in and are not over."""
        return self._queue.in_flight

    @property
    def waiting(self) -> int:
        """Requests that wait: for a place, or, while they run, for another upstream."""
        return self._queue.waiting

    def place_of(self, ticket: Ticket) -> tuple[int, float | None]:
        """What a client that waits can be told: its position, 1 is next, and about how many seconds it takes, or
        None while nobody knows. Both are estimates."""
        now = self._clock.time()
        return self._queue.position(ticket) or 1, self._queue.estimate_s(ticket, now)

    # ── the life of a ticket ────────────────────────────────────────────────────────────────────────

    def offer(self, ticket: Ticket) -> bool:
        """Let it in at once, if nothing has to be waited for. Else (False) `admitted` or `leave` must follow."""
        if self._draining:
            raise Draining("the gateway is shutting down")
        at_once = self._queue.enter(ticket, self._clock.time())
        if not at_once:
            self._expect(ticket)
        return at_once and self._places is None

    async def admitted(self, ticket: Ticket) -> None:
        """Wait until an offered ticket is let in. If this raises, it has nothing."""
        try:
            await self._settled(ticket)
        except BaseException:
            self.leave(ticket)
            raise

    async def again(self, ticket: Ticket) -> None:
        """Give its place at an upstream back, and wait for another one, before all who have none.

        If this raises, the ticket keeps its places of the gateway and key until `leave`.
        """
        if self._places is not None:
            leases = self._leases.pop(ticket, [])
            self._leases[ticket] = [scope for scope in leases if not scope[0].startswith(UPSTREAM_SCOPE)]
            self._places.release([scope for scope in leases if scope[0].startswith(UPSTREAM_SCOPE)])
        try:
            if self._queue.again(ticket, self._clock.time()):
                self.wake()  # the place that it gave back may suit another
            else:
                self._expect(ticket)
            await self._settled(ticket)
        except BaseException:
            self._queue.leave(ticket)
            self.wake()
            raise

    def leave(self, ticket: Ticket) -> None:
        """Give back whatever it has, in the queue, at the upstream, of its key and the gateway; exactly once,
        however often it is called."""
        self._queue.release(ticket)
        if self._places is not None:
            leases = self._leases.pop(ticket, None)
            if leases:
                self._places.release(leases)
        if self._waiters:
            waiter = self._waiters.pop(ticket, None)
            if waiter is not None and waiter.done() and not waiter.cancelled():
                waiter.exception()  # nobody is going to ask for it, and asyncio would complain
            self.wake()

    # ── from outside ────────────────────────────────────────────────────────────────────────────────

    def wake(self) -> None:
        """Let in all that can run now. Call it when an upstream's place was given back other than by this class, or
        an upstream got more of them."""
        if self._queue.waiting:
            for ticket in self._queue.wake(self._clock.time()):
                self._tell(ticket, None)
            self._arm()

    def reconfigure(self, settings: QueueSettings, limit: int) -> None:
        """Go by these from now on, for those who wait already, too. Nothing that runs or waits is harmed."""
        self._queue.reconfigure(limit, settings.max_waiting)
        self._max_wait_s = settings.max_wait_s or math.inf
        self.wake()

    def drain(self) -> None:
        """Let nobody in any more: who waits is refused at once. What runs may still move to another upstream."""
        self._draining = True
        for ticket in list(self._waiters):
            if not ticket.holding:
                self._queue.leave(ticket)
                self._tell(ticket, Draining("the gateway is shutting down"))

    # ── parts of these ──────────────────────────────────────────────────────────────────────────────

    async def _settled(self, ticket: Ticket) -> None:
        """Until it has all its places, the shared ones among them."""
        try:
            while True:
                if not ticket.claimed:
                    await self._waiters[ticket]
                if self._places is None or await self._leased(ticket, self._places):
                    return
                self._put_back(ticket)
        finally:
            self._waiters.pop(ticket, None)

    async def _leased(self, ticket: Ticket, places: Places) -> bool:
        """Whether it has its shared places now. One that moved to another upstream has the others already."""
        had = self._leases.get(ticket, [])
        names = {name for name, _ in had}
        scopes = [scope for scope in ticket.scopes() if scope[0] not in names]
        if scopes:
            if await places.lease(scopes) is not None:
                return False
            self._leases[ticket] = had + scopes
        if ticket.trial_of is not None:
            self._queue.confirm(ticket, self._clock.time())
            self.wake()
        return True

    def _put_back(self, ticket: Ticket) -> None:
        now = self._clock.time()
        if self._draining and not ticket.failing_over:
            raise Draining("the gateway is shutting down")
        if ticket.joined_at + self._max_wait_s <= now:
            raise self._too_long(now)
        self._queue.put_back(ticket, now + SHARED_RETRY_S * (0.5 + self._random()), now)
        self._expect(ticket)  # this lets others in, too, who can use the places that it gave back

    def _expect(self, ticket: Ticket) -> None:
        """It waits in the queue from now on."""
        self._waiters[ticket] = asyncio.get_running_loop().create_future()
        if self._queue.next_wake_at() <= self._clock.time():
            self.wake()
        else:
            self._arm()

    def _refused(self, ticket: Ticket, error: Exception) -> None:
        self._tell(ticket, error)

    def _tell(self, ticket: Ticket, error: Exception | None) -> None:
        waiter = self._waiters.get(ticket)
        if waiter is not None and not waiter.done():
            if error is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(error)

    def _too_long(self, now: float) -> QueueTimeout:
        return QueueTimeout(
            f"no room for this request within {self._max_wait_s:g} s",
            retry_after_s=self._queue.retry_after_s(now),
        )

    # ── one timer for all ───────────────────────────────────────────────────────────────────────────

    def _arm(self) -> None:
        """A timer that is armed too early fires for nothing and is armed anew; that is cheaper than to move it."""
        when = self._queue.next_wake_at()
        for longest_there in self._waiters:
            when = min(when, longest_there.joined_at + self._max_wait_s)
            break
        if when < self._timer_at:
            if self._timer is not None:
                self._timer.cancel()
            # Loops round to milliseconds, and may call a little early: not again and again until it is time.
            self._timer_at = max(when, self._clock.time() + SHORTEST_PAUSE_S)
            self._timer = self._clock.call_at(self._timer_at, self._on_time)

    def _on_time(self) -> None:
        self._timer, self._timer_at = None, math.inf
        now = self._clock.time()
        for ticket in self._waiters:
            if ticket.joined_at + self._max_wait_s > now:
                break
            if ticket.lane is not None:
                error = self._too_long(now)
                self._queue.leave(ticket)
                self._tell(ticket, error)
        self.wake()
        self._arm()
