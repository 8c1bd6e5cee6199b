"""A messages stream on its way to a streaming client: what goes on, what was counted, how it ended."""

from __future__ import annotations

from typing import Any, Final

from sluiceway.dialects.anthropic_errors import error_json, read_event_error
from sluiceway.dialects.base import Usage
from sluiceway.dialects.json_text import NOT_JSON, read_json
from sluiceway.dialects.messages_usage import merge_usage, read_usage
from sluiceway.errors import GatewayError, UpstreamReported
from sluiceway.wire.sse import SseEvent, encode_event, parse_events

# Events that only go on: nothing in them is counted, and none of them ends anything. Nearly all events of
# an answer begin with the first of these lines, so nearly none is ever decoded.
_PASSING: Final = (
    b"event: content_block_delta\n",
    b"event: content_block_start\n",
    b"event: content_block_stop\n",
)


class MessagesFollower:
    """See `base.Follower`.

    Events are forwarded byte for byte or not at all. Not at all: comments, events without data, pings, and
    whatever follows `message_stop`. An event that is not JSON is forwarded: it is the client's to judge.
    """

    __slots__ = ("_counts", "ended", "error")
    progressed = False  # what is not forwarded was a comment or a ping

    def __init__(self) -> None:
        self.ended = False
        self.error: UpstreamReported | None = None
        self._counts: dict[str, Any] = {}

    @property
    def usage(self) -> Usage | None:
        """See `base.Follower`."""
        return read_usage(self._counts)

    def feed(self, block: bytes) -> bytes:
        """See `base.Follower`. The common block, deltas alone, is `block` itself, unread."""
        if self.ended:
            return b""
        if block.startswith(_PASSING) and b"\r" not in block:
            if block.find(b"\n\n") + 2 == len(block):
                return block
            events = block.split(b"\n\n")
            if not events.pop() and all(event.startswith(_PASSING) for event in events):
                return block
        return self._feed_events(block)

    def complete(self) -> bool:
        """Only `message_stop` ends a message: every event before it may be the last of a broken stream."""
        return self.ended

    def rest(self) -> bytes:
        """See `base.Follower`: nothing, since all that came is forwarded."""
        return b""

    def error_event(self, error: GatewayError) -> bytes:
        """`event: error`, as Anthropic's SDKs expect it inside a stream."""
        return encode_event(error_json(error), event=b"error")

    def _feed_events(self, block: bytes) -> bytes:
        events = parse_events(block)
        kept = []
        for event in events:
            if self._forwards(event):
                kept.append(event.raw)
            if self.ended:
                break
        return block if len(kept) == len(events) else b"".join(kept)

    def _forwards(self, event: SseEvent) -> bool:
        data = event.data
        if not data or data.isspace() or event.event == b"ping":
            return False
        document = _try_read(data)
        fields = document if isinstance(document, dict) else {}
        # The SDKs go by `event:`; some imitators leave it out, and say it in the data only.
        kind = event.event.decode("latin-1") or fields.get("type")
        if kind == "ping":
            return False
        if kind == "message_start":
            message = fields.get("message")
            merge_usage(self._counts, message.get("usage") if isinstance(message, dict) else None)
        elif kind == "message_delta":
            merge_usage(self._counts, fields.get("usage"))
        elif kind == "message_stop":
            self.ended = True
        elif (error := read_event_error(event, document)) is not None:
            self.error = self.error or error
        return True


def _try_read(data: bytes) -> Any:
    try:
        return read_json(data)
    except NOT_JSON:
        return None
