"""Whose turn it is, when requests of several keys wait for the same places.

Two things are shared out by weight (a key's `priority`), and both are needed. *Places*: a key whose answers take
minutes must not end up holding all places, although it only had its turns. *Turns*: where there are fewer
places than keys, or weights too far apart to be told by whole places, the shares come out in time.

So a free place goes to a key that holds less than its share of what the contenders hold; among these, to the
one whose turn has come. Turns are start-time fair queueing (Goyal, Vin, Cheng, SIGCOMM 1996): a turn moves a
key on by 1/weight in a virtual time, and the key that is furthest behind is next.

What holds, and is tested by simulation: while a key contends and holds less than its share, any other key gets
at most `weight / own weight + 1` turns before it (`most_turns_before`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec


class Party(msgspec.Struct, eq=False):
    """What one key has, as far as sharing goes.

    `turn`: the virtual time of its next turn. `arrival`: the number of the request that it would send next;
    smaller came first.
    """

    name: str
    priority: int
    in_flight: int = 0
    turn: float = 0.0
    arrival: int = 0


AnyParty = TypeVar("AnyParty", bound=Party)


class Turns:
    """The virtual time. It only moves forward."""

    __slots__ = ("_even", "_latest")

    def __init__(self) -> None:
        self._latest = 0.0  # when the latest turn was due
        self._even = 0.0  # where everyone would be if places could be divided: moves on with every turn

    def join(self, party: Party) -> None:
        """A key begins to wait: it has neither saved up turns nor lost any."""
        party.turn = max(party.turn, self._begin(party))

    def take(self, party: Party, contenders: Sequence[Party]) -> None:
        """A key, one of the contenders, has its turn.

        It may have fallen behind while it held more than its share and others were served. That is made up
        for by one turn at most, not by a row of them.
        """
        self._latest = max(party.turn, self._latest)
        party.turn = self._latest + 1 / party.priority
        self._even = max(self._even + 1 / sum(other.priority for other in contenders), self._latest)

    def owes(self, party: Party) -> bool:
        """Whether a key is ahead of its time. If not, nothing is lost by forgetting it."""
        return party.turn > self._begin(party)

    def _begin(self, party: Party) -> float:
        """Not when the latest turn was due: a stream of keys that are new would all be due then, before anyone who
        waits for a second turn, and time would not move on. Nor too far from it: see `most_turns_before`."""
        return min(self._even, self._latest + 1 / party.priority)


def whose_turn(contenders: Sequence[AnyParty]) -> AnyParty:
    """The key that gets the next place, of those that could use it; at least one.

    A key's share is its part, by weight, of all places that the contenders hold and the one to be given. They can't
    all hold that much, since it adds up to one more than they hold.
    """
    places = weights = 0
    for party in contenders:
        places += party.in_flight
        weights += party.priority
    best: AnyParty | None = None
    for party in contenders:
        if party.in_flight * weights < (places + 1) * party.priority and (
            best is None
            or party.turn < best.turn
            or (party.turn == best.turn and party.arrival < best.arrival)
        ):
            best = party
    assert best is not None
    return best


def most_turns_before(own_priority: int, priority: int) -> int:
    """How many turns a key of `priority` can get before one that contends and holds less than its share.

    The one that contends has its turn at most 1/`own_priority` after the latest turn was due (`Turns`), turns of the
    other are 1/`priority` apart, and none begins before the latest or after that of the one that contends.
    """
    return priority // own_priority + 1
