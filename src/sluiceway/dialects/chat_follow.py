"""A chat stream on its way to a streaming client: what goes on, what was counted, how it ended."""

from __future__ import annotations

from typing import Any

import msgspec

from sluiceway.dialects.base import Usage
from sluiceway.dialects.chat_chunk import read_finish_reason, read_index, read_usage
from sluiceway.dialects.json_text import NOT_JSON, read_json
from sluiceway.dialects.openai_errors import error_json, read_frame_error
from sluiceway.errors import GatewayError, UpstreamReported
from sluiceway.wire.sse import SseEvent, encode_event, parse_events

DONE = b"[DONE]"
"""Data that begins so ends the stream; the official SDKs compare the beginning only."""


class _Choice(msgspec.Struct, gc=False):
    index: int = 0
    finish_reason: str | None = None


class _Chunk(msgspec.Struct, gc=False):
    choices: list[_Choice] | None = None
    usage: Any = None
    error: Any = None


# On a 250-byte event this takes 0.24 us; the cheapest regular expression that finds a reason, usage or
# error takes 0.30 us and then still knows neither whose reason it is nor which choices exist. What is
# not named in the structs is skipped unread.
_decode_chunk = msgspec.json.Decoder(_Chunk).decode


class ChatFollower:
    """See `base.Follower`.

    Events are forwarded byte for byte or not at all. Not at all: comments and events without data, a
    usage event that only the gateway asked for (`hide_usage`), and whatever follows `[DONE]`. An event
    that is not JSON is forwarded too: it is the client's to judge, and proves nothing here.
    """

    __slots__ = ("_finished", "_hide_usage", "_seen", "ended", "error", "usage")
    progressed = False  # what is not forwarded was a comment, or the usage that follows the last event

    def __init__(self, *, hide_usage: bool) -> None:
        self.ended = False
        self.error: UpstreamReported | None = None
        self.usage: Usage | None = None
        self._hide_usage = hide_usage
        self._seen: set[int] = set()  # choices, by index
        self._finished: set[int] = set()

    def feed(self, block: bytes) -> bytes:
        """See `base.Follower`. The common block, one event of one data line, is `block` itself."""
        if self.ended:
            return b""
        if block.startswith(b"data:"):
            # Only if its first LF is the last but one byte is the block one line: nothing but JSON is in it,
            # or decoding fails (a line that ended in a lone CR would be followed by a field).
            if block.find(b"\n") + 2 == len(block):
                try:
                    chunk = _decode_chunk(block[5:])
                except NOT_JSON:
                    return self._feed_events(block)
                if chunk.choices and not chunk.error:
                    self._note(chunk)
                    return block
            else:  # an upstream that is faster than its reads: perhaps several such events
                events = block.split(b"\n\n")
                events.pop()
                if events and block.count(b"\n") == 2 * len(events) and all(map(self._is_plain, events)):
                    return block
        return self._feed_events(block)

    def complete(self) -> bool:
        """Without `[DONE]`: whether every choice that was seen has its finish reason."""
        return self.ended or (bool(self._seen) and self._seen == self._finished)

    def rest(self) -> bytes:
        """See `base.Follower`: nothing, since all that came is forwarded."""
        return b""

    def error_event(self, error: GatewayError) -> bytes:
        """`data: {"error": …}`, as OpenAI's SDKs expect it inside a stream."""
        return encode_event(error_json(error))

    def _is_plain(self, line: bytes) -> bool:
        """Whether this line is data with choices in it; notes them, if so.

        If not, `_feed_events` reads the whole block, and notes some of it once more: that changes nothing.
        """
        if not line.startswith(b"data:"):
            return False
        try:
            chunk = _decode_chunk(line[5:])
        except NOT_JSON:
            return False
        if not chunk.choices or chunk.error:
            return False
        self._note(chunk)
        return True

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
        if not data or data.isspace():
            return False
        if data.startswith(DONE):
            self.ended = True
            return True
        document = None
        try:
            chunk = _decode_chunk(data)
        except NOT_JSON:
            document = _try_read(data)
            chunk = _loose_chunk(document)
        if not chunk.choices or chunk.error or event.event == b"error":
            if document is None:
                document = _try_read(data)
            error = read_frame_error(event, document)
            if error is not None:
                self.error = self.error or error
                return True
        self._note(chunk)
        return not (self._hide_usage and not chunk.choices and chunk.usage is not None)

    def _note(self, chunk: _Chunk) -> None:
        for choice in chunk.choices or ():
            self._seen.add(choice.index)
            if choice.finish_reason:
                self._finished.add(choice.index)
        if chunk.usage is not None:
            self.usage = read_usage(chunk.usage) or self.usage


def _try_read(data: bytes) -> Any:
    try:
        return read_json(data)
    except NOT_JSON:
        return None


def _loose_chunk(document: Any) -> _Chunk:
    """A chunk with fields of the wrong type, which are no reason to break a stream that is only relayed."""
    if not isinstance(document, dict):
        return _Chunk()
    choices = document.get("choices")
    return _Chunk(
        choices=[
            _Choice(read_index(choice) or 0, read_finish_reason(choice))
            for choice in (choices if isinstance(choices, list) else ())
            if isinstance(choice, dict)
        ],
        usage=document.get("usage"),
        error=document.get("error"),
    )
