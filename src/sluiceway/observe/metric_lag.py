"""How late the event loop is: a call that is due twice a second, and by how much it misses its time.

What blocks the loop delays every stream of the process, and nothing else shows it as directly.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Protocol

from sluiceway.observe.metric_definitions import LOOP_LAG_S
from sluiceway.observe.metric_series import Histogram

# Often enough to meet a stall of some hundred milliseconds more often than not, and it costs next to nothing.
INTERVAL_S: Final = 0.5

# The maximum is that of this period and the one before: of the last half to one minute. Not of the time since it was
# last asked for, since several may ask.
WINDOW_S: Final = 30.0


class Cancellable(Protocol):
    """A call to come."""

    def cancel(self) -> None:
        """Let it not come."""
        ...


class Loop(Protocol):
    """The part of an event loop that is needed."""

    def call_later(self, delay: float, callback: Callable[[], None], /) -> Cancellable:
        """Call back in `delay` seconds."""
        ...


class LoopLag:
    """See the module. Counts into `seen`, in seconds."""

    __slots__ = ("_clock", "_due", "_loop", "_next", "_now_max", "_past_max", "_window_ends", "seen")

    def __init__(self, loop: Loop, seen: Histogram, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock`: not the loop's own, whose time stands still within one turn, and counts milliseconds."""
        self._loop = loop
        self._clock = clock
        self.seen = seen
        self._next: Cancellable | None = None
        self._due = 0.0
        self._now_max = self._past_max = 0.0
        self._window_ends = 0.0

    @property
    def max_s(self) -> float:
        """The worst lately."""
        return max(self._now_max, self._past_max)

    def start(self) -> None:
        """In the loop's thread."""
        self._window_ends = self._clock() + WINDOW_S
        self._arm()

    def stop(self) -> None:
        """Measure no more."""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _arm(self) -> None:
        self._due = self._clock() + INTERVAL_S
        self._next = self._loop.call_later(INTERVAL_S, self._called)

    def _called(self) -> None:
        now = self._clock()
        lag_s = max(0.0, now - self._due)  # a loop that counts milliseconds may call a little early
        self.seen.observe(LOOP_LAG_S, lag_s)
        if now >= self._window_ends:
            self._past_max, self._now_max = self._now_max, 0.0
            self._window_ends = now + WINDOW_S
        self._now_max = max(self._now_max, lag_s)
        self._arm()
