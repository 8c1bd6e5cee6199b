"""Deltas as a Responses stream: every event that the API has for them, in its order.

Source: the SDK's `response_stream_event`, and what its helper (`lib/streaming/responses`) insists on.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from sluiceway.dialects.json_text import write_json
from sluiceway.errors import GatewayError
from sluiceway.translate.neutral import (
    Answer,
    Begin,
    Call,
    Delta,
    End,
    PartBegin,
    PartDelta,
    PartEnd,
    PartKind,
    PartSignature,
    Refusal,
    Text,
    Thinking,
)
from sluiceway.translate.responses_answer import (
    call_item,
    content_part,
    ended_response,
    message_item,
    reasoning_item,
    summary_part,
    write_response,
)
from sluiceway.wire.sse import encode_event

# By kind: the events' common name, the member of the last of them that holds all, and what all have besides.
_EVENTS: Final[dict[PartKind, tuple[str, str, dict[str, Any]]]] = {
    "text": ("response.output_text", "text", {"logprobs": []}),
    "refusal": ("response.refusal", "refusal", {}),
    "thinking": ("response.reasoning_summary_text", "text", {}),
    "call": ("response.function_call_arguments", "arguments", {}),
}

_IN_MESSAGES: Final = ("text", "refusal")


class _OpenPart:
    """A part whose end has not come. `where`: the members of its events that tell which it is; `body`: the
    item, or the part of a message's content, that it becomes."""

    __slots__ = ("body", "kind", "where", "words")

    def __init__(self, kind: PartKind, where: dict[str, Any], body: dict[str, Any]) -> None:
        self.kind = kind
        self.where = where
        self.body = body
        self.words: list[str] = []


class StreamWriter:
    """See `neutral.StreamWriter`. The response at its end is what `write_answer` writes for the whole.

    A message is an item that holds texts and refusals in a row, so it ends when something else begins.
    """

    __slots__ = ("_answer", "_begun", "_done", "_items", "_message", "_open", "_sequence")

    def __init__(self) -> None:
        self._begun = False
        self._answer = Answer(id="", model="", parts=(), stop=None)  # what is known of it besides its parts
        self._sequence = 0
        self._items = 0  # begun so far
        self._done: dict[int, dict[str, Any]] = {}  # items that have ended, by their number
        self._message: dict[str, Any] | None = None  # the one that is open: always the last item
        self._open: dict[int, _OpenPart] = {}

    def feed(self, delta: Delta) -> bytes:
        """See `neutral.StreamWriter`."""
        match delta:
            case Begin():
                return self._write_begin(delta)
            case PartBegin(index, kind):
                if kind == "sealed":
                    return b""  # by another API: nobody who speaks this one can open it
                return self._begin_content(index, kind) if kind in _IN_MESSAGES else self._begin_alone(delta)
            case PartDelta(index, text):
                return self._write_delta(index, text)
            case PartSignature():
                return b""
            case PartEnd(index):
                return self._write_part_end(index)
            case End():
                return self._write_end(delta)

    def error_event(self, error: GatewayError) -> bytes:
        """See `neutral.StreamWriter`: `error`, then `response.failed` with the items that were complete."""
        code = error.code or error.type
        told = self._event("error", code=code, message=error.message, param=error.param)
        if not self._begun:
            return told
        reason = {"code": code, "message": error.message}
        failed = write_response(self._answer, status="failed", output=self._output(), error=reason)
        return told + self._event("response.failed", response=failed)

    def _write_begin(self, begin: Begin) -> bytes:
        self._begun = True
        self._answer = Answer(
            id=begin.id, model=begin.model, parts=(), stop=None, created=begin.created, tokens=begin.tokens
        )
        response = write_response(self._answer, status="in_progress", output=[])
        created = self._event("response.created", response=response)
        return created + self._event("response.in_progress", response=response)

    def _write_end(self, end: End) -> bytes:
        written = self._end_message()
        tokens = end.tokens or self._answer.tokens
        answer = msgspec.structs.replace(self._answer, stop=end.stop, tokens=tokens)
        response = ended_response(answer, self._output())
        return written + self._event(f"response.{response['status']}", response=response)

    def _begin_alone(self, begin: PartBegin) -> bytes:
        """A part that is an item of its own: a thought or a call."""
        written = self._end_message()
        where: dict[str, Any] = {"output_index": self._items}
        if begin.kind == "call":
            item = call_item(self._answer.id, self._items, Call(begin.id, begin.name, ""))
        else:
            item = reasoning_item(self._answer.id, self._items, Thinking())
            where["summary_index"] = 0
        self._open[begin.index] = _OpenPart(begin.kind, {"item_id": item["id"]} | where, item)
        return written + self._begin_item(item)

    def _begin_content(self, index: int, kind: PartKind) -> bytes:
        """A part of a message, and the message if none is open."""
        written = b""
        if self._message is None:
            self._message = message_item(self._answer.id, self._items, [])
            written = self._begin_item(self._message)
        content = self._message["content"]
        where = {
            "item_id": self._message["id"],
            "output_index": self._items - 1,
            "content_index": len(content),
        }
        part = content_part(Text("") if kind == "text" else Refusal(""))
        self._open[index] = _OpenPart(kind, where, part)
        content.append(part)
        return written + self._event("response.content_part.added", **where, part=part)

    def _write_delta(self, index: int, text: str) -> bytes:
        part = self._open.get(index)
        if part is None or not text:
            return b""
        written = b""
        if part.kind == "thinking" and not part.words:
            added = "response.reasoning_summary_part.added"
            written = self._event(added, **part.where, part=summary_part(""))
        part.words.append(text)
        name, _, besides = _EVENTS[part.kind]
        return written + self._event(f"{name}.delta", **part.where, delta=text, **besides)

    def _write_part_end(self, index: int) -> bytes:
        part = self._open.pop(index, None)
        if part is None:
            return b""
        whole, number = "".join(part.words), part.where["output_index"]
        if part.kind == "thinking" and not whole:  # a summary that was never begun
            return self._end_item(number, part.body)
        name, member, besides = _EVENTS[part.kind]
        done = self._event(f"{name}.done", **part.where, **{member: whole}, **besides)
        if part.kind in _IN_MESSAGES:
            part.body[member] = whole
            return done + self._event("response.content_part.done", **part.where, part=part.body)
        if part.kind == "thinking":
            summary = summary_part(whole)
            part.body["summary"] = [summary]
            done += self._event("response.reasoning_summary_part.done", **part.where, part=summary)
        else:
            part.body[member] = whole
        return done + self._end_item(number, part.body)

    def _begin_item(self, item: dict[str, Any]) -> bytes:
        begun = item | ({"status": "in_progress"} if "status" in item else {})
        self._items += 1
        return self._event("response.output_item.added", output_index=self._items - 1, item=begun)

    def _end_item(self, number: int, item: dict[str, Any]) -> bytes:
        self._done[number] = item
        return self._event("response.output_item.done", output_index=number, item=item)

    def _end_message(self) -> bytes:
        message, self._message = self._message, None
        return b"" if message is None else self._end_item(self._items - 1, message)

    def _output(self) -> list[dict[str, Any]]:
        return [self._done[number] for number in sorted(self._done)]

    def _event(self, kind: str, **fields: Any) -> bytes:
        data = {"type": kind, "sequence_number": self._sequence} | fields
        self._sequence += 1
        return encode_event(write_json(data), event=kind.encode())
