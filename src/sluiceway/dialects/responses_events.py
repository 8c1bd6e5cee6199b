"""What follower, collector and plain answers read from the events of a response."""

from __future__ import annotations

from typing import Any, Final

from sluiceway.dialects.base import Usage
from sluiceway.dialects.json_text import NOT_JSON, read_json
from sluiceway.dialects.openai_errors import read_frame_error
from sluiceway.errors import UpstreamReported
from sluiceway.wire.sse import SseEvent

DONE: Final = b"[DONE]"
"""Chat's end marker, which some imitators send after the last event. It means nothing here."""

ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.failed"})
PINGS: Final = frozenset({"ping", "keepalive"})
"""Events that only say that somebody is there. `keepalive` is what Codex's own provider sends."""


def kind_of(event: SseEvent, fields: dict[str, Any]) -> str:
    """The event's type: its name, or, where an imitator leaves that out, what its data says."""
    if event.event:
        return event.event.decode("latin-1")
    kind = fields.get("type")
    return kind if isinstance(kind, str) else ""


def try_read(data: bytes) -> Any:
    """The event's data, decoded; None if it is not JSON."""
    try:
        return read_json(data)
    except NOT_JSON:
        return None


def response_of(fields: dict[str, Any]) -> dict[str, Any]:
    """The whole response that the first and the last events hold; empty where it is missing."""
    response = fields.get("response")
    return response if isinstance(response, dict) else {}


def read_usage(value: Any) -> Usage | None:
    """A `usage` object; None where it counts nothing. `input_tokens` include cached ones."""
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


def read_error(event: SseEvent, document: Any) -> UpstreamReported | None:
    """The error that this event reports: `error`, `response.failed`, or another API's shape; else None."""
    fields = document if isinstance(document, dict) else {}
    if kind_of(event, fields) == "response.failed":
        error = response_of(fields).get("error")
        return read_frame_error(event, {"error": error or {"message": "the upstream's response failed"}})
    return read_frame_error(event, document)


def _count(fields: Any, name: str) -> int | None:
    value = fields.get(name) if isinstance(fields, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
