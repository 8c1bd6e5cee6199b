"""What becomes of an upstream's body on its way to the client: one small class per kind of crossing.

    upstream sends     client wants     class
    ───────────────    ─────────────    ─────────────────────────────────────────
    events             events           EventsBody        whole events, verbatim
    events             JSON             AggregatedBody    collected by the dialect
    JSON               events           ExplodedBody      made into events at the end
    JSON               JSON             HeldBody          held while small, then passed on
    an error           events (begun)   ErrorBody         becomes the in-band error
    anything else                       OpaqueBody        passed on piece by piece

A body decides *what* the client gets; the relay decides *when*, and owns clocks, commit and endings.
"""

from __future__ import annotations

import sys
from typing import Protocol

import msgspec

from sluiceway.dialects.base import Collector, Follower, Usage
from sluiceway.dialects.crossing import Crossing
from sluiceway.errors import EventTooLarge, GatewayError, UpstreamInvalid, UpstreamReported, UpstreamTruncated
from sluiceway.wire.http import Headers
from sluiceway.wire.sse import EventSplitter, parse_events

# A JSON answer up to this size is held until it is whole: it then leaves with its length in one write, its
# usage is known, and a truncated one can still become an honest 502. Larger ones are streamed.
HOLD_BYTES = 1024 * 1024

# An error body is only read for its message.
ERROR_BODY_BYTES = 64 * 1024


class Body(Protocol):
    """One response body in transit. Raises `GatewayError` where the answer can't go on."""

    @property
    def ended(self) -> bool:
        """The answer is complete, whatever the upstream may still send."""
        ...

    @property
    def progressed(self) -> bool:
        """Asked after `feed` returned nothing: was there progress all the same?"""
        ...

    @property
    def usage(self) -> Usage | None:
        """As far as it is known."""
        ...

    @property
    def error(self) -> UpstreamReported | None:
        """An error that the upstream reported inside its answer."""
        ...

    def feed(self, data: bytes) -> bytes:
        """Upstream bytes in (never empty), client bytes out; runs once per network read."""
        ...

    def finish(self) -> tuple[bytes, GatewayError | None]:
        """The body ended cleanly: the last bytes for the client, and what is wrong with the answer."""
        ...


class EventsBody:
    """Events to events: cut at event boundaries, judged by the dialect's follower, else untouched."""

    __slots__ = ("_follow", "_split", "_splitter", "ended", "follower", "saw_id")

    def __init__(self, follower: Follower, max_event_bytes: int) -> None:
        self.follower = follower
        self.saw_id = False
        self.ended = False
        self._splitter = EventSplitter(max_event_bytes)
        self._split = self._splitter.feed
        self._follow = follower.feed

    @property
    def progressed(self) -> bool:
        return self.follower.progressed

    @property
    def usage(self) -> Usage | None:
        return self.follower.usage

    @property
    def error(self) -> UpstreamReported | None:
        return self.follower.error

    def feed(self, data: bytes) -> bytes:
        block = self._split(data)
        if not block:
            return b""
        out = self._follow(block)
        # A block of one line can't hold an `id:` beside its data; only others are searched.
        if out.find(b"\n") + 2 != len(out) and not self.saw_id:
            self.saw_id = _has_id(out)
        self.ended = self.follower.ended
        return out

    def finish(self) -> tuple[bytes, GatewayError | None]:
        follower = self.follower
        tail = self._splitter.flush()
        out = follower.feed(tail) if tail and _is_whole(tail) else b""
        if follower.ended or follower.error is not None:
            return out, None
        if follower.complete():
            return out + follower.rest(), None
        return out, UpstreamTruncated("the upstream ended its stream before the answer was complete")


def _has_id(block: bytes) -> bool:
    """Whether any event of the block has an id; it is only parsed where a line begins as if it had."""
    if b"\nid" in block or b"\rid" in block or block.startswith(b"id"):
        return any(event.id is not None for event in parse_events(block))
    return False


def _is_whole(tail: bytes) -> bool:
    """An unterminated last event may be half a document; that must not reach the client."""
    data = parse_events(tail)[-1].data
    if data is None or data.strip() == b"[DONE]":
        return True
    try:
        msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True


class AggregatedBody:
    """Events to JSON: the dialect collects them; nothing reaches the client before the end."""

    __slots__ = ("_collector", "_splitter", "ended", "progressed")
    error = None

    def __init__(self, collector: Collector, max_event_bytes: int) -> None:
        self._collector = collector
        self._splitter = EventSplitter(max_event_bytes)
        self.ended = False
        self.progressed = False

    @property
    def usage(self) -> Usage | None:
        return self._collector.usage

    def feed(self, data: bytes) -> bytes:
        block = self._splitter.feed(data)
        self.progressed = bool(block) and self._collector.feed(block)
        if not self._collector.ended:
            return b""
        self.ended = True
        return self._collector.result()

    def finish(self) -> tuple[bytes, GatewayError | None]:
        tail = self._splitter.flush()
        if tail and _is_whole(tail):
            self._collector.feed(tail)
        return self._collector.result(), None


class _Holding:
    """Shared by the bodies that keep what comes: a list of pieces, and a bound on their sum."""

    __slots__ = ("_held", "_limit", "_pieces", "usage")
    ended = False
    progressed = True
    error: UpstreamReported | None = None

    def __init__(self, limit: int) -> None:
        self._pieces: list[bytes] = []
        self._held = 0
        self._limit = limit
        self.usage: Usage | None = None

    def _hold(self, data: bytes) -> None:
        self._held += len(data)
        if self._limit and self._held > self._limit:
            raise EventTooLarge(
                f"the upstream's answer is over stream.max_answer_bytes ({self._limit} bytes)"
            )
        self._pieces.append(data)


class ExplodedBody(_Holding):
    """JSON to events: held to its end (bounded), then made into the event stream it stands for."""

    __slots__ = ("_crossing",)

    def __init__(self, crossing: Crossing, limit: int) -> None:
        super().__init__(limit)
        self._crossing = crossing

    def feed(self, data: bytes) -> bytes:
        self._hold(data)
        return b""

    def finish(self) -> tuple[bytes, GatewayError | None]:
        events, self.usage = self._crossing.explode(b"".join(self._pieces))
        return events, None


class HeldBody(_Holding):
    """JSON to JSON: held while it is small, and passed on piece by piece once it is not, if nothing in it
    has to change."""

    __slots__ = ("_crossing", "_passing", "_unread_from")

    def __init__(self, crossing: Crossing, limit: int) -> None:
        super().__init__(limit)
        self._crossing = crossing
        self._unread_from = HOLD_BYTES if crossing.passes_unread else sys.maxsize
        self._passing = False

    def feed(self, data: bytes) -> bytes:
        if self._passing:
            self._held += len(data)
            if self._limit and self._held > self._limit:
                raise EventTooLarge(f"the answer is over stream.max_answer_bytes ({self._limit} bytes)")
            return data
        self._hold(data)
        if self._held <= self._unread_from:
            return b""
        self._passing = True
        return self._take()

    def finish(self) -> tuple[bytes, GatewayError | None]:
        if self._passing:
            return b"", None
        body, self.usage = self._crossing.read_answer(self._take())
        return body, None

    def _take(self) -> bytes:
        body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        return body


class ErrorReader(Protocol):
    """A crossing, or the client's dialect itself."""

    def read_error(self, status: int, body: bytes) -> UpstreamReported:
        """The upstream's HTTP error. Never raises."""
        ...


class ErrorBody(_Holding):
    """An HTTP error of the upstream that can't go on as it is: read for its message only.

    It came too late for a status, or it is written in a dialect that the client does not speak, or another
    upstream may be asked instead; `headers` are those that the client should see with it.
    """

    __slots__ = ("_headers", "_reader", "_status", "whole")
    progressed = False  # an error is no answer

    def __init__(self, reader: ErrorReader, status: int, headers: Headers) -> None:
        super().__init__(0)
        self._reader = reader
        self._status = status
        self._headers = headers
        self.whole: bytes | None = None  # once all of it is here

    def feed(self, data: bytes) -> bytes:
        self._hold(data)
        if self._held > ERROR_BODY_BYTES:
            raise self.so_far()
        return b""

    def finish(self) -> tuple[bytes, GatewayError | None]:
        self.whole = b"".join(self._pieces)
        return b"", self.so_far()

    def so_far(self) -> UpstreamReported:
        """The error, as far as its body has come."""
        error = self._reader.read_error(self._status, b"".join(self._pieces)[:ERROR_BODY_BYTES])
        error.headers += self._headers
        return error


class OpaqueBody:
    """Anything to anyone: passed on as it comes. `limit` 0 means unbounded, since nothing is held."""

    __slots__ = ("_left", "_limit")
    ended = False
    progressed = True
    error = None
    usage = None

    def __init__(self, limit: int = 0) -> None:
        self._limit = limit
        self._left = limit

    def feed(self, data: bytes) -> bytes:
        if self._limit:
            self._left -= len(data)
            if self._left < 0:
                raise EventTooLarge(f"the upstream's answer is over {self._limit} bytes")
        return data

    def finish(self) -> tuple[bytes, GatewayError | None]:
        return b"", None


_BOM = b"\xef\xbb\xbf"
_FIELDS = (b"data", b"event", b"id", b"retry", b":")


def sniff_events(content_type: bytes, start: bytes) -> bool | None:
    """Whether this body is an event stream (else JSON); None where its first bytes do not tell yet.

    `start`: the first bytes, without white space and BOM (see `skip_blank`). The label decides only
    between the two where the bytes may be either, since providers label event streams as text/plain
    or application/json, and the other way round. Raises `UpstreamInvalid` for what is neither.
    """
    if not start:
        return None
    if start.startswith((b"{", b"[")):
        return False
    if content_type.startswith(b"text/event-stream") or start.startswith(_FIELDS):
        return True
    if _BOM.startswith(start) or any(field.startswith(start) for field in _FIELDS):
        return None
    label = content_type.decode("latin-1")[:80] or "no content type"
    raise UpstreamInvalid(f"the upstream answered neither events nor JSON (it says {label})")


def skip_blank(start: bytes) -> bytes:
    """Without a BOM and white space in front, which mean nothing to either.

    Some providers send empty lines while a request waits; so does a gateway with `json_heartbeat_s`.
    """
    return start.removeprefix(_BOM).lstrip(b" \t\r\n")
