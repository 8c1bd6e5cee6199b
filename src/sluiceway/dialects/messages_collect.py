"""A messages stream as the message that a non-streaming client expects, without loss.

Nothing is made up: an answer that did not end with `message_stop`, holds an error or can't be read raises.
"""

from __future__ import annotations

from typing import Any, Final

from sluiceway.dialects.anthropic_errors import read_event_error
from sluiceway.dialects.base import Usage
from sluiceway.dialects.json_text import NOT_JSON, read_json, write_json
from sluiceway.dialects.messages_block import MessagesBlock
from sluiceway.dialects.messages_event import kind_of
from sluiceway.dialects.messages_usage import merge_usage, read_usage
from sluiceway.errors import EventTooLarge, UpstreamInvalid, UpstreamTruncated
from sluiceway.wire.sse import SseEvent, parse_events

# Reasons that stop a model in the middle of what it says, a tool's input included.
_CUT_SHORT: Final = ("max_tokens", "model_context_window_exceeded", "refusal")
_ABOUT_THE_EVENT: Final = ("type", "delta", "usage")


class MessagesCollector:
    """See `base.Collector`. `max_bytes` counts the data of all events; 0 is unlimited."""

    __slots__ = ("_blocks", "_bytes", "_counts", "_event", "_max_bytes", "_message", "ended")

    def __init__(self, *, max_bytes: int) -> None:
        self.ended = False
        self._max_bytes = max_bytes
        self._bytes = 0
        self._event = 0  # number of the current event, for messages
        self._message: dict[str, Any] | None = None
        self._counts: dict[str, Any] = {}
        self._blocks: dict[int, MessagesBlock] = {}

    @property
    def usage(self) -> Usage | None:
        """See `base.Collector`."""
        return read_usage(self._counts)

    def feed(self, block: bytes) -> bool:
        """See `base.Collector`."""
        progress = False
        for event in parse_events(block):
            if self.ended:
                break
            if event.data and not event.data.isspace() and kind_of(event) != "ping":
                progress |= self._take(event, event.data)
        return progress

    def result(self) -> bytes:
        """See `base.Collector`. Also raises `UpstreamInvalid` where a tool's input is no JSON."""
        if not self.ended:
            raise UpstreamTruncated("the upstream ended its stream before the answer was complete")
        message = self._begun()
        cut_short = message.get("stop_reason") in _CUT_SHORT
        try:
            blocks = [self._blocks[index].whole(cut_short=cut_short) for index in sorted(self._blocks)]
            answer = message | {"content": _content(message) + blocks}
            if self._counts:
                answer["usage"] = self._counts
            return write_json(answer)
        except RecursionError:
            raise UpstreamInvalid("the upstream's answer is nested too deeply") from None

    def _take(self, event: SseEvent, data: bytes) -> bool:
        self._event += 1
        self._bytes += len(data)
        if self._max_bytes and self._bytes > self._max_bytes:
            raise EventTooLarge(
                f"the upstream's answer is over stream.max_answer_bytes ({self._max_bytes} bytes)"
            )
        try:
            document = read_json(data)
        except NOT_JSON:
            document = None
        match kind_of(event, document):
            case "ping":
                return False
            case "message_start":
                self._take_start(self._fields(document))
            case "content_block_start":
                self._take_block(self._fields(document))
            case "content_block_delta":
                self._take_delta(self._fields(document))
            case "content_block_stop":
                pass
            case "message_delta":
                self._take_end(self._fields(document))
            case "message_stop":
                self.ended = True
            case _:  # an error, or something new that has no place in a message
                if (error := read_event_error(event, document)) is not None:
                    raise error
                self._fields(document)
        return True

    def _take_start(self, fields: dict[str, Any]) -> None:
        message = self._object(fields.get("message"), "a message_start without a message")
        merge_usage(self._counts, message.get("usage"))
        if self._message is None:
            self._message = dict(message)

    def _take_block(self, fields: dict[str, Any]) -> None:
        index = self._index(fields)
        if index in self._blocks:
            raise self._invalid("a content block that begins twice")
        started = self._object(fields.get("content_block"), "a content block that is no object")
        self._blocks[index] = MessagesBlock(started)

    def _take_delta(self, fields: dict[str, Any]) -> None:
        block = self._blocks.get(self._index(fields))
        if block is None:
            raise self._invalid("a delta of a content block that never began")
        block.add(self._object(fields.get("delta"), "a delta that is no object"))

    def _take_end(self, fields: dict[str, Any]) -> None:
        """`message_delta`: its `delta`, and what stands beside it (`context_management`), is the message's.

        As in `usage`, a null takes nothing back: what may be null is so in `message_start` already.
        """
        message = self._begun()
        merge_usage(self._counts, fields.get("usage"))
        delta = self._object(fields.get("delta") or {}, "a delta that is no object")
        for name, value in (fields | delta).items():
            if name not in _ABOUT_THE_EVENT and (value is not None or name not in message):
                message[name] = value

    def _begun(self) -> dict[str, Any]:
        if self._message is None:
            raise UpstreamInvalid("the upstream's stream has no message_start")
        return self._message

    def _fields(self, document: Any) -> dict[str, Any]:
        if isinstance(document, dict):
            return document
        raise UpstreamInvalid(f"event {self._event} of the upstream's stream is not a JSON object")

    def _index(self, fields: dict[str, Any]) -> int:
        index = fields.get("index")
        if isinstance(index, int) and not isinstance(index, bool):
            return index
        raise self._invalid("no index")

    def _object(self, value: Any, otherwise: str) -> dict[str, Any]:
        if isinstance(value, dict):
            return value
        raise self._invalid(otherwise)

    def _invalid(self, what: str) -> UpstreamInvalid:
        return UpstreamInvalid(f"event {self._event} of the upstream's stream has {what}")


def _content(message: dict[str, Any]) -> list[Any]:
    """What `message_start` has brought already: nothing as a rule, but a turn that a server tool had paused
    goes on with the blocks it had. As in the SDK, what begins later comes after them."""
    content = message.get("content")
    return content if isinstance(content, list) else []
