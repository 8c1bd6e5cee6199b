"""Who waits where, and whom the queue still has to know: bookkeeping, without a decision in it.

Lanes and keys exist as long as they are of use. A key with nothing in flight and nothing waiting is forgotten, unless
others wait and it is ahead of its time: then it rests, since to be forgotten would give it turns for free.
"""

from __future__ import annotations

from collections.abc import Hashable

from sluiceway.policy.fair_share import Turns
from sluiceway.policy.ticket import Lane, Ticket, WaitingKey


class Lanes:
    """`keys`: all that are known, by name. `contending`: those of them that have lanes. `moving`: the lanes of those
    that run and need another upstream, by group.

    `waiting`: tickets in any lane. `queued`: those of them that have no place yet.
    """

    __slots__ = ("_resting", "_turns", "contending", "keys", "moving", "queued", "waiting")

    def __init__(self) -> None:
        self.keys: dict[str, WaitingKey] = {}
        self.contending: dict[str, WaitingKey] = {}
        self.moving: dict[Hashable, Lane] = {}
        self.waiting = 0
        self.queued = 0
        self._resting: dict[str, WaitingKey] = {}
        self._turns = Turns()

    def put(self, ticket: Ticket) -> Lane:
        """Into its lane, which is made if need be."""
        self.waiting += 1
        if ticket.failing_over:
            lane = self.moving.get(ticket.group)
            if lane is None:
                lane = self.moving[ticket.group] = Lane(ticket.group, None)
        else:
            self.queued += 1
            key = self.keys.get(ticket.key)
            if key is None:
                key = self.keys[ticket.key] = WaitingKey(ticket.key, ticket.priority)
            if not key.lanes:
                self.contending[key.name] = key
                self._turns.join(key)
            key.priority = ticket.priority  # it may have changed since the key was met
            key.waiting += 1
            lane = key.lanes.get(ticket.group)
            if lane is None:
                lane = key.lanes[ticket.group] = Lane(ticket.group, key)
        lane.put(ticket)
        return lane

    def remove(self, ticket: Ticket) -> None:
        """Out of its lane, in which it must be; and whatever is empty then."""
        lane = ticket.lane
        assert lane is not None
        lane.drop(ticket)
        self.waiting -= 1
        key = lane.key
        if key is None:
            if not lane.tickets:
                del self.moving[lane.group]
            return
        self.queued -= 1
        key.waiting -= 1
        if lane.tickets:
            return
        del key.lanes[lane.group]
        if not key.lanes:
            del self.contending[key.name]
            key.head = None
            if not key.in_flight:
                self.part_with(key)
            if not self.contending:
                self._forget_rested()

    def take_turn(self, key: WaitingKey, contenders: list[WaitingKey]) -> None:
        """It is served, of those that contended."""
        self._turns.take(key, contenders)
        self._forget_rested()

    def part_with(self, key: WaitingKey) -> None:
        """It has nothing in flight and nothing waiting any more."""
        if self.contending and self._turns.owes(key):
            self._resting[key.name] = key
        else:
            del self.keys[key.name]
            self._resting.pop(key.name, None)  # it rested, came back, and has nothing again

    def fullest(self) -> WaitingKey | None:
        """The key with the most waiting for its weight, of those that have more than one."""
        several = [key for key in self.contending.values() if key.waiting > 1]
        return max(several, key=WaitingKey.waiting_by_weight, default=None)

    def _forget_rested(self) -> None:
        for key in list(self._resting.values()):
            if not self.contending or not self._turns.owes(key):
                del self._resting[key.name]
                if not key.in_flight and not key.lanes:
                    del self.keys[key.name]
