"""What kind an event of a response is, and what is read of it: for follower, collector and plain answers.

Events can hold whole pictures and lists of tools, so no more is decoded than needed: of an event that is
named as a step of the answer, which nearly all are, nothing.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from sluiceway.dialects.base import Usage
from sluiceway.dialects.json_text import NOT_JSON, read_json
from sluiceway.dialects.openai_errors import read_frame_error
from sluiceway.errors import UpstreamReported
from sluiceway.wire.sse import SseEvent

DONE: Final = b"[DONE]"
"""Chat's end marker, which some imitators send after the last event. It means nothing here."""

CREATED: Final = "response.created"
FAILED: Final = "response.failed"
ENDS: Final = frozenset({"response.completed", "response.incomplete", FAILED})
PINGS: Final = frozenset({"ping", "keepalive"})
"""Events that only say that somebody is there. `keepalive` is what Codex's own provider sends."""

_FAMILY: Final = "response."  # how all other kinds begin
_OTHERS: Final = frozenset({"error", *PINGS})

PIECES: Final = tuple(
    f"event: response.{kind}\ndata: {{".encode()
    for kind in (
        "output_text.delta",
        "function_call_arguments.delta",
        "reasoning_summary_text.delta",
        "reasoning_text.delta",
        "custom_tool_call_input.delta",
        "refusal.delta",
        "image_generation_call.partial_image",
    )
)
"""How the events begin that come in great numbers or are large, the most frequent first."""


# How the codes of a failed response (the SDK's `ResponseError`) begin that are the request's own fault: to
# try another upstream would only repeat them.
_OWN_FAULT: Final = (
    "invalid_",
    "image_",
    "bio_policy",
    "misalignment_policy",
    "data_residency",
    "unsupported_image",
    "empty_image",
    "failed_to_download_image",
)


class _Response(msgspec.Struct, gc=False):
    usage: Any = None
    error: Any = None


class EventHead(msgspec.Struct, gc=False):
    """The members of an event that say what it is; of its response, what it counts and what is wrong."""

    type: Any = None
    object: Any = None
    error: Any = None
    response: _Response = msgspec.field(default_factory=_Response)


# Skips what is not named in the structs: a response with a picture of 10 MB takes 2 ms, not 6.
_decode_head = msgspec.json.Decoder(EventHead).decode


def are_pieces(block: bytes) -> bool:
    """Whether a block is pieces of the answer alone, each in two lines, a name and a JSON object.

    So nearly all blocks are; a no proves nothing. Copies nothing where there is one event: a partial image
    can have 20 MB.
    """
    # A lone CR is a line end too, behind which another `event:` could stand.
    if not block.startswith(PIECES) or b"\r" in block:
        return False
    # The second LF is the last but one byte: the block is a name, one line of data and a blank line.
    if block.find(b"\n", block.find(b"\n") + 1) + 2 == len(block):
        return True
    events = block.split(b"\n\n")  # an upstream that is faster than its reads: perhaps several such events
    events.pop()
    return block.count(b"\n") == 3 * len(events) and all(event.startswith(PIECES) for event in events)


def kind_of(event: SseEvent, fields: dict[str, Any]) -> str:
    """The event's type: its name, or, where that is none of this API's, what its data say (`type`).

    OpenAI's SDKs look at the data only, so some imitators leave the name out or call all events `message`.
    """
    kind = fields.get("type")
    return kind_named(event.event) or (kind if isinstance(kind, str) else "")


def kind_named(name: bytes) -> str:
    """The kind that an event's name says, empty if it is none of this API's names."""
    kind = name.decode("latin-1")
    return kind if kind.startswith(_FAMILY) or kind in _OTHERS else ""


def read_head(data: bytes) -> EventHead | None:
    """What an event is by its data; None where they are not a JSON object. Never raises."""
    try:
        return _decode_head(data)
    except NOT_JSON:
        fields = object_of(data)
    if fields is None:
        return None
    response = response_of(fields)
    return EventHead(
        type=fields.get("type"),
        object=fields.get("object"),
        error=fields.get("error"),
        response=_Response(response.get("usage"), response.get("error")),
    )


def object_of(data: bytes) -> dict[str, Any] | None:
    """The event's data, decoded; None if they are not a JSON object."""
    try:
        document = read_json(data)
    except NOT_JSON:
        return None
    return document if isinstance(document, dict) else None


def response_of(fields: dict[str, Any]) -> dict[str, Any]:
    """The whole response that the first and the last events hold; empty where it is missing."""
    response = fields.get("response")
    return response if isinstance(response, dict) else {}


def read_usage(value: Any) -> Usage | None:
    """A `usage` object; None where it counts nothing.

    `input_tokens` include cached ones, `output_tokens` include reasoning.
    """
    if not isinstance(value, dict):
        return None
    usage = Usage(
        input_tokens=_count(value, "input_tokens"),
        output_tokens=_count(value, "output_tokens"),
        total_tokens=_count(value, "total_tokens"),
        cached_tokens=_count(value.get("input_tokens_details"), "cached_tokens"),
        reasoning_tokens=_count(value.get("output_tokens_details"), "reasoning_tokens"),
    )
    return None if usage == Usage() else usage


def read_error(event: SseEvent, fields: dict[str, Any] | None) -> UpstreamReported | None:
    """The error that this event reports: `error`, `response.failed`, or another API's shape; else None.

    `fields`: its data, decoded; None if they are not a JSON object.
    """
    if kind_of(event, fields or {}) == FAILED:
        return failure_of(response_of(fields or {}))
    return read_frame_error(event, fields)


def failure_of(response: dict[str, Any]) -> UpstreamReported:
    """Why a response has failed, in the upstream's words where it has any."""
    error = response.get("error") or {"message": "the upstream's response failed without saying why"}
    reported = read_frame_error(SseEvent(b"", event=b"error"), {"error": error})
    assert reported is not None  # an event of that name always reports one
    if reported.status == 502 and (reported.code or "").startswith(_OWN_FAULT):
        reported.status = 400
    return reported


def _count(fields: Any, name: str) -> int | None:
    value = fields.get(name) if isinstance(fields, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
