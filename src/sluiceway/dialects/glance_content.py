"""Whether what goes to a client holds a piece of the answer yet: for the time to its first content.

Asked of each write until the first yes, so it runs in the relay: about half a microsecond for one event.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import Raw

from sluiceway.dialects.glance_data import event_data
from sluiceway.dialects.json_text import NOT_JSON

_BLANK: Final = frozenset({b"null", b'""', b"[]", b"{}"})

CHAT_PARTS: Final = {
    "content": "content",
    "reasoning_content": "reasoning",  # DeepSeek, vLLM, and who imitates them
    "reasoning": "reasoning",  # OpenRouter, Groq
    "reasoning_details": "reasoning",
    "refusal": "refusal",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "audio": "audio",
    "images": "images",  # OpenRouter
}
"""The members of a chat delta that are pieces of the answer, and what an event with one is called."""

CHAT_PART: Final = re.compile(
    rb'"(' + "|".join(CHAT_PARTS).encode() + rb')"\s*:(?!\s*(?:null|""|\[\s*\]|\{\s*\}))'
)
"""One of them with something in it, in a chunk that can't be decoded: half a surrogate pair, or a middle left out."""

# Members of a messages delta or block. `data` is redacted thinking; a signature is no piece of the answer.
_MESSAGES_PARTS: Final = frozenset({"text", "thinking", "partial_json", "citation", "content", "data"})

# Members of a responses event that end a part of the answer; imitators send them without any delta before.
_RESPONSES_PARTS: Final = ("delta", "text", "refusal", "arguments", "input", "partial_image_b64")

# A picture comes behind a few short members. A longer search would be one through the picture.
_IMAGE_SEARCH_BYTES: Final = 8192
_IMAGE: Final = re.compile(rb'"(?:b64_json|url)"\s*:\s*"[^"]')
_IMAGE_NAMED: Final = b"event: response.image_generation_call.partial_image\n"


class _Choice(msgspec.Struct, gc=False):
    delta: dict[str, Raw] | None = None


class _Chunk(msgspec.Struct, gc=False):
    choices: list[_Choice] | None = None


class _MessagesEvent(msgspec.Struct, gc=False):
    delta: dict[str, Raw] | None = None
    content_block: dict[str, Raw] | None = None


class _Item(msgspec.Struct, gc=False):
    type: Any = None


class _Response(msgspec.Struct, gc=False):
    output: Raw = Raw()


class _ResponsesEvent(msgspec.Struct, gc=False):
    delta: Raw = Raw()
    text: Raw = Raw()
    refusal: Raw = Raw()
    arguments: Raw = Raw()
    input: Raw = Raw()
    partial_image_b64: Raw = Raw()
    item: _Item | None = None
    response: _Response | None = None


# What is not named in the structs is skipped unread, and so are the values of the members that are looked at.
_decode_chunk = msgspec.json.Decoder(_Chunk).decode
_decode_messages = msgspec.json.Decoder(_MessagesEvent).decode
_decode_responses = msgspec.json.Decoder(_ResponsesEvent).decode


def carries_content(dialect: str | None) -> Callable[[bytes], bool] | None:
    """For a dialect's name, whether a block of whole events for its client holds a piece of the answer: text,
    reasoning, a refusal, a tool call, a picture. Not those that only begin or end something, and nothing empty.
    None where that is not known, as for paths that are relayed as they are. The function never raises.
    """
    return _CARRIES.get(dialect or "")


def is_blank(value: Raw) -> bool:
    """Whether a member is missing, null or empty."""
    return not value or bytes(value) in _BLANK


def _chat(block: bytes) -> bool:
    for data in event_data(block):
        try:
            chunk = _decode_chunk(data)
        except NOT_JSON:
            if CHAT_PART.search(data):
                return True
            continue
        for choice in chunk.choices or ():
            for name, value in (choice.delta or {}).items():
                if name in CHAT_PARTS and not is_blank(value):
                    return True
    return False


def _messages(block: bytes) -> bool:
    for data in event_data(block):
        try:
            event = _decode_messages(data)
        except NOT_JSON:
            continue
        part = event.delta or event.content_block or {}
        if any(name in _MESSAGES_PARTS and not is_blank(value) for name, value in part.items()):
            return True
        # Any other block begins with something to show: the name of a tool, the results of a search.
        if event.content_block and event.content_block.get("type") not in (
            Raw(b'"text"'),
            Raw(b'"thinking"'),
        ):
            return True
    return False


def _responses(block: bytes) -> bool:
    if block.startswith(_IMAGE_NAMED):  # may have 20 MB
        return True
    for data in event_data(block):
        try:
            event = _decode_responses(data)
        except NOT_JSON:
            continue
        if any(not is_blank(getattr(event, name)) for name in _RESPONSES_PARTS):
            return True
        item = event.item.type if event.item is not None else None
        if item and item not in ("message", "reasoning"):
            return True  # a tool call begins with its name
        if event.response is not None and not is_blank(event.response.output):
            return True
    return False


def _images(block: bytes) -> bool:
    return _IMAGE.search(block, 0, _IMAGE_SEARCH_BYTES) is not None


_CARRIES: Final[dict[str, Callable[[bytes], bool]]] = {
    "chat": _chat,
    "messages": _messages,
    "responses": _responses,
    "images": _images,
}
