"""Who may start now, and who is next: limits on requests in flight, and one bounded queue that is fair to keys.

A request needs a place of the gateway, a place of its key, and a place at an upstream, which its `claim` takes.
What can't start waits in a lane: the requests of one key that need the same, first come first served. Lanes do
not block one another, so a model whose upstream is full holds up nobody else. Which key is next is decided
in `fair_share`.

Nobody who could run waits, and nobody starts before one who waits and could run now. Both hold as long as `wake`
is called after anything was given back (here, or at an upstream) and when `next_wake_at` comes.

With K keys that wait, and G groups among them, an admission costs O(K + lanes) for each group that turns out to be
full; how many tickets wait does not matter. Nothing is kept about keys with nothing in flight or waiting.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable

from sluiceway.errors import Overloaded
from sluiceway.policy.fair_share import whose_turn
from sluiceway.policy.lanes import Lanes
from sluiceway.policy.queue_place import Pace, position
from sluiceway.policy.ticket import Lane, Ticket, WaitingKey

__all__ = ["FairQueue", "Ticket"]

# A claim that answers "ask again now" would otherwise be asked without end.
SHORTEST_PAUSE_S = 0.005

# What a refused client is told as long as nothing is known about how fast the queue moves; and at most: longer
# ones are not believed by the SDKs of OpenAI and Anthropic, which then try again much sooner.
RETRY_UNKNOWN_S = 1.0
RETRY_MOST_S = 60.0


class FairQueue:
    """See the module. `limit`: places of the gateway, 0 unlimited. `max_waiting`: how many may wait for one.

    `on_refused(ticket, error)` is told of a ticket that waited and no longer does: another took its place in
    the full queue (`Overloaded`), or its `claim` raised.

    `in_flight`: tickets that hold a place of the gateway.
    """

    __slots__ = (
        "_arrivals", "_blocked", "_keys", "_lanes", "_next", "_on_refused", "_pace",
        "in_flight", "limit", "max_waiting",
    )  # fmt: skip

    def __init__(self, limit: int, max_waiting: int, on_refused: Callable[[Ticket, Exception], None]) -> None:
        self.limit = limit
        self.max_waiting = max_waiting
        self.in_flight = 0
        self._on_refused = on_refused
        self._arrivals = 0
        self._lanes = Lanes()
        self._keys = self._lanes.keys
        self._pace = Pace()
        self._next = math.inf
        self._blocked: set[Hashable] = set()  # groups that found no upstream since `wake`

    @property
    def waiting(self) -> int:
        """Tickets in the queue, and those that run and wait for another upstream."""
        return self._lanes.waiting

    # ── coming and going ────────────────────────────────────────────────────────────────────────────

    def enter(self, ticket: Ticket, now: float) -> bool:
        """Let it in (True), or let it wait (False). `wake` must follow if `next_wake_at` is not later than now.

        Raises `Overloaded` when the queue is full, and what `claim` raises; the ticket then has nothing.
        """
        self._arrivals += 1
        ticket.arrival = self._arrivals
        ticket.joined_at = now
        key = self._keys.get(ticket.key)
        if self._may_start(ticket, key, now):
            until = ticket.claim(now)
            if until is not None:
                self._join(ticket, key, now)
                self._block(ticket.group, until, now)
                return False
            if key is None:
                key = self._keys[ticket.key] = WaitingKey(ticket.key, ticket.priority)
            ticket.claimed = ticket.holding = True
            key.in_flight += 1
            self.in_flight += 1
            return True
        self._join(ticket, key, now)
        return False

    def again(self, ticket: Ticket, now: float) -> bool:
        """A ticket that runs needs another place at an upstream; the one that it has is given back.

        It keeps its places of the gateway and of its key, and comes before all who have none. True: it has its new
        place. False: it waits. Raises `Overloaded` where nothing may wait, and what `claim` raises; it keeps its
        other places then, too. What it needs has often changed: give it another `group` first.
        """
        self.leave(ticket)
        self._arrivals += 1
        ticket.arrival = self._arrivals
        ticket.joined_at = now
        ticket.failing_over = True
        until = math.inf
        if ticket.group not in self._lanes.moving:
            answer = ticket.claim(now)
            if answer is None:
                ticket.claimed = True
                return True
            until = answer
        if not self.max_waiting:
            raise self._refusal("no other upstream has room for this request", now)
        self._put(ticket, now)
        self._wake_by(max(until, now + SHORTEST_PAUSE_S))
        return False

    def put_back(self, ticket: Ticket, until: float, now: float) -> None:
        """It was let in, but a limit that processes share has no room: it waits on where it was.

        Its places are given back. Nobody of its lane is tried before `until`, and then one at a time as long as the
        lane lasts, since what is full for one of them is full for the next. Raises `Overloaded` where nothing may
        wait.
        """
        if ticket.failing_over:
            self.leave(ticket)
        else:
            self.release(ticket)
        if not self.max_waiting:
            raise self._refusal("limits on requests in flight are reached", now)
        lane = self._put(ticket, now)
        lane.one_by_one = True
        lane.not_before = until
        self._wake_by(until)

    def confirm(self, ticket: Ticket, now: float) -> None:
        """One that was let in is not going to be put back. Needed only beside `put_back`; `wake` must follow."""
        if ticket.trial_of is not None:
            self._end_trial(ticket)
            self._pace.moved(now)

    def leave(self, ticket: Ticket) -> None:
        """It needs no place at an upstream any more: neither waits for one nor keeps it. `wake` must follow."""
        if ticket.lane is not None:
            self._remove(ticket)
        self._end_trial(ticket)
        ticket.give_up_claim()
        if self._lanes.waiting:
            self._next = -math.inf  # from here to `wake` nobody new gets what was given back

    def release(self, ticket: Ticket) -> None:
        """It is over: it leaves, and gives back its places of the gateway and of its key; once, however often this
        is called. `wake` must follow."""
        self.leave(ticket)
        if ticket.holding:
            ticket.holding = False
            self.in_flight -= 1
            key = self._keys[ticket.key]
            key.in_flight -= 1
            if not key.in_flight and not key.lanes:
                self._lanes.part_with(key)

    def reconfigure(self, limit: int, max_waiting: int) -> None:
        """New limits. Who runs or waits goes on doing so, also where that is too many now. `wake` must follow."""
        self.limit = limit
        self.max_waiting = max_waiting
        self._next = -math.inf

    # ── who is next ─────────────────────────────────────────────────────────────────────────────────

    def wake(self, now: float) -> list[Ticket]:
        """Let in all that can run now; in that order."""
        self._blocked.clear()
        self._next = math.inf
        admitted: list[Ticket] = []
        for lane in sorted(self._lanes.moving.values(), key=_age):
            self._wake_lane(lane, now, admitted)
        while self._lanes.contending and self._has_room():
            contenders = self._contenders(now)
            if not contenders:
                break
            key = whose_turn(contenders)
            ticket = key.head
            assert ticket is not None
            if self._ask(ticket, now):
                ticket.holding = True
                self.in_flight += 1
                key.in_flight += 1
                self._lanes.take_turn(key, contenders)
                self._take_out(ticket, now)
                admitted.append(ticket)
        return admitted

    def next_wake_at(self) -> float:
        """When `wake` is due although nothing was given back; `math.inf`: never. May be too early, never too late."""
        return self._next if self.waiting else math.inf

    def position(self, ticket: Ticket) -> int:
        """Its place in the queue; 1 is next, 0 is not waiting. An estimate: others may still come before it."""
        same_group_only = ticket.group in self._blocked
        place = position(ticket, self._lanes.contending.values(), same_group_only=same_group_only)
        if not place or ticket.failing_over:
            return place
        return place + self._lanes.waiting - self._lanes.queued

    def estimate_s(self, ticket: Ticket, now: float) -> float | None:
        """How long it will still wait if the queue goes on moving as it did lately; None while nobody knows."""
        gap_s = self._pace.gap_s(now)
        return None if gap_s is None else gap_s * self.position(ticket)

    def retry_after_s(self, now: float) -> float:
        """When somebody who is refused may try again: when those who wait now will have been served, about."""
        gap_s = self._pace.gap_s(now)
        return RETRY_UNKNOWN_S if gap_s is None else min(gap_s * (self.waiting + 1), RETRY_MOST_S)

    # ── parts of these ──────────────────────────────────────────────────────────────────────────────

    def _has_room(self) -> bool:
        return not self.limit or self.in_flight < self.limit

    def _may_start(self, ticket: Ticket, key: WaitingKey | None, now: float) -> bool:
        """Whether a newcomer may be asked at once, before those who wait.

        They were all asked, and can't run, unless the clock has come to one of them.
        """
        if self.limit and self.in_flight >= self.limit:
            return False
        if key is not None and (
            (ticket.key_limit and key.in_flight >= ticket.key_limit) or ticket.group in key.lanes
        ):
            return False
        return not self._lanes.waiting or (self._next > now and ticket.group not in self._blocked)

    def _contenders(self, now: float) -> list[WaitingKey]:
        """The keys that have a ticket which might run; their `head` is that ticket."""
        contenders: list[WaitingKey] = []
        blocked = self._blocked
        for key in self._lanes.contending.values():
            head: Ticket | None = None
            for lane in key.lanes.values():
                ticket = lane.tickets[0]
                if lane.group in blocked or (ticket.key_limit and key.in_flight >= ticket.key_limit):
                    continue
                if lane.not_before > now:
                    self._wake_by(lane.not_before)
                elif head is None or ticket.arrival < head.arrival:
                    head = ticket
            if head is not None:
                key.head, key.arrival = head, head.arrival
                contenders.append(key)
        return contenders

    def _ask(self, ticket: Ticket, now: float) -> bool:
        """Whether it has a place at an upstream now."""
        lane = ticket.lane
        try:
            until = ticket.claim(now)
        except Exception as error:  # its own affair: whoever gave a place back must not hear of it
            self._remove(ticket)
            self._on_refused(ticket, error)
            return False
        if until is None:
            ticket.claimed = True
            return True
        assert lane is not None
        if lane.key is not None:
            self._block(lane.group, until, now)
        else:
            self._wake_by(max(until, now + SHORTEST_PAUSE_S))
        return False

    def _wake_lane(self, lane: Lane, now: float, admitted: list[Ticket]) -> None:
        """Those that fail over: they have all but an upstream, and need not take turns."""
        while lane.tickets and lane.not_before <= now:
            ticket = lane.tickets[0]
            if self._ask(ticket, now):
                self._take_out(ticket, now)
                admitted.append(ticket)
            elif ticket.lane is not None:
                return
        if lane.tickets:
            self._wake_by(lane.not_before)

    def _block(self, group: Hashable, until: float, now: float) -> None:
        self._blocked.add(group)
        self._wake_by(max(until, now + SHORTEST_PAUSE_S))

    def _wake_by(self, when: float) -> None:
        if when < self._next:
            self._next = when

    def _join(self, ticket: Ticket, key: WaitingKey | None, now: float) -> None:
        if self._lanes.queued >= self.max_waiting:
            self._make_room(ticket, key, now)
        self._put(ticket, now)

    def _make_room(self, ticket: Ticket, key: WaitingKey | None, now: float) -> None:
        """The key with the most waiting, for its weight, loses its newest to a key that has less even so.

        A key's only one is never taken, and the first of a key never refused for another's second: no key is
        ever left out, as long as there are no more of them than may wait.
        """
        if not self.max_waiting:
            raise self._refusal("a limit on requests in flight is reached", now)
        own = key.waiting if key is not None else 0
        most = self._lanes.fullest()
        if most is None or (own and (own + 1) / ticket.priority >= most.waiting_by_weight()):
            raise self._refusal("the queue is full", now)
        newest = most.newest()
        self._remove(newest)
        self._on_refused(newest, self._refusal("the queue is full, and others have fewer in it", now))

    def _refusal(self, message: str, now: float) -> Overloaded:
        return Overloaded(message, retry_after_s=self.retry_after_s(now))

    def _put(self, ticket: Ticket, now: float) -> Lane:
        if not self._lanes.waiting:
            self._pace.begin(now)
        return self._lanes.put(ticket)

    def _take_out(self, ticket: Ticket, now: float) -> None:
        """Of its lane, because it was let in."""
        lane = ticket.lane
        assert lane is not None
        if lane.one_by_one:
            lane.not_before = math.inf
            ticket.trial_of = lane
        else:
            self._pace.moved(now)
        self._remove(ticket)

    def _end_trial(self, ticket: Ticket) -> None:
        if ticket.trial_of is not None:
            ticket.trial_of.not_before = -math.inf
            ticket.trial_of = None
            self._next = -math.inf

    def _remove(self, ticket: Ticket) -> None:
        self._lanes.remove(ticket)
        if not self._lanes.waiting:
            self._blocked.clear()
            self._next = math.inf


def _age(lane: Lane) -> int:
    return lane.tickets[0].arrival
