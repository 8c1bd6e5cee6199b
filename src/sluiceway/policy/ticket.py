"""One request that asks to be let in, and the lane in which it waits: the values that the queue works on."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Hashable

import msgspec

from sluiceway.policy.fair_share import Party


def _nothing() -> None:
    """What `unclaim` is where `claim` takes nothing that has to be given back."""


def _no_scopes() -> list[tuple[str, int]]:
    return []


class Ticket(msgspec.Struct, eq=False):
    """One request, from the moment it asks to be let in until its answer is over.

    `key`: the name of its key, "" for anonymous. `priority`: that key's weight, 1 to 100. `key_limit`: that
    key's `max_in_flight`, 0 unlimited.

    `group`: what it needs. Where one of a group finds no place at an upstream no other of it is asked, so
    requests that may go to different upstreams belong to different groups.

    `claim(now)` takes a place at an upstream and returns None, or the time before which it is pointless to
    ask again unless something is given back (`math.inf`: only that helps). What it raises is raised to this
    request alone. `unclaim()` gives that place back, and is called exactly once for each claim that succeeded.

    `scopes()`: what it takes of the limits that processes share, by name and limit, once it has claimed.

    The rest belongs to the queue. `holding`: it has its places of the gateway and of its key. `claimed`: it has
    one at an upstream. `lane`: where it waits, if it does. `trial_of`: the lane that waits for its outcome.
    """

    key: str
    priority: int
    key_limit: int
    group: Hashable
    claim: Callable[[float], float | None]
    unclaim: Callable[[], None] = _nothing
    scopes: Callable[[], list[tuple[str, int]]] = _no_scopes
    joined_at: float = 0.0
    arrival: int = 0
    holding: bool = False
    claimed: bool = False
    failing_over: bool = False
    lane: Lane | None = None
    trial_of: Lane | None = None

    def give_up_claim(self) -> None:
        """Give its place at an upstream back, if it has one."""
        if self.claimed:
            self.claimed = False
            self.unclaim()


class Lane(msgspec.Struct, eq=False):
    """Tickets of one key and group, first come first served; it exists as long as it has any.

    `key`: None for tickets that fail over. `not_before`: when its head may be tried. `one_by_one`: one of it
    was put back, so each goes alone, and the next only when it is known what became of it.
    """

    group: Hashable
    key: WaitingKey | None
    tickets: list[Ticket] = msgspec.field(default_factory=list)
    not_before: float = -math.inf
    one_by_one: bool = False

    def index(self, ticket: Ticket) -> int:
        """How many are before it, or would be if it were here."""
        return bisect_left(self.tickets, ticket.arrival, key=_arrival)

    def put(self, ticket: Ticket) -> None:
        """Where its time of arrival says; a ticket that was put back is before those that came later."""
        self.tickets.insert(self.index(ticket), ticket)
        ticket.lane = self

    def drop(self, ticket: Ticket) -> None:
        """Take a ticket of it out, from anywhere."""
        del self.tickets[self.index(ticket)]
        ticket.lane = None


class WaitingKey(Party):
    """A key with requests in flight or waiting. `head`: the ticket that it contends with at the moment."""

    lanes: dict[Hashable, Lane] = msgspec.field(default_factory=dict)
    waiting: int = 0
    head: Ticket | None = None

    def waiting_by_weight(self) -> float:
        """How many of it wait, against the weight that it has."""
        return self.waiting / self.priority

    def newest(self) -> Ticket:
        """Its last ticket to arrive, of those that wait; there must be one."""
        return max((lane.tickets[-1] for lane in self.lanes.values()), key=_arrival)

    def oldest(self) -> Ticket:
        """Its first ticket to arrive, of those that wait; there must be one."""
        return min((lane.tickets[0] for lane in self.lanes.values()), key=_arrival)


def _arrival(ticket: Ticket) -> int:
    return ticket.arrival
