"""What each event of a stream is, in one word, for those who look at its timeline.

Not for the hot path: a few microseconds an event, when somebody looks. A kind is a word of the API or of this file,
never a piece of an answer: names that are no such words are called `other`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import Raw

from sluiceway.dialects.glance_content import CHAT_PART, CHAT_PARTS, is_blank
from sluiceway.dialects.glance_data import find_word
from sluiceway.dialects.json_text import NOT_JSON
from sluiceway.wire.sse import SseEvent, parse_events

EventKind = str
"""Chat: `role`, `content`, `reasoning`, `refusal`, `tool_calls`, `audio`, `images`, `finish`, `usage`.
Messages, responses, images: the event's type (`message_start`, `response.output_text.delta`), of a
`content_block_delta` that of its delta (`text_delta`). All: `error`; `done`, for `[DONE]`; `comment`, which a
heartbeat is, too; `blank`, where there is nothing in it; `other`."""

_NAME: Final = re.compile(r"[a-z][a-z0-9_.\-]{0,63}")
_TYPE: Final = re.compile(rb'"type"\s*:\s*"([a-z][a-z0-9_.-]{0,63})"')
_DELTA_TYPE: Final = re.compile(rb'"delta"\s*:\s*\{\s*"type"\s*:\s*"([a-z_]{1,64})"')


class _Choice(msgspec.Struct, gc=False):
    delta: dict[str, Raw] | None = None
    finish_reason: Any = None


class _Chunk(msgspec.Struct, gc=False):
    choices: list[_Choice] | None = None
    usage: Any = None
    error: Any = None


class _Typed(msgspec.Struct, gc=False):
    type: Any = None
    error: Any = None
    delta: Any = None


_decode_chunk = msgspec.json.Decoder(_Chunk).decode
_decode_typed = msgspec.json.Decoder(_Typed).decode


def kinds(dialect: str | None, block: bytes) -> list[EventKind]:
    """The kind of each event in a block of whole events, in order. Never raises.

    The block may have lost its middle (`glance_data.CUT`): then there are only as many as are left, and the one that
    lost its end is what its beginning says.
    """
    kind_of = _KINDS.get(dialect or "", _named)
    return [_without_data(event) or kind_of(event) for event in parse_events(block)]


def _without_data(event: SseEvent) -> EventKind | None:
    if event.data:
        return "done" if event.data.lstrip().startswith(b"[DONE]") else None
    return "comment" if event.raw.startswith(b":") else "blank"


def _chat(event: SseEvent) -> EventKind:
    data = event.data or b""
    if event.event == b"error":
        return "error"
    try:
        chunk = _decode_chunk(data)
    except NOT_JSON:
        found = CHAT_PART.search(data)
        return CHAT_PARTS[found[1].decode()] if found else "other"
    if chunk.error:
        return "error"
    for choice in chunk.choices or ():
        for name, value in (choice.delta or {}).items():
            if name in CHAT_PARTS and not is_blank(value):
                return CHAT_PARTS[name]
    if any(choice.finish_reason for choice in chunk.choices or ()):
        return "finish"
    if not chunk.choices:
        return "usage" if chunk.usage else "other"
    return "role" if any("role" in (choice.delta or {}) for choice in chunk.choices) else "blank"


def _named(event: SseEvent) -> EventKind:
    """By the type in the data, as the SDKs of OpenAI do, or else by the event's name."""
    data = event.data or b""
    kind: object = None
    try:
        typed = _decode_typed(data)
    except NOT_JSON:
        kind = find_word(data, _TYPE, 1)
    else:
        if typed.error and event.event in (b"", b"error", b"message"):
            return "error"
        kind = typed.type
    if not isinstance(kind, str) or not _NAME.fullmatch(kind):
        kind = event.event.decode("latin-1")
    return kind if _NAME.fullmatch(kind) else "other"


def _messages(event: SseEvent) -> EventKind:
    kind = _named(event)
    if kind != "content_block_delta":
        return kind
    data = event.data or b""
    try:
        delta = _decode_typed(data).delta
    except NOT_JSON:
        return find_word(data, _DELTA_TYPE, 1) or kind
    found = delta.get("type") if isinstance(delta, dict) else None
    return found if isinstance(found, str) and _NAME.fullmatch(found) else kind


_KINDS: Final[dict[str, Callable[[SseEvent], EventKind]]] = {"chat": _chat, "messages": _messages}
