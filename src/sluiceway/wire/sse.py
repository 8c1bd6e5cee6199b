"""Server-sent events: bytes off the wire to whole events, and values back to bytes.

Source: the HTML standard, sections 9.2.5 (grammar) and 9.2.6 (interpretation),
https://html.spec.whatwg.org/multipage/server-sent-events.html

An event is every line up to and including a blank one; a blank line where no line came before is an
event too, an empty one. Nothing here decodes UTF-8: line ends, colons and digits are ASCII, so a
character cut in two by the network is of no concern.

A CR may be a line end by itself or the first half of CRLF, and the byte that tells may be seconds
away. Where a blank line's CR is the last byte that came, there are two cases:

- The line before ended in LF or CRLF, as in `data: x CR LF CR`. The LF is all but certain to follow,
  so the event is held for one byte: nothing is ever sent between the halves of a CRLF.
- The line before ended in a lone CR, as in `data: x CR CR`. Such an upstream ends all lines this way,
  and waiting would delay each event until the next, so the event ends at once. Should an LF follow
  after all, it is taken as one more blank line, that is, an empty event `LF`, which by the standard
  means nothing. It is taken so however the bytes were cut, so the events never depend on the cutting.
"""

from __future__ import annotations

import sys
from typing import Final

import msgspec

from sluiceway.errors import EventTooLarge

BOM: Final = b"\xef\xbb\xbf"

RETRY_DIGITS_MAX: Final = 18
"""Digits of a `retry` (milliseconds) beyond which it is ignored: that is 31 million years, and `int()`
of an endless number is slow, or refused. The standard sets no bound."""

_WHOLE: Final = (b"\n\n", b"\n\r\n")


class SseEvent(msgspec.Struct, frozen=True, gc=False):
    """One event as it came: `raw`, and what the standard reads in it.

    raw: the exact bytes, with the blank line that ended them.
    data: the data lines joined with LF; None if there is no `data` field at all, which the standard
        does not dispatch (comments, a lone `event:`, an empty event). A `data` field without a value
        gives `b""`, and is dispatched.
    event: the last `event` field, `b""` if none.
    id: the last `id` field that is free of NUL, None if none.
    retry: the last `retry` field made of ASCII digits only, milliseconds, None if none.
    """

    raw: bytes
    data: bytes | None = None
    event: bytes = b""
    id: bytes | None = None
    retry: int | None = None


class EventSplitter:
    """Cuts a stream into blocks of whole events, byte for byte; runs on every network read.

    The blocks joined are the stream without its leading BOM, which is legal only as the very first
    bytes, and a heartbeat may have been sent before them. A half event is held until its end comes.

    `max_event_bytes`: the most that one event may have, 0 for no limit. `feed` raises `EventTooLarge`
    as soon as an event, held or whole, is longer; the splitter is of no use after that.
    """

    __slots__ = ("_between", "_held", "_limit", "_started", "_tail")

    def __init__(self, max_event_bytes: int) -> None:
        self._limit = max_event_bytes or sys.maxsize
        self._started = False  # false while a BOM may still come
        self._between = False  # nothing is held, and no BOM can come: the fast path is open
        # Not a list of pieces: an event that dribbles in a few bytes at a time would cost many times
        # its size in objects, and the limit would no longer limit memory. Appending is amortised O(1).
        self._held = bytearray()
        self._tail = b"\n"  # the last bytes before the next chunk; an event starts as if after a line end

    @property
    def pending(self) -> bool:
        """Whether a half event is held (or a blank line's CR that may be half a CRLF)."""
        return bool(self._held)

    @property
    def held_bytes(self) -> int:
        """How many bytes are held."""
        return len(self._held)

    def feed(self, chunk: bytes) -> bytes:
        """Take what came; return all bytes up to the last event boundary, `b""` if there is none.

        Returns `chunk` itself if it consists of whole events. Raises `EventTooLarge`; whole events in
        front of the one at fault, in the same chunk, go down with it.
        """
        # Whatever is before them, these two endings are a boundary, so nothing has to be searched.
        if self._between and chunk.endswith(_WHOLE) and len(chunk) <= self._limit:
            return chunk
        if not self._started:
            return self._feed_first(chunk)
        return self._feed_any(chunk)

    def flush(self) -> bytes:
        """The body ended cleanly: the event that it left unterminated, terminated; `b""` if none.

        By the standard a client throws such an event away, and providers do forget the last blank
        line. What is missing is added in the style of the rest's own last line end, LF if it has none.
        """
        rest = bytes(self._held)
        ends_blank = self._tail == b"\n\r"  # whole already: only the second half of a CRLF could have come
        self._held = bytearray()
        self._tail = b"\n"
        self._started = self._between = True
        if not rest or ends_blank:
            return rest
        for line_end in (b"\r\n", b"\n", b"\r"):
            if rest.endswith(line_end):
                return rest + line_end
        return rest + b"\n\n"

    def _feed_first(self, chunk: bytes) -> bytes:
        """Feed while the first three bytes are not yet known."""
        head = bytes(self._held) + chunk
        if len(head) < len(BOM) and BOM.startswith(head):
            self._held += chunk
            self._tail = b"\n" + head[-1:]
            return b""
        self._held = bytearray()
        self._tail = b"\n"
        self._started = self._between = True
        return self.feed(head.removeprefix(BOM))

    def _feed_any(self, chunk: bytes) -> bytes:
        """Feed where the chunk has to be searched: the chunk only, and the two bytes before it."""
        window = self._tail + chunk
        end = _last_boundary(window)
        if not end:
            self._hold(chunk, window)
            return b""
        cut = end - len(self._tail)  # 0 if the chunk only tells that what is held is whole
        if self._held:
            self._held += chunk[:cut]
            block = bytes(self._held)
            self._held = bytearray()
        else:
            block = chunk[:cut]
        if len(block) > self._limit:
            for event in parse_events(block):
                self._check(len(event.raw))
        rest = chunk[cut:]
        self._hold(rest, b"\n" + rest[-2:])
        return block

    def _hold(self, rest: bytes, seen: bytes) -> None:
        self._held += rest
        self._tail = seen[-2:]
        self._between = not self._held
        self._check(len(self._held))

    def _check(self, event_bytes: int) -> None:
        if event_bytes > self._limit:
            raise EventTooLarge(
                "the upstream sent an event that is larger than stream.max_event_bytes "
                f"({self._limit} bytes) allows"
            )


class SseParser:
    """`EventSplitter` and `parse_events` in one: network reads in, events out.

    The events do not depend on how the stream was cut into chunks. Raises `EventTooLarge` as
    `EventSplitter` does.
    """

    __slots__ = ("_splitter",)

    def __init__(self, max_event_bytes: int) -> None:
        self._splitter = EventSplitter(max_event_bytes)

    def feed(self, chunk: bytes) -> list[SseEvent]:
        """The events that `chunk` completed, in order."""
        return parse_events(self._splitter.feed(chunk))

    def flush(self) -> list[SseEvent]:
        """At the clean end of the body: the event that it left unterminated, if any."""
        return parse_events(self._splitter.flush())


def parse_events(block: bytes) -> list[SseEvent]:
    """The events of a block of whole events (as `EventSplitter` returns them), in order.

    Their `raw`s joined are the block. Comments and empty events are among them, with `data` None, and
    so is an unterminated rest, if the block has one. No BOM is looked for: it is special only at the
    start of a stream.
    """
    events: list[SseEvent] = []
    lines: list[bytes] = []
    start = end = 0
    # bytes.splitlines, unlike str.splitlines, breaks at LF, CRLF and CR and at nothing else.
    for line in block.splitlines(keepends=True):
        end += len(line)
        if line[0] not in b"\r\n":
            lines.append(line)
            continue
        if line == b"\r\n" and lines and lines[-1].endswith(b"\r"):
            # CR CR LF: the event ended at the second CR (see the top of this file).
            events.append(_read_event(block[start : end - 1], lines))
            events.append(SseEvent(b"\n"))
        else:
            events.append(_read_event(block[start:end], lines))
        start = end
        lines = []
    if lines:
        events.append(_read_event(block[start:], lines))
    return events


def count_events(block: bytes) -> int:
    """How many events a block of whole events holds that are more than blank lines. Not for the hot path."""
    return sum(not event.raw.isspace() for event in parse_events(block))


def encode_event(data: bytes, *, event: bytes = b"", id: bytes | None = None) -> bytes:  # noqa: A002 - as on the wire
    """One event, terminated, with LF line ends.

    Each line of `data` (LF, CRLF or CR) becomes a `data` field, so a reader gets it back with LF.
    Raises `ValueError` if `event` or `id` can't be carried: line ends, or a NUL in the id.
    """
    if b"\n" in event or b"\r" in event:
        raise ValueError("an event's name can't hold a line end")
    fields = b"event: " + event + b"\n" if event else b""
    if id is not None:
        if b"\n" in id or b"\r" in id or b"\0" in id:
            raise ValueError("an event's id can't hold a line end or a NUL")
        fields += b"id: " + id + b"\n"
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return fields + b"data: " + data.replace(b"\n", b"\ndata: ") + b"\n\n"


def _last_boundary(window: bytes) -> int:
    """The offset behind the last blank line that is known to be complete; 0 if there is none.

    `window` starts with the two bytes before the chunk, or with the LF that stands for "an event
    starts here". So every blank line shows as two line ends in a row, the first one in a new event too.
    """
    if b"\r" not in window:
        pair = window.rfind(b"\n\n")
        return 0 if pair < 0 else pair + 2
    end = len(window)
    if window.endswith(b"\r"):
        if window.endswith(b"\r\r") and not window.endswith((b"\r\r\r", b"\n\r\r")):
            return end  # a line that ended in a lone CR, and a blank one: the upstream speaks CR
        end -= 1  # may be half a CRLF: wait for the next byte
    pair = max(window.rfind(ends, 0, end) for ends in (b"\n\n", b"\n\r", b"\r\r"))
    if pair < 0:
        return 0
    behind = pair + 2
    return behind + 1 if window.startswith(b"\r\n", behind - 1) else behind


def _read_event(raw: bytes, lines: list[bytes]) -> SseEvent:
    """Section 9.2.6, "process the field", for the non-blank lines of one event, line ends included."""
    data: list[bytes] = []
    event = b""
    event_id: bytes | None = None
    retry: int | None = None
    for line in lines:
        # A comment has an empty name, and a line without a colon is a name without a value.
        name, _, value = line.rstrip(b"\r\n").partition(b":")
        if value.startswith(b" "):
            value = value[1:]
        if name == b"data":
            data.append(value)
        elif name == b"event":
            event = value
        elif name == b"id":
            if b"\0" not in value:
                event_id = value
        elif name == b"retry" and value.isdigit() and len(value) <= RETRY_DIGITS_MAX:
            retry = int(value)
    return SseEvent(raw, b"\n".join(data) if data else None, event, event_id, retry)
