"""A Messages stream as deltas, event by event, and back.

Source: the SDK's `raw_message_stream_event` and what its streaming helper (`accumulate_event`) makes of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sluiceway.dialects.anthropic_errors import error_json
from sluiceway.dialects.json_text import NOT_JSON, read_json, write_json
from sluiceway.errors import GatewayError, UpstreamInvalid
from sluiceway.translate.messages_answer import (
    input_text,
    read_explanation,
    read_stop,
    read_tokens,
    text_of,
    unknown_block,
    write_stop,
    write_usage,
)
from sluiceway.translate.neutral import (
    Begin,
    Delta,
    End,
    PartBegin,
    PartDelta,
    PartEnd,
    PartKind,
    PartSignature,
    Stop,
    Tokens,
)
from sluiceway.wire.sse import SseEvent, encode_event

# ── reading ─────────────────────────────────────────────────────────────────────────────────────────

_KIND_OF: Final[dict[str, PartKind]] = {
    "text": "text",
    "thinking": "thinking",
    "redacted_thinking": "sealed",
    "tool_use": "call",
}

# Of a delta: the kind of part that it belongs to, and where its text is. Citations have no neutral form.
_DELTAS: Final[dict[str, tuple[PartKind, str]]] = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "input_json_delta": ("call", "partial_json"),
}

# Of a block's beginning: where its first text is. Anthropic leaves it empty, except for sealed thoughts.
_FIRST_TEXT: Final[dict[PartKind, str]] = {"text": "text", "thinking": "thinking", "sealed": "data"}


class _OpenPart:
    """A part whose end has not come. `input`: of a call, as it was at its beginning; `grown`: more came."""

    __slots__ = ("grown", "index", "input", "kind")

    def __init__(self, index: int, kind: PartKind, input: Any) -> None:  # noqa: A002 - the name on the wire
        self.index = index
        self.kind = kind
        self.input = input
        self.grown = False


class StreamReader:
    """See `neutral.StreamReader`. Also raises `UpstreamInvalid` for a block that has no neutral form."""

    __slots__ = ("_begun", "_ended", "_next", "_open", "_sequence", "_stop", "_usage")

    def __init__(self) -> None:
        self._begun = False
        self._ended = False
        self._next = 0  # the next part's number
        self._open: dict[int, _OpenPart] = {}  # by the block's index
        self._stop: Stop | None = None
        self._sequence: str | None = None
        self._usage: dict[str, Any] = {}

    def feed(self, event: SseEvent) -> list[Delta]:
        """See `neutral.StreamReader`."""
        if self._ended or not event.data or event.data.isspace():
            return []
        try:
            data = read_json(event.data)
        except NOT_JSON:
            raise UpstreamInvalid("an event of the upstream's stream is not JSON") from None
        return list(self._take(data)) if isinstance(data, dict) else []

    def finish(self) -> list[Delta]:
        """See `neutral.StreamReader`."""
        return [] if self._ended else list(self._finish())

    def _take(self, data: dict[str, Any]) -> Iterator[Delta]:
        match data.get("type"):
            case "message_start":
                yield from self._begin(_object(data, "message"))
            case "content_block_start":
                yield from self._begin({})
                yield from self._start(data.get("index"), _object(data, "content_block"))
            case "content_block_delta":
                yield from self._grow(data.get("index"), _object(data, "delta"))
            case "content_block_stop":
                yield from self._stop_block(data.get("index"))
            case "message_delta":
                yield from self._begin({})
                yield from self._conclude(data)
            case "message_stop":
                yield from self._finish()

    def _begin(self, message: dict[str, Any]) -> Iterator[Delta]:
        """Once; an imitator's stream may begin with a block."""
        if self._begun:
            return
        self._begun = True
        self._count(message)
        yield Begin(text_of(message, "id"), text_of(message, "model"), tokens=read_tokens(self._usage))

    def _start(self, index: Any, block: dict[str, Any]) -> Iterator[Delta]:
        kind = _KIND_OF.get(text_of(block, "type"))
        if kind is None:
            raise unknown_block(block.get("type"))
        # Anthropic ends each block before the next; where an imitator does not, only calls stay open together.
        for at, part in list(self._open.items()):
            if kind != "call" or part.kind != "call" or at == index:
                yield from self._stop_block(at)
        part = _OpenPart(self._next, kind, block.get("input"))
        self._next += 1
        self._open[_index(index)] = part
        yield PartBegin(part.index, kind, id=text_of(block, "id"), name=text_of(block, "name"))
        if first := text_of(block, _FIRST_TEXT.get(kind, "")):
            yield PartDelta(part.index, first)
        if kind == "thinking" and (signature := text_of(block, "signature")):
            yield PartSignature(part.index, signature)

    def _grow(self, index: Any, delta: dict[str, Any]) -> Iterator[Delta]:
        part = self._open.get(_index(index))
        if part is None:
            return
        kind = text_of(delta, "type")
        if kind == "signature_delta":
            if part.kind == "thinking" and (signature := text_of(delta, "signature")):
                yield PartSignature(part.index, signature)
            return
        belongs, member = _DELTAS.get(kind, (None, ""))
        if belongs == part.kind and (text := text_of(delta, member)):
            part.grown = True
            yield PartDelta(part.index, text)

    def _stop_block(self, index: Any) -> Iterator[Delta]:
        part = self._open.pop(_index(index), None)
        if part is None:
            return
        if part.kind == "call" and not part.grown:
            # No arguments came, so those at its beginning count: `{}`, or all where an imitator has them there.
            yield PartDelta(part.index, input_text(part.input))
        yield PartEnd(part.index)

    def _conclude(self, data: dict[str, Any]) -> Iterator[Delta]:
        delta = _object(data, "delta")
        self._stop = read_stop(delta.get("stop_reason")) or self._stop
        self._sequence = text_of(delta, "stop_sequence") or self._sequence
        self._count(data)
        if explanation := read_explanation(delta.get("stop_details")):
            yield from self._stop_all()
            yield PartBegin(self._next, "refusal")
            yield PartDelta(self._next, explanation)
            yield PartEnd(self._next)
            self._next += 1

    def _finish(self) -> Iterator[Delta]:
        yield from self._begin({})
        yield from self._stop_all()
        self._ended = True
        yield End(self._stop, self._sequence, read_tokens(self._usage))

    def _stop_all(self) -> Iterator[Delta]:
        for index in list(self._open):
            yield from self._stop_block(index)

    def _count(self, data: dict[str, Any]) -> None:
        """Usage is cumulative, and a later count overrides an earlier one, field by field; so none falls to 0."""
        for name, value in _object(data, "usage").items():
            if value is not None and (value or name not in self._usage):
                self._usage[name] = value


def _object(fields: dict[str, Any], name: str) -> dict[str, Any]:
    value = fields.get(name)
    return value if isinstance(value, dict) else {}


def _index(value: Any) -> int:
    return value if isinstance(value, int) else -1


# ── writing ─────────────────────────────────────────────────────────────────────────────────────────

_BLOCK_OF: Final[dict[PartKind, dict[str, Any]]] = {
    "text": {"type": "text", "text": ""},
    "refusal": {"type": "text", "text": ""},
    "thinking": {"type": "thinking", "thinking": "", "signature": ""},
}
_DELTA_OF: Final[dict[PartKind, tuple[str, str]]] = {
    "text": ("text_delta", "text"),
    "refusal": ("text_delta", "text"),
    "thinking": ("thinking_delta", "thinking"),
    "call": ("input_json_delta", "partial_json"),
}

_PartEvent = PartBegin | PartDelta | PartSignature | PartEnd


HELD_CHARS_MAX: Final = 16 * 1024 * 1024
"""Of arguments that wait for their turn. Real ones have some thousand; this only bounds what an upstream can
make the gateway hold."""


class StreamWriter:
    """See `neutral.StreamWriter`.

    Clients expect one block after the other, so of calls that are open side by side the first is written
    and the others are held until it has ended. Sealed thoughts are another API's, and left out.
    """

    __slots__ = ("_held", "_held_chars", "_kind", "_open", "_sealed", "_tokens", "_written")

    def __init__(self) -> None:
        self._open: int | None = None  # the part that is being written
        self._kind: PartKind = "text"  # of that part
        self._written = -1  # its block's index; blocks are counted without those left out
        self._held: dict[int, list[_PartEvent]] = {}  # parts that wait, in the order of their beginnings
        self._held_chars = 0
        self._sealed: int | None = None
        self._tokens: Tokens | None = None

    def feed(self, delta: Delta) -> bytes:
        """See `neutral.StreamWriter`."""
        match delta:
            case Begin():
                return self._write_begin(delta)
            case End():
                return self._write_end(delta)
            case PartBegin(index, "sealed"):
                self._sealed = index
                return b""
        if delta.index == self._sealed:
            return b""
        if isinstance(delta, PartBegin) and self._open is not None:
            self._held[delta.index] = [delta]
            return b""
        if delta.index in self._held:
            self._hold(delta)
            return b""
        written = self._write_delta(delta)
        while self._open is None and self._held:
            waiting = self._held.pop(next(iter(self._held)))
            written += b"".join(map(self._write_delta, waiting))
        return written

    def _hold(self, delta: _PartEvent) -> None:
        self._held_chars += len(delta.text) if isinstance(delta, PartDelta) else 0
        if self._held_chars > HELD_CHARS_MAX:
            raise UpstreamInvalid("the upstream's calls are too large to be put one after the other")
        self._held[delta.index].append(delta)

    def error_event(self, error: GatewayError) -> bytes:
        """See `neutral.StreamWriter`: the same whatever was written so far."""
        return encode_event(error_json(error), event=b"error")

    def _write_begin(self, begin: Begin) -> bytes:
        self._tokens = begin.tokens
        message: dict[str, Any] = {
            "id": begin.id,
            "type": "message",
            "role": "assistant",
            "model": begin.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": write_usage(begin.tokens),
        }
        return _event("message_start", message=message)

    def _write_end(self, end: End) -> bytes:
        """The SDK's helper reads `usage.output_tokens` of every `message_delta`, so it is always there.

        The input is only named where it is known: OpenAI's APIs count it at the end, and the helper lets it
        override what `message_start` said.
        """
        tokens = end.tokens or self._tokens or Tokens()
        usage = write_usage(tokens)
        if tokens.input is None:
            del usage["input_tokens"]
        delta = {"stop_reason": write_stop(end.stop), "stop_sequence": end.stop_sequence}
        return _event("message_delta", delta=delta, usage=usage) + _event("message_stop")

    def _write_delta(self, delta: _PartEvent) -> bytes:
        match delta:
            case PartBegin(index, kind):
                self._open, self._kind = index, kind
                self._written += 1
                call = {"type": "tool_use", "id": delta.id, "name": delta.name, "input": {}}
                block = _BLOCK_OF.get(kind, call)
                return _event("content_block_start", index=self._written, content_block=block)
            case PartDelta(_, text):
                kind_of_delta, member = _DELTA_OF[self._kind]
                return self._write_growth({"type": kind_of_delta, member: text})
            case PartSignature(_, signature):
                return self._write_growth({"type": "signature_delta", "signature": signature})
            case PartEnd():
                self._open = None
                return _event("content_block_stop", index=self._written)

    def _write_growth(self, growth: dict[str, Any]) -> bytes:
        return _event("content_block_delta", index=self._written, delta=growth)


def _event(kind: str, **fields: Any) -> bytes:
    return encode_event(write_json({"type": kind} | fields), event=kind.encode())
