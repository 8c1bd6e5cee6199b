"""Feeds: an observer that may be slow, raise or hang, kept behind a bounded queue and a thread of its own.

Whoever runs in the event loop gives an item and goes on: that takes a microsecond, whatever the observer does.
What it is too slow for is dropped and counted (invariants 6 and 9).
"""

from __future__ import annotations

import logging
import queue
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from typing import Final, Generic, NamedTuple, TypeVar

from sluiceway.relay.observe import Listener

# The thread waits this long for company before it takes what came: to wake it for each item would cost the loop
# some 10 µs, and the interpreter's lock each time.
GATHER_S: Final = 0.02

# An observer that fails on every item is told of this often, and not thousands of times a second.
LOG_EVERY_S: Final = 60.0

# What may wait for an observer of events: some seconds of a busy gateway.
MAX_EVENTS: Final = 10_000
MAX_EVENT_BYTES: Final = 64 * 1024 * 1024

Item = TypeVar("Item")

_log = logging.getLogger("sluiceway.feed")


class Feed(Generic[Item]):
    """See the module. `given == taken + dropped + waiting`, and of those that were taken `failed` raised.

    One thread feeds, usually that of the event loop. The observer gets the items in order, one at a time.
    """

    def __init__(
        self, observer: Callable[[Item], None], *, max_items: int, max_bytes: int = 0, name: str = "feed"
    ) -> None:
        """`max_items`, `max_bytes`: the most that may wait, 0 bytes is no bound. `name`: for the log."""
        self.name = name
        self.given = 0
        self.taken = 0
        self.dropped = 0
        self.failed = 0
        self._observer = observer
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._queue: deque[tuple[Item, int]] = deque()  # appended to here, taken from there: both atomic
        # Each number has one thread that changes it, since `+=` is not atomic.
        self._bytes_in = 0
        self._bytes_out = 0
        self._awake = False
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()  # wakes in a quarter of an Event's time
        self._closing = threading.Event()
        self._abandoned = False
        self._logged_at = -LOG_EVERY_S
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        return (
            f"<Feed {self.name}: {self.given} given, {self.taken} taken, {self.dropped} dropped, "
            f"{self.failed} failed, {self.waiting} waiting>"
        )

    @property
    def waiting(self) -> int:
        """How many items wait; not the one that the observer has."""
        return len(self._queue)

    def feed(self, item: Item, size: int = 0) -> bool:
        """Leave an item for the observer; false if it was dropped. Never blocks, never raises.

        `size`: its bytes, where those are bounded. A single item is taken whatever its size, if none waits.
        """
        self.given += 1
        waiting = self._queue
        if waiting:
            held = self._bytes_in - self._bytes_out
            if len(waiting) >= self._max_items or (self._max_bytes and held + size > self._max_bytes):
                self.dropped += 1
                return False
        if self._closing.is_set():
            self.dropped += 1
            return False
        self._bytes_in += size
        waiting.append((item, size))
        if not self._awake:
            self._awake = True
            self._bell.put(None)
        return True

    def close(self, timeout_s: float = 1.0) -> bool:
        """Give the observer that long for what waits, then leave it. False if something was left, or it is stuck.

        What comes from now on is dropped.
        """
        self._closing.set()
        self._bell.put(None)
        self._thread.join(timeout_s)
        self._abandoned = True
        return not self._thread.is_alive() and not self._queue

    # ── in its thread ───────────────────────────────────────────────────────────────────────────────

    def _run(self) -> None:
        while True:
            self._bell.get()
            self._closing.wait(GATHER_S)
            self._take_all()
            if self._closing.is_set():
                self._take_all()  # what came between the last look and the closing
                return
            self._awake = False
            if self._queue:  # whoever gave it saw `_awake` while it was still true
                self._awake = True
                self._bell.put(None)

    def _take_all(self) -> None:
        while self._queue and not self._abandoned:
            item, size = self._queue.popleft()
            self.taken += 1
            self._bytes_out += size
            try:
                self._observer(item)
            except BaseException as error:  # even SystemExit: a thread that ends would silently drop the rest
                self.failed += 1
                self._tell(error)
            del item

    def _tell(self, error: BaseException) -> None:
        """Where it failed and by what, but not its message: that may hold what was observed."""
        now = time.monotonic()
        if now - self._logged_at >= LOG_EVERY_S:
            self._logged_at = now
            where = "".join(traceback.format_tb(error.__traceback__))
            _log.warning(
                "the observer %s failed, %d times by now: %s\n%s",
                self.name,
                self.failed,
                type(error).__name__,
                where,
            )


class Seen(NamedTuple):
    """Bytes that went to a client: whole events, one or more, where the answer is a stream. `at`: loop's seconds."""

    request_id: str
    at: float
    data: bytes


class EventFeed:
    """Every stream's events for one observer, which may be slow, raise or hang.

    `feed` has the counters; an observer that sees `feed.dropped` grow is too slow, and misses events.
    """

    def __init__(
        self,
        observer: Callable[[Seen], None],
        *,
        max_items: int = MAX_EVENTS,
        max_bytes: int = MAX_EVENT_BYTES,
        name: str = "events",
    ) -> None:
        self.feed: Feed[Seen] = Feed(observer, max_items=max_items, max_bytes=max_bytes, name=name)

    def listener(self, request_id: str) -> Listener:
        """A listener for the tape of that request."""
        return _OneStream(self.feed, request_id)

    def close(self, timeout_s: float = 1.0) -> bool:
        """See `Feed.close`."""
        return self.feed.close(timeout_s)


class _OneStream:
    __slots__ = ("_feed", "_request_id")

    def __init__(self, feed: Feed[Seen], request_id: str) -> None:
        self._feed = feed
        self._request_id = request_id

    def wrote(self, at: float, data: bytes) -> None:
        self._feed.feed(Seen(self._request_id, at, data), len(data))
