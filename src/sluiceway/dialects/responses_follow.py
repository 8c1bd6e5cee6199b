"""A responses stream on its way to a streaming client: what goes on, what was counted, how it ended."""

from __future__ import annotations

import re
from typing import Any, Final

from sluiceway.dialects.base import Usage
from sluiceway.dialects.json_text import write_json
from sluiceway.dialects.responses_events import (
    CREATED,
    DONE,
    ENDS,
    FAILED,
    PINGS,
    are_pieces,
    kind_named,
    object_of,
    read_error,
    read_head,
    read_usage,
    response_of,
)
from sluiceway.errors import GatewayError, UpstreamReported
from sluiceway.wire.sse import SseEvent, encode_event, parse_events

_READ: Final = frozenset({CREATED, *ENDS})  # all other kinds that begin so only go on

EDGE_BYTES: Final = 1024
"""How much of both ends of a large event is kept for its number, which stands in front of the picture or
behind it, instead of the megabytes in between."""

# The quotes of a key are bare, and those of a text that speaks of one are escaped, so this needs no
# decoding. A longer number would not be one of a stream's events.
_NUMBER: Final = re.compile(rb'"sequence_number"\s*:\s*(\d{1,15})\b')


class ResponsesFollower:
    """See `base.Follower`.

    Events are forwarded byte for byte or not at all. Not at all: comments, events without data, pings,
    chat's `[DONE]`, and whatever follows the end. An event that is not JSON is forwarded: it is the
    client's to judge. After `error` the stream may end, or say `response.failed` before it does; OpenAI
    does both.
    """

    __slots__ = ("_created", "_last", "ended", "error", "usage")
    progressed = False  # what is not forwarded was a comment or a ping

    def __init__(self) -> None:
        self.ended = False
        self.error: UpstreamReported | None = None
        self.usage: Usage | None = None
        self._created = b""  # the data of the event that began the response
        self._last = b""  # the block or data that went on last, or its ends

    def feed(self, block: bytes) -> bytes:
        """See `base.Follower`. The common blocks, pieces of the answer alone, are `block` itself, unread."""
        if self.ended:
            return b""
        if are_pieces(block) and self.error is None:
            self._last = block if len(block) <= 2 * EDGE_BYTES else _ends_of(block, block.rfind(b"\n", 0, -2))
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

        The failed response is the one that was begun, with `status` and `error` changed, so its `output` is
        empty: the client has the items. The API's codes for that error tell of models and pictures only, so
        the gateway's own stands there, as it does in every other error; OpenAI's SDKs take any.
        """
        numbers = _NUMBER.findall(self._last)
        number = int(numbers[-1]) + 1 if numbers else 0
        code = error.code or error.type
        events = _encode("error", number, {"code": code, "message": error.message, "param": error.param})
        if begun := response_of(object_of(self._created) or {}):
            failed = begun | {"status": "failed", "error": {"code": code, "message": error.message}}
            events += _encode(FAILED, number + 1, {"response": failed})
        return events

    def _feed_events(self, block: bytes) -> bytes:
        events = parse_events(block)
        kept = []
        for event in events:
            if self._forwards(event):
                kept.append(event.raw)
                ends = _ends_of(event.data or b"", 0)
                if _NUMBER.search(ends):  # a vendor's own event may have no number
                    self._last = ends
            if self.ended:
                break
        return block if len(kept) == len(events) else b"".join(kept)

    def _forwards(self, event: SseEvent) -> bool:
        data = event.data
        if not data or data.isspace() or data.startswith(DONE):
            return False
        kind = kind_named(event.event)
        if kind.startswith("response.") and kind not in _READ:
            return self.error is None
        head = read_head(data)
        if not kind and head is not None and isinstance(head.type, str):
            kind = head.type
        if kind in PINGS or (self.error is not None and kind != FAILED):
            return False
        if kind in ("error", FAILED) or (head is not None and (head.error or head.object == "error")):
            self.error = self.error or read_error(event, object_of(data))
        if kind == CREATED:
            self._created = data
        elif kind in ENDS and head is not None:  # else it is the half of one, and proves nothing
            self.ended = True
            self.usage = read_usage(head.response.usage)
        return True


def _ends_of(block: bytes, start: int) -> bytes:
    return block[start : start + EDGE_BYTES] + block[-EDGE_BYTES:]


def _encode(kind: str, number: int, fields: dict[str, Any]) -> bytes:
    data = {"type": kind} | fields | {"sequence_number": number}
    return encode_event(write_json(data), event=kind.encode())
