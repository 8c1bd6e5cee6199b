"""What went to one client, and when: a bounded log that any number of readers follow at their own pace.

The relay appends to it after each write, and that is all it ever does: no reader is called, so none can delay,
change or break the stream (invariant 9). A reader that is slower than the log is long misses entries, and knows
how many.

Who has to see every byte gets it by `Listener`, in the loop, right after it was written: only for what keeps it in
memory at once and can't fail, as `observe.feed` does for observers that may be slow.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from sluiceway.wire.sse import count_events

# Of a longer entry, the beginning and the end are kept: half of this each. A picture may have 20 MiB.
KEPT_BYTES: Final = 2048

# The last entries are kept in any case: they tell why the answer ended.
LEAST_ENTRIES: Final = 4

# Marks are rare, but a client that reads slowly makes two each time.
MAX_MARKS: Final = 512


class Entry(NamedTuple):
    """One write. `at`: the loop's seconds. `events`: how many had been written with it, since the beginning.
    `data`: the bytes, without the middle where there are more than `KEPT_BYTES`."""

    at: float
    events: int
    size: int
    data: bytes


class Mark(NamedTuple):
    """Something that happened besides: `attempt`, `head`, `failed`, `commit`, `heartbeat`, `pause`, `resume`,
    `continued`, `error`, `over`. `detail`: an upstream's name, a status, a code."""

    at: float
    kind: str
    detail: str = ""


class Listener(Protocol):
    """Told of each write. Must not raise, block or take its time."""

    def wrote(self, at: float, data: bytes) -> None:
        """These bytes went to the client, or to nobody if it has left."""
        ...


class Tape:
    """See the module. `events`: written so far. `gap`: the longest silence between two, in seconds."""

    __slots__ = (
        "_carries",
        "entries",
        "events",
        "first_content_at",
        "gap",
        "last_at",
        "listeners",
        "lost_marks",
        "marks",
    )

    def __init__(
        self,
        length: int,
        carries_content: Callable[[bytes], bool] | None = None,
        listeners: tuple[Listener, ...] = (),
    ) -> None:
        """`length`: how many entries are kept. `carries_content`: whether these events hold a piece of the answer."""
        self.entries: deque[tuple[float, int, int, bytes]] = deque(maxlen=max(length, LEAST_ENTRIES))
        self.marks: list[Mark] = []
        self.lost_marks = 0
        self.events = 0
        self.gap = 0.0
        self.last_at: float | None = None  # of an event
        self.first_content_at: float | None = None
        self.listeners = listeners
        self._carries = carries_content

    def wrote_events(self, now: float, data: bytes) -> None:
        """Whole events were written: the hot path, once per write."""
        # Lines mostly end in LF, and then this is all there is to count.
        self.events = events = self.events + (count_events(data) if b"\r" in data else data.count(b"\n\n"))
        last = self.last_at
        if last is not None and now - last > self.gap:
            self.gap = now - last
        self.last_at = now
        if self._carries is not None and self._carries(data):
            self._carries = None
            self.first_content_at = now
        size = len(data)
        self.entries.append((now, events, size, data if size <= KEPT_BYTES else _ends(data)))
        if self.listeners:
            for listener in self.listeners:
                listener.wrote(now, data)

    def wrote_bytes(self, now: float, data: bytes) -> None:
        """A piece of an answer that is no event stream was written."""
        size = len(data)
        self.entries.append((now, 0, size, data if size <= KEPT_BYTES else _ends(data)))
        for listener in self.listeners:
            listener.wrote(now, data)

    def mark(self, now: float, kind: str, detail: str = "") -> None:
        """Something happened besides."""
        if len(self.marks) < MAX_MARKS:
            self.marks.append(Mark(now, kind, detail))
        else:
            self.lost_marks += 1


def _ends(data: bytes) -> bytes:
    half = KEPT_BYTES // 2
    return data[:half] + data[-half:]
