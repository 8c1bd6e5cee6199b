"""A messages stream as the message that a non-streaming client expects, without loss.

Nothing is made up: an answer that did not end with `message_stop`, holds an error or can't be read raises.
"""

from __future__ import annotations

from typing import Any

from sluiceway.dialects.anthropic_errors import read_event_error
from sluiceway.dialects.base import Usage
from sluiceway.dialects.json_text import NOT_JSON, read_json, write_json
from sluiceway.dialects.messages_usage import merge_usage, read_usage
from sluiceway.errors import EventTooLarge, UpstreamInvalid, UpstreamTruncated
from sluiceway.wire.sse import SseEvent, parse_events


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
        self._blocks: dict[int, _Block] = {}

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
            if event.data and not event.data.isspace() and event.event != b"ping":
                progress |= self._take(event, event.data)
        return progress

    def result(self) -> bytes:
        """See `base.Collector`. Also raises `UpstreamInvalid` where a tool's input is no JSON."""
        if not self.ended:
            raise UpstreamTruncated("the upstream ended its stream before the answer was complete")
        if self._message is None:
            raise UpstreamInvalid("the upstream's stream has no message_start")
        answer = self._message | {"content": [self._blocks[index].whole() for index in sorted(self._blocks)]}
        if self._counts:
            answer["usage"] = self._counts
        try:
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
        error = read_event_error(event, document)
        if error is not None:
            raise error
        fields = self._object(document, "data that is not a JSON object")
        match event.event.decode("latin-1") or fields.get("type"):
            case "ping":
                return False
            case "message_start":
                message = self._object(fields.get("message"), "a message_start without a message")
                self._message = {name: value for name, value in message.items() if name != "usage"}
                merge_usage(self._counts, message.get("usage"))
            case "content_block_start":
                started = self._object(fields.get("content_block"), "a content block that is no object")
                self._blocks[self._index(fields)] = _Block(started)
            case "content_block_delta":
                self._take_delta(fields)
            case "message_delta":
                self._take_end(fields)
            case "message_stop":
                self.ended = True
        return True

    def _take_delta(self, fields: dict[str, Any]) -> None:
        block = self._blocks.get(self._index(fields))
        if block is None:
            raise UpstreamInvalid(
                f"event {self._event} of the upstream's stream adds to a block that never began"
            )
        block.add(self._object(fields.get("delta"), "a delta that is no object"))

    def _take_end(self, fields: dict[str, Any]) -> None:
        """`message_delta`: what it says beside its `delta` belongs to the message, too."""
        if self._message is None:
            raise UpstreamInvalid("the upstream's stream has no message_start")
        merge_usage(self._counts, fields.get("usage"))
        self._message |= self._object(fields.get("delta") or {}, "a delta that is no object")
        self._message |= {
            name: value for name, value in fields.items() if name not in ("type", "delta", "usage")
        }

    def _index(self, fields: dict[str, Any]) -> int:
        index = fields.get("index")
        if isinstance(index, int) and not isinstance(index, bool):
            return index
        raise UpstreamInvalid(f"event {self._event} of the upstream's stream has no index")

    def _object(self, value: Any, otherwise: str) -> dict[str, Any]:
        if isinstance(value, dict):
            return value
        raise UpstreamInvalid(f"event {self._event} of the upstream's stream has {otherwise}")


class _Block:
    """A content block that grows: as it began, and the pieces of its fields since, joined at the end."""

    __slots__ = ("_citations", "_fields", "_input", "_texts")

    def __init__(self, started: dict[str, Any]) -> None:
        self._fields = dict(started)
        self._texts: dict[str, list[str]] = {}
        self._input: list[str] = []
        self._citations: list[Any] = []

    def add(self, delta: dict[str, Any]) -> None:
        """Text, thinking and signature go to the field of their own name, and so does what is yet to be
        invented: strings are joined, of anything else the last stays."""
        kind = delta.get("type")
        if kind == "citations_delta":
            self._citations.append(delta.get("citation"))
            return
        for name, value in delta.items():
            if name == "partial_json" and isinstance(value, str):
                self._input.append(value)
            elif isinstance(value, str) and name != "type":
                self._texts.setdefault(name, []).append(value)
            elif name != "type":
                self._fields[name] = value

    def whole(self) -> dict[str, Any]:
        """The finished block. Raises `UpstreamInvalid`."""
        fields = dict(self._fields)
        for name, pieces in self._texts.items():
            began = fields.get(name)
            fields[name] = (began if isinstance(began, str) else "") + "".join(pieces)
        if self._citations:
            began = fields.get("citations")
            fields["citations"] = (began if isinstance(began, list) else []) + self._citations
        if text := "".join(self._input):
            try:
                fields["input"] = read_json(text.encode("utf-8", "surrogatepass"))
            except NOT_JSON:
                name = str(fields.get("name"))[:100]
                raise UpstreamInvalid(f"the upstream's input for the tool {name!r} is not JSON") from None
        return fields
