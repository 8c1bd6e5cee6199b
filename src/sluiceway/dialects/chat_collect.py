"""A chat stream as the `chat.completion` that a non-streaming client expects, without loss.

Nothing is made up: an answer that did not end properly, holds an error or can't be read raises. The two
things that are added are those that every JSON answer has and a stream may leave out: a finish reason
where the stream ended with `[DONE]` (`tool_calls` if the choice calls tools), and a message's `role`.
"""

from __future__ import annotations

from typing import Any, Final

from sluiceway.dialects.base import Usage
from sluiceway.dialects.chat_choice import PADDING, ChatChoice
from sluiceway.dialects.chat_chunk import read_finish_reason, read_index, read_usage
from sluiceway.dialects.chat_follow import DONE
from sluiceway.dialects.json_text import NOT_JSON, read_json, write_json
from sluiceway.dialects.openai_errors import read_frame_error
from sluiceway.errors import EventTooLarge, UpstreamInvalid, UpstreamTruncated
from sluiceway.wire.sse import SseEvent, parse_events

_FIRST: Final = frozenset({"id", "created", "model"})  # Azure's first chunk has "", 0 and "" for them
_READ: Final = frozenset({"index", "delta", "message", "logprobs", "finish_reason"})


class ChatCollector:
    """See `base.Collector`. `max_bytes` counts the data of all events; 0 is unlimited."""

    __slots__ = ("_bytes", "_choices", "_event", "_fields", "_max_bytes", "ended", "usage")

    def __init__(self, *, max_bytes: int) -> None:
        self.ended = False
        self.usage: Usage | None = None
        self._max_bytes = max_bytes
        self._bytes = 0
        self._event = 0  # number of the current event, for messages
        self._fields: dict[str, Any] = {}
        self._choices: dict[int, ChatChoice] = {}

    def feed(self, block: bytes) -> bool:
        """See `base.Collector`."""
        progress = False
        for event in parse_events(block):
            if self.ended:
                break
            if event.data and not event.data.isspace():
                progress = True
                self._take(event, event.data)
        return progress

    def result(self) -> bytes:
        """See `base.Collector`. Also raises `UpstreamInvalid` for a stream that ended without a choice."""
        choices = [self._choices[index] for index in sorted(self._choices)]
        if not self.ended and not (choices and all(choice.finish_reason for choice in choices)):
            raise UpstreamTruncated("the upstream ended its stream before the answer was complete")
        if not choices:
            raise UpstreamInvalid("the upstream ended its stream without a single choice")
        answer = self._fields | {
            "object": "chat.completion",
            "choices": [choice.whole() for choice in choices],
        }
        try:
            return write_json(answer)
        except RecursionError:
            raise UpstreamInvalid("the upstream's answer is nested too deeply") from None

    def _take(self, event: SseEvent, data: bytes) -> None:
        self._event += 1
        self._bytes += len(data)
        if self._max_bytes and self._bytes > self._max_bytes:
            raise EventTooLarge(
                f"the upstream's answer is over stream.max_answer_bytes ({self._max_bytes} bytes)"
            )
        if data.startswith(DONE):
            self.ended = True
            return
        try:
            chunk = read_json(data)
        except NOT_JSON:
            chunk = None
        error = read_frame_error(event, chunk)
        if error is not None:
            raise error
        if not isinstance(chunk, dict):
            raise UpstreamInvalid(f"event {self._event} of the upstream's stream is not a JSON object")
        for name, value in chunk.items():
            self._take_field(name, value)

    def _take_field(self, name: str, value: Any) -> None:
        if name == "choices":
            self._fields[name] = None  # its place, until the result
            for choice in self._list(value, "choices"):
                self._take_choice(self._object(choice, "a choice that is no object"))
        elif name in _FIRST:
            self._fields[name] = self._fields.get(name) or value
        elif name != PADDING:
            self._fields[name] = self._fields.get(name) if value is None else value
            if name == "usage":
                self.usage = read_usage(value) or self.usage

    def _take_choice(self, fields: dict[str, Any]) -> None:
        index = read_index(fields) or 0
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = ChatChoice(index)
        choice.finish_reason = read_finish_reason(fields) or choice.finish_reason
        # Perplexity repeats all that came so far as `message` beside each delta; others send a whole
        # `message` and no delta.
        delta = fields.get("delta", fields.get("message"))
        self._take_delta(choice, self._object(delta or {}, "a delta that is no object"))
        for part, tokens in self._object(fields.get("logprobs") or {}, "logprobs that are no object").items():
            choice.logprobs.add(part, tokens)
        for name, value in fields.items():
            if name not in _READ:
                add = choice.fields.add if isinstance(value, list) else choice.fields.keep
                add(name, value)

    def _take_delta(self, choice: ChatChoice, delta: dict[str, Any]) -> None:
        for name, value in delta.items():
            if name != "tool_calls":
                choice.add(name, value)
                continue
            calls = self._list(value, "tool calls")
            for position, call in enumerate(calls):
                fields = self._object(call, "a tool call that is no object")
                choice.add_call(fields, position if len(calls) > 1 else None)

    def _object(self, value: Any, otherwise: str) -> dict[str, Any]:
        if isinstance(value, dict):
            return value
        raise UpstreamInvalid(f"event {self._event} of the upstream's stream has {otherwise}")

    def _list(self, value: Any, name: str) -> list[Any]:
        if isinstance(value, list) or value is None:
            return value or []
        raise UpstreamInvalid(f"event {self._event} of the upstream's stream has {name} that are no list")
