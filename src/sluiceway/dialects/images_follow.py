"""An image stream on its way to a streaming client: what goes on, what was counted, how it ended."""

from __future__ import annotations

from typing import Any

from sluiceway.dialects.base import Usage
from sluiceway.dialects.images_event import error_event, is_partial, look
from sluiceway.dialects.images_usage import add_usage, read_usage
from sluiceway.errors import GatewayError, UpstreamReported
from sluiceway.wire.sse import SseEvent, parse_events


class ImagesFollower:
    """See `base.Follower`. `images`: how many were asked for; the stream ends with the last of them.

    It also ends with an error, which is where OpenAI's SDKs stop reading. Events are forwarded byte for
    byte or not at all. Not at all: comments, events without data, pings, whatever follows the end, and
    `[DONE]` wherever it comes: the SDKs stop reading there too, and would never see the error that follows
    where images are missing. An event that is not JSON is forwarded: it is the client's to judge, and
    proves nothing here.

    `usage` is the sum of what the completed events say, see `images_usage`.
    """

    __slots__ = ("_counts", "_missing", "ended", "error")
    progressed = False  # what is not forwarded was a comment, a ping or `[DONE]`

    def __init__(self, *, images: int) -> None:
        self.ended = False
        self.error: UpstreamReported | None = None
        self._missing = images
        self._counts: dict[str, Any] | None = None

    @property
    def usage(self) -> Usage | None:
        """See `base.Follower`."""
        return read_usage(self._counts)

    def feed(self, block: bytes) -> bytes:
        """See `base.Follower`. A partial image is `block` itself, unread and not copied."""
        if self.ended:
            return b""
        if is_partial(block):
            return block
        return self._feed_events(block)

    def complete(self) -> bool:
        """Nothing but the last image that was asked for ends an answer, or an error."""
        return self.ended

    def rest(self) -> bytes:
        """See `base.Follower`: nothing, since all that came is forwarded."""
        return b""

    def error_event(self, error: GatewayError) -> bytes:
        """See `base.Follower` and `images_event`."""
        return error_event(error)

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
        seen = look(event)
        if seen.kind == "completed":
            self._counts = add_usage(self._counts, seen.usage)
            self._missing -= 1
            self.ended = self._missing <= 0
        elif seen.kind == "error":
            self.error = seen.error
            self.ended = True
        return seen.kind != "silent"
