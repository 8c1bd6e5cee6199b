"""Why an answer ended, in the words of its API, read off the last that was written to the client.

Once per request, and nothing is decoded but that: some two microseconds. Whole events and bodies are decoded;
where the middle of one was left out, see `glance_data.find_word`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

from sluiceway.dialects.glance_data import CUT, event_data, find_word
from sluiceway.dialects.json_text import NOT_JSON

LAST_WRITES: Final = 4
"""How many writes are looked at: a reason, the usage and an end marker may be one each."""


class _Choice(msgspec.Struct, gc=False):
    index: Any = 0
    finish_reason: Any = None


class _Chat(msgspec.Struct, gc=False):
    choices: list[_Choice] | None = None


class _Delta(msgspec.Struct, gc=False):
    stop_reason: Any = None


class _Messages(msgspec.Struct, gc=False):
    """An event or a whole answer: only an answer has a `stop_reason` of its own."""

    delta: _Delta | None = None
    stop_reason: Any = None


class _Details(msgspec.Struct, gc=False):
    reason: Any = None


class _Response(msgspec.Struct, gc=False):
    status: Any = None
    incomplete_details: _Details | None = None


class _ResponsesEvent(msgspec.Struct, gc=False):
    type: Any = None
    response: _Response | None = None


class _Typed(msgspec.Struct, gc=False):
    type: Any = None


_decode_chat = msgspec.json.Decoder(_Chat).decode
_decode_messages = msgspec.json.Decoder(_Messages).decode
_decode_response = msgspec.json.Decoder(_Response).decode
_decode_responses_event = msgspec.json.Decoder(_ResponsesEvent).decode
_decode_typed = msgspec.json.Decoder(_Typed).decode

_WORD: Final = rb'\s*:\s*"([A-Za-z0-9_.-]{1,64})"'
_FINISH: Final = re.compile(rb'"finish_reason"' + _WORD)
_STOP: Final = re.compile(rb'"stop_reason"' + _WORD)
_STATUS: Final = re.compile(rb'"status"' + _WORD)
_INCOMPLETE: Final = re.compile(rb'"incomplete_details"\s*:\s*\{\s*"reason"' + _WORD + rb"\s*\}")
_TYPE: Final = re.compile(rb'"type"' + _WORD)

_MAX_WORD: Final = 64
_RESPONSE_ENDS: Final = {"response.completed": "completed", "response.failed": "failed"}
_IMAGE_ENDS: Final = ".completed"


def finish_reason(dialect: str | None, tail: Sequence[bytes], *, stream: bool) -> str | None:
    """The finish reason of an answer; None where none was given, or it can't be told.

    `tail`: the last writes to the client, oldest first, where `CUT` stands for what was left out of their middle:
    events if it got a stream, else a JSON body. Chat: the `finish_reason` of the first choice, or of the last
    that came; messages: `stop_reason`; responses: the status, of an incomplete one the reason; images: `completed`
    at the end of a stream. Never raises.
    """
    if not tail:
        return None
    if stream:
        last = _LAST_EVENTS.get(dialect or "")
        return last(reversed(tail[-LAST_WRITES:])) if last is not None else None
    read = _BODIES.get(dialect or "")
    if read is None:
        return None
    body = b"".join(tail)
    return read(
        body if len(tail) < LAST_WRITES else CUT + body
    )  # of so many, the first may not be the beginning


# ── event streams ───────────────────────────────────────────────────────────────────────────────────


def _chat_events(writes: Iterable[bytes]) -> str | None:
    found: str | None = None
    for data in _latest(writes, b'"finish_reason"'):
        reason, is_first = _chat_reason(data)
        if is_first:
            return reason
        found = found or reason
    return found


def _chat_reason(data: bytes) -> tuple[str | None, bool]:
    """What this chunk or answer says, and whether of the first choice."""
    try:
        choices = _decode_chat(data).choices or ()
    except NOT_JSON:
        # A choice is in a list in an object. Which one it is can't be told from here: mostly there is one.
        word = find_word(data, _FINISH, 3)
        return word, word is not None
    found: str | None = None
    for choice in choices:
        reason = _word(choice.finish_reason)
        if reason is not None:
            found = reason
            if choice.index in (0, None):
                return found, True
    return found, False


def _messages_events(writes: Iterable[bytes]) -> str | None:
    for data in _latest(writes, b'"stop_reason"'):
        try:
            delta = _decode_messages(data).delta
            word = _word(delta.stop_reason) if delta is not None else None
        except NOT_JSON:
            word = find_word(data, _STOP, 2)
        if word is not None:
            return word
    return None


def _responses_events(writes: Iterable[bytes]) -> str | None:
    for data in _latest(writes, b"response."):
        try:
            event = _decode_responses_event(data)
            kind, response = event.type, event.response
        except NOT_JSON:
            kind = find_word(data, _TYPE, 1)
            response = None
        if kind == "response.incomplete":
            said = response.incomplete_details if response is not None else None
            return _word(said.reason if said else None) or find_word(data, _INCOMPLETE, 2) or "incomplete"
        if isinstance(kind, str) and kind in _RESPONSE_ENDS:
            return _RESPONSE_ENDS[kind]
    return None


def _images_events(writes: Iterable[bytes]) -> str | None:
    for data in _latest(writes, _IMAGE_ENDS.encode()):
        try:
            kind = _decode_typed(data).type
        except NOT_JSON:
            kind = find_word(data, _TYPE, 1)
        if isinstance(kind, str) and kind.endswith(_IMAGE_ENDS):
            return "completed"
    return None


def _latest(writes: Iterable[bytes], needle: bytes) -> Iterator[bytes]:
    """The data of events from the last one back, of the writes in which `needle` is."""
    for block in writes:
        if needle in block:
            yield from reversed(event_data(block))


# ── JSON bodies ─────────────────────────────────────────────────────────────────────────────────────


def _chat_body(body: bytes) -> str | None:
    return _chat_reason(body)[0]


def _messages_body(body: bytes) -> str | None:
    try:
        return _word(_decode_messages(body).stop_reason)
    except NOT_JSON:
        return find_word(body, _STOP, 1)


def _responses_body(body: bytes) -> str | None:
    try:
        response = _decode_response(body)
    except NOT_JSON:
        status = find_word(body, _STATUS, 1)
        reason = find_word(body, _INCOMPLETE, 1)
    else:
        status = _word(response.status)
        details = response.incomplete_details
        reason = _word(details.reason) if details is not None else None
    return reason or status if status == "incomplete" else status


def _word(value: object) -> str | None:
    """Some providers send `""` until the last chunk. A reason is one word: more would be something else's text."""
    return value if isinstance(value, str) and 0 < len(value) <= _MAX_WORD else None


_LAST_EVENTS: Final[dict[str, Callable[[Iterable[bytes]], str | None]]] = {
    "chat": _chat_events,
    "messages": _messages_events,
    "responses": _responses_events,
    "images": _images_events,
}
_BODIES: Final[dict[str, Callable[[bytes], str | None]]] = {
    "chat": _chat_body,
    "messages": _messages_body,
    "responses": _responses_body,
}
