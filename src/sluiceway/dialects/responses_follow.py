"""A responses stream on its way to a streaming client: what goes on, what was counted, how it ended."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from sluiceway.dialects.base import Usage
from sluiceway.dialects.json_text import NOT_JSON, write_json
from sluiceway.dialects.responses_events import (
    DONE,
    ENDS,
    PINGS,
    kind_of,
    read_error,
    read_usage,
    response_of,
    try_read,
)
from sluiceway.errors import GatewayError, UpstreamReported
from sluiceway.wire.sse import SseEvent, encode_event, parse_events

# Names of events that only go on, by their ends; nearly all events of an answer are among them. They are
# not decoded: a partial image has megabytes.
_PASSING: Final = (b".delta", b".partial_image")

# Of an event that is larger than this, only the number is kept, not the event that it stands in.
_KEPT_BYTES: Final = 64 * 1024


class _Numbered(msgspec.Struct, gc=False):
    sequence_number: int = -1


_read_number = msgspec.json.Decoder(_Numbered).decode


class ResponsesFollower:
    """See `base.Follower`.

    Events are forwarded byte for byte or not at all. Not at all: comments, events without data, pings,
    chat's `[DONE]`, and whatever follows the end. An event that is not JSON is forwarded: it is the
    client's to judge. After `error` the stream may end, or say `response.failed` before it does.
    """

    __slots__ = ("_created", "_last", "_number", "ended", "error", "usage")
    progressed = False  # what is not forwarded was a comment or a ping

    def __init__(self) -> None:
        self.ended = False
        self.error: UpstreamReported | None = None
        self.usage: Usage | None = None
        self._created = b""  # the data of the event that began the response
        self._last = b""  # the last events that went on, whose numbers are read when an error needs them
        self._number = -1  # the sequence number of events that were not kept

    def feed(self, block: bytes) -> bytes:
        """See `base.Follower`. The common block, deltas alone, is `block` itself, unread."""
        if self.ended:
            return b""
        if block.startswith(b"event: ") and b"\r" not in block:
            if block.find(b"\n\n") + 2 == len(block):
                if block.endswith(_PASSING, 7, block.find(b"\n")):
                    self._keep(block)
                    return block
            elif self._all_pass(block):
                self._keep(block)
                return block
        return self._feed_events(block)

    def complete(self) -> bool:
        """Only a terminal event ends a response; an error is one, too."""
        return self.ended or self.error is not None

    def rest(self) -> bytes:
        """See `base.Follower`: nothing, since all that came is forwarded."""
        return b""

    def error_event(self, error: GatewayError) -> bytes:
        """`event: error`, with the next sequence number; then `response.failed`, if a response was begun.

        The SDKs' error codes are the provider's own, so the gateway's stand beside them, unchecked by any
        of the SDKs.
        """
        number = self._last_number() + 1
        code = error.code or error.type
        told = {"type": "error", "code": code, "message": error.message, "param": error.param}
        events = _event("error", told | {"sequence_number": number})
        document = try_read(self._created)
        begun = response_of(document) if isinstance(document, dict) else {}
        if begun:
            failed = begun | {"status": "failed", "error": {"code": code, "message": error.message}}
            fields = {"type": "response.failed", "response": failed, "sequence_number": number + 1}
            events += _event("response.failed", fields)
        return events

    def _all_pass(self, block: bytes) -> bool:
        events = block.split(b"\n\n")
        return not events.pop() and all(
            event.startswith(b"event: ") and event.endswith(_PASSING, 7, event.find(b"\n"))
            for event in events
        )

    def _keep(self, events: bytes) -> None:
        if len(events) <= _KEPT_BYTES:
            self._last = events
        else:
            self._number = _last_number_in(events, self._number)
            self._last = b""

    def _last_number(self) -> int:
        return _last_number_in(self._last, self._number)

    def _feed_events(self, block: bytes) -> bytes:
        events = parse_events(block)
        kept = []
        for event in events:
            if self._forwards(event):
                kept.append(event.raw)
                self._keep(event.raw)
            if self.ended:
                break
        return block if len(kept) == len(events) else b"".join(kept)

    def _forwards(self, event: SseEvent) -> bool:
        data = event.data
        if not data or data.isspace() or data.startswith(DONE):
            return False
        if self.error is not None and b"response.failed" not in event.raw:
            return False  # nothing else follows an error
        if event.event.endswith(_PASSING):
            return True
        document = try_read(data)
        fields: dict[str, Any] = document if isinstance(document, dict) else {}
        kind = kind_of(event, fields)
        if kind in PINGS:
            return False
        if kind == "response.created":
            self._created = data
        elif kind in ENDS:
            self.ended = True
            self.usage = read_usage(response_of(fields).get("usage"))
        error = read_error(event, document)
        if error is not None:
            self.error = self.error or error
        return True


def _last_number_in(events: bytes, otherwise: int) -> int:
    """The sequence number of the last event that has one."""
    for event in reversed(parse_events(events)):
        try:
            number = _read_number(event.data or b"").sequence_number
        except NOT_JSON:
            continue
        if number >= 0:
            return number
    return otherwise


def _event(kind: str, fields: dict[str, Any]) -> bytes:
    return encode_event(write_json(fields), event=kind.encode())
