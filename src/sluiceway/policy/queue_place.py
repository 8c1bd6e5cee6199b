"""What a request that waits can be told: its place in the queue, and about how long it will take. Estimates both."""

from __future__ import annotations

import math
from collections.abc import Iterable

from sluiceway.policy.ticket import Ticket, WaitingKey

# The weight of the newest gap in the mean: the last dozen or so count. Fewer would make the estimate jump with every
# short answer, more would let it lag behind an upstream that has become slow.
NEWEST = 1 / 8


class Pace:
    """How fast the queue moves: a running mean of the gaps between admissions while somebody waits.

    It outlives times without a queue, as the best guess for the next one.
    """

    __slots__ = ("_mean_s", "_since")

    def __init__(self) -> None:
        self._mean_s: float | None = None
        self._since = 0.0

    def begin(self, now: float) -> None:
        """Somebody waits, and nobody did."""
        self._since = now

    def moved(self, now: float) -> None:
        """One of those who waited was let in."""
        gap_s = now - self._since
        self._since = now
        self._mean_s = gap_s if self._mean_s is None else self._mean_s + (gap_s - self._mean_s) * NEWEST

    def gap_s(self, now: float) -> float | None:
        """Seconds per admission; None while there was none. Grows while nothing moves for longer than usual."""
        if self._mean_s is None:
            return None
        return self._mean_s + max(0.0, now - self._since - self._mean_s) * NEWEST


def position(ticket: Ticket, keys: Iterable[WaitingKey], *, same_group_only: bool) -> int:
    """1 is next, 0 is not waiting.

    Before it are those that its own key sends first, and the turns that the other `keys` get until then.
    `same_group_only`: only those are in its way that need the same as it does, since that is what is full.
    Costs O(keys + lanes of its key). Limits of keys and shares of places are left out of it.
    """
    lane = ticket.lane
    if lane is None:
        return 0
    key = lane.key
    if key is None:
        return lane.index(ticket) + 1
    before = sum(each.index(ticket) for each in ([lane] if same_group_only else key.lanes.values()))
    due, oldest = key.turn + before / key.priority, key.oldest().arrival
    total = 1 + before
    for other in keys:
        if other is not key:
            waiting = other.waiting
            if same_group_only:
                waiting = len(other.lanes[lane.group].tickets) if lane.group in other.lanes else 0
            turns = (due - other.turn) * other.priority
            came_first = other.oldest().arrival < oldest  # then it also goes first where both are due
            total += min(waiting, max(math.floor(turns) + 1 if came_first else math.ceil(turns), 0))
    return total
