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

from sluiceway.dialects.glance import CUT
from sluiceway.wire.sse import count_events

# Of a longer entry, about so many bytes are kept, of its beginning and its end. A picture may have 20 MiB.
KEPT_BYTES: Final = 2048

# How far from the end the last event of a longer write is looked for: it tells why the answer ended.
_LAST_EVENT_BYTES: Final = 65_536

# The last entries are kept in any case: they tell why the answer ended.
LEAST_ENTRIES: Final = 4

# Marks are rare, but a client that reads slowly makes two each time, and a silent upstream one per heartbeat.
MAX_MARKS: Final = 512
_FREQUENT: Final = frozenset({"heartbeat", "pause", "resume"})
# What is kept for the others beyond that, so that the end of such a stream is told, too.
_SPARE_MARKS: Final = 64


class Mark(NamedTuple):
    """Something that happened besides: `attempt`, `head`, `failed`, `commit`, `heartbeat`, `pause`, `resume`,
    `continued`, `left`, `error`. `detail`: an upstream's name, a status, a code."""

    at: float
    kind: str
    detail: str = ""


# One write: the loop's seconds; how many events (where there are none: writes) came before it; its size; its bytes,
# with `glance.CUT` for the middle where there are many more than `KEPT_BYTES`. A bare tuple: each write makes one.
_Entry = tuple[float, int, int, bytes]
_Entries = list[_Entry] | deque[_Entry]


class Listener(Protocol):
    """Told of each write. Must not raise, block or take its time."""

    def wrote(self, at: float, data: bytes) -> None:
        """These bytes went to the client, or to nobody if it has left."""
        ...


class Tape:
    """See the module. `length`: how many entries are kept. `events`: written so far. `pieces`: writes so far, of an
    answer that is no event stream. `gap`: the longest silence between two events, in seconds."""

    __slots__ = (
        "_carries",
        "entries",
        "events",
        "first_content_at",
        "gap",
        "last_at",
        "length",
        "listeners",
        "lost_marks",
        "marks",
        "pieces",
    )

    def __init__(
        self,
        length: int,
        carries_content: Callable[[bytes], bool] | None = None,
        listeners: tuple[Listener, ...] = (),
    ) -> None:
        """`carries_content`: whether these events hold a piece of the answer."""
        self.length = max(LEAST_ENTRIES, length)
        self.entries: _Entries = []
        self.marks: list[Mark] = []
        self.lost_marks = 0
        self.events = 0
        self.pieces = 0
        self.gap = 0.0
        self.last_at: float | None = None  # of an event
        self.first_content_at: float | None = None
        self.listeners = listeners
        self._carries = carries_content

    def wrote_events(self, now: float, data: bytes) -> None:
        """Whole events were written: the hot path, once per write."""
        before = self.events
        size = len(data)
        # Nearly every write is one event, of one line or two. To see that by their ends takes a fifth of the time
        # that counting all pairs of them takes, and 13 (CR) is found six times as fast as b"\r": in bytes, `in` first
        # finds out that it was not given a number.
        if 13 in data:
            self.events = before + count_events(data)
        elif (line := data.find(b"\n") + 2) == size or data.find(b"\n", line - 1) + 2 == size:
            self.events = before + 1
        else:
            self.events = before + data.count(b"\n\n")
        last = self.last_at
        if last is not None and now - last > self.gap:
            self.gap = now - last
        self.last_at = now
        if self._carries is not None and self._carries(data):
            self._carries = None
            self.first_content_at = now
        entries = self.entries
        if len(entries) == LEAST_ENTRIES:
            entries = self._ring()
        entries.append((now, before, size, data if size <= KEPT_BYTES else _cut_events(data)))
        if self.listeners:
            for listener in self.listeners:
                listener.wrote(now, data)

    def wrote_bytes(self, now: float, data: bytes) -> None:
        """A piece of an answer that is no event stream was written."""
        size = len(data)
        self._ring().append((now, self.pieces, size, data if size <= KEPT_BYTES else _cut(data)))
        self.pieces += 1
        for listener in self.listeners:
            listener.wrote(now, data)

    def wrote_to_nobody(self, now: float, data: bytes) -> None:
        """The client has left, and the rest is read on: for whoever looks on, and not counted."""
        size = len(data)
        self._ring().append((now, self.events, size, data if size <= KEPT_BYTES else _cut_events(data)))
        for listener in self.listeners:
            listener.wrote(now, data)

    def _ring(self) -> _Entries:
        """Where the next entry goes: a ring as soon as there are more than a few. An empty one takes as much memory
        as a dozen entries, and thousands of streams may be open on which little happens."""
        entries = self.entries
        if len(entries) >= LEAST_ENTRIES and isinstance(entries, list):
            entries = self.entries = deque(entries, self.length)
        return entries

    def mark(self, now: float, kind: str, detail: str = "") -> None:
        """Something happened besides."""
        if len(self.marks) < (MAX_MARKS if kind in _FREQUENT else MAX_MARKS + _SPARE_MARKS):
            self.marks.append(Mark(now, kind, detail))
        else:
            self.lost_marks += 1

    def tail(self, count: int) -> list[bytes]:
        """The data of the last entries, oldest first, at most so many."""
        entries = self.entries
        return [entries[index][3] for index in range(-min(count, len(entries)), 0)]


def _cut(data: bytes) -> bytes:
    half = KEPT_BYTES // 2
    return data[:half] + CUT + data[-half:]


def _cut_events(data: bytes) -> bytes:
    """The ends of a write, and the beginning of its last event, which says what that event is."""
    size, half = len(data), KEPT_BYTES // 2
    # An event is mostly one line, or a name and a line.
    line = data.rfind(b"\n", max(0, size - _LAST_EVENT_BYTES), size - 2)
    start = line + 1
    if line > 0 and data[line - 1] != 10:
        start = data.rfind(b"\n", max(0, size - _LAST_EVENT_BYTES), line) + 1
    if not half // 2 < start < size - half:
        return _cut(data)
    begin = data[start : min(start + half // 2, size - half)]
    gap = CUT if start + len(begin) < size - half else b""
    return data[: half // 2] + CUT + b"\n\n" + begin + gap + data[-half:]
