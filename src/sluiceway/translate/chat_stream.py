"""A chat stream as deltas, event by event, and deltas as a chat stream.

Source: the SDK's `chat_completion_chunk`; which call a piece belongs to is `chat_choice`'s to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sluiceway.dialects.chat_choice import CallKeys
from sluiceway.dialects.chat_chunk import read_finish_reason, read_index
from sluiceway.dialects.chat_follow import DONE
from sluiceway.dialects.json_text import NOT_JSON, read_json, write_json
from sluiceway.dialects.openai_errors import error_json, read_frame_error
from sluiceway.errors import GatewayError, UpstreamInvalid
from sluiceway.translate.chat_answer import (
    call_id,
    read_arguments,
    read_content,
    read_created,
    read_stop,
    read_tokens,
    refuse_pictures_and_speech,
    text_of,
    write_reason,
    write_usage,
)
from sluiceway.translate.chat_messages import THOUGHTS, legacy_call_id
from sluiceway.translate.neutral import (
    Begin,
    Delta,
    End,
    PartBegin,
    PartDelta,
    PartEnd,
    PartKind,
    PartSignature,
    Tokens,
)
from sluiceway.wire.sse import SseEvent, encode_event


class _Call:
    """A tool call as far as it came. It begins with its name; what came before that is held."""

    __slots__ = ("held", "id", "index")

    def __init__(self) -> None:
        self.id = ""
        self.index: int | None = None  # of its part, once it has begun
        self.held = ""


class StreamReader:
    """See `neutral.StreamReader`. Of several choices the first: a translated request asks for one.

    Calls stay open until the answer, or text, ends them, since some upstreams send theirs in turns.
    """

    __slots__ = ("_begin", "_calls", "_ended", "_keys", "_open", "_parts", "_reason", "_refuses", "_tokens")

    def __init__(self) -> None:
        self._begin: Begin | None = None
        self._ended = False
        self._parts = 0
        self._open: tuple[int, PartKind] | None = None  # a part that is no call
        self._keys = CallKeys()
        self._calls: dict[int, _Call] = {}
        self._reason: str | None = None
        self._refuses = False
        self._tokens: Tokens | None = None

    def feed(self, event: SseEvent) -> list[Delta]:
        """See `neutral.StreamReader`. Also raises it for a call that goes on after text has ended it, and for an
        answer without a choice."""
        data = event.data
        if self._ended or not data or data.isspace():
            return []
        if data.startswith(DONE):
            return self.finish()
        try:
            chunk = read_json(data)
        except NOT_JSON:
            chunk = None
            if event.event != b"error":
                raise UpstreamInvalid("an event of the upstream's stream is not JSON") from None
        if read_frame_error(event, chunk) is not None:
            # The upstream's follower tells it. `[DONE]` often follows, even in the same read: no end may be
            # given for it, or the client would hear that a broken answer is whole.
            self._ended = True
            return []
        return list(self._take(chunk)) if isinstance(chunk, dict) else []

    def finish(self) -> list[Delta]:
        """See `neutral.StreamReader`."""
        if self._ended:
            return []
        self._ended = True
        if self._begin is None:
            raise UpstreamInvalid("the upstream ended its stream without a choice")
        for call in self._calls.values():
            if call.index is None:
                raise UpstreamInvalid("the upstream's answer has a tool call that calls no function")
        deltas: list[Delta] = [*self._end_all()]
        stop = read_stop(self._reason, calls=bool(self._calls), refuses=self._refuses)
        return [*deltas, End(stop, tokens=self._tokens)]

    def _take(self, chunk: dict[str, Any]) -> Iterator[Delta]:
        self._tokens = read_tokens(chunk.get("usage")) or self._tokens
        choices = chunk.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if not isinstance(choice, dict) or read_index(choice):
                continue
            if self._begin is None:  # not with Azure's first chunk, which has neither name nor choices
                self._begin = Begin(text_of(chunk, "id"), text_of(chunk, "model"), read_created(chunk))
                yield self._begin
            self._reason = read_finish_reason(choice) or self._reason
            delta = choice.get("delta", choice.get("message"))
            if isinstance(delta, dict):
                yield from self._take_delta(delta)

    def _take_delta(self, delta: dict[str, Any]) -> Iterator[Delta]:
        refuse_pictures_and_speech(delta)
        thinking = next((text for name in THOUGHTS if (text := text_of(delta, name))), "")
        thoughts, content = read_content(delta.get("content"))
        yield from self._say("thinking", thinking + thoughts)
        yield from self._say("text", content)
        yield from self._say("refusal", text_of(delta, "refusal"))
        calls = delta.get("tool_calls")
        calls = [call for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
        for position, call in enumerate(calls):
            key = self._keys.key(call, position if len(calls) > 1 else None)
            yield from self._take_call(key, text_of(call, "id"), call.get("function"))
        legacy = delta.get("function_call")
        if isinstance(legacy, dict):
            name = text_of(legacy, "name")
            yield from self._take_call(0, legacy_call_id(name) if name else "", legacy)

    def _say(self, kind: PartKind, text: str) -> Iterator[Delta]:
        if not text:
            return
        if self._open is None or self._open[1] != kind:
            yield from self._end_all()
            self._open = self._parts, kind
            yield PartBegin(self._next(), kind)
        self._refuses |= kind == "refusal"
        yield PartDelta(self._open[0], text)

    def _take_call(self, key: int, said_id: str, function: Any) -> Iterator[Delta]:
        fields = function if isinstance(function, dict) else {}
        call = self._calls.setdefault(key, _Call())
        call.id = call.id or said_id
        name, arguments = text_of(fields, "name"), read_arguments(fields)
        if call.index is None:
            if not name:
                call.held += arguments
                return
            if self._open is not None:
                yield PartEnd(self._open[0])
                self._open = None
            call.index = self._next()
            found = call.id or call_id(self._begin.id if self._begin else "", key)
            yield PartBegin(call.index, "call", id=found, name=name)
            arguments, call.held = call.held + arguments, ""
        if arguments:
            if call.index < 0:
                raise UpstreamInvalid("the upstream's stream goes on with a call that had ended")
            yield PartDelta(call.index, arguments)

    def _end_all(self) -> list[Delta]:
        ended = [] if self._open is None else [self._open[0]]
        self._open = None
        for call in self._calls.values():
            if call.index is not None and call.index >= 0:
                ended.append(call.index)
                call.index = -1
        return [PartEnd(index) for index in ended]

    def _next(self) -> int:
        self._parts += 1
        return self._parts - 1


class StreamWriter:
    """See `neutral.StreamWriter`. Sealed thoughts and signatures are left out."""

    __slots__ = ("_calls", "_envelope", "_include_usage", "_kinds", "_refuses", "_tokens")

    def __init__(self, *, include_usage: bool) -> None:
        self._include_usage = include_usage
        self._envelope: dict[str, Any] = {}
        self._kinds: dict[int, PartKind] = {}  # of open parts
        self._calls: dict[int, int] = {}  # part to call, counted from 0
        self._refuses = False
        self._tokens: Tokens | None = None

    def feed(self, delta: Delta) -> bytes:
        """See `neutral.StreamWriter`."""
        match delta:
            case PartDelta(index, text):
                return self._write_growth(index, text)
            case PartBegin(index, kind):
                return self._write_begin_part(index, kind, delta)
            case PartEnd(index):
                self._kinds.pop(index, None)
                return b""
            case Begin(answer_id, model, created):
                self._tokens = delta.tokens
                self._envelope = {
                    "id": answer_id,
                    "object": "chat.completion.chunk",
                    "created": created,
                    "model": model,
                }
                return self._chunk({"role": "assistant", "content": ""})
            case End():
                return self._write_end(delta)
            case PartSignature():
                return b""

    def error_event(self, error: GatewayError) -> bytes:
        """See `neutral.StreamWriter`: the same whatever was written so far."""
        return encode_event(error_json(error))

    def _write_begin_part(self, index: int, kind: PartKind, part: PartBegin) -> bytes:
        self._kinds[index] = kind
        if kind != "call":
            return b""
        number = self._calls[index] = len(self._calls)
        function = {"name": part.name, "arguments": ""}
        call = {"index": number, "id": part.id, "type": "function", "function": function}
        return self._chunk({"tool_calls": [call]})

    def _write_growth(self, index: int, text: str) -> bytes:
        match self._kinds.get(index):
            case "text":
                return self._chunk({"content": text})
            case "thinking":
                return self._chunk({"reasoning_content": text})
            case "refusal":
                self._refuses = True
                return self._chunk({"refusal": text})
            case "call":
                call = {"index": self._calls[index], "function": {"arguments": text}}
                return self._chunk({"tool_calls": [call]})
            case _:
                return b""

    def _write_end(self, end: End) -> bytes:
        reason = write_reason(end.stop, calls=bool(self._calls), refuses=self._refuses)
        events = self._chunk({}, reason)
        usage = write_usage(end.tokens or self._tokens) if self._include_usage else None
        if usage is not None:
            events += encode_event(write_json(self._envelope | {"choices": [], "usage": usage}))
        return events + encode_event(DONE)

    def _chunk(self, delta: dict[str, Any], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return encode_event(write_json(self._envelope | {"choices": [choice]}))
