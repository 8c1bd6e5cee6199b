"""Anthropic's error object: `{"type": "error", "error": {"type", "message"}, "request_id"}`.

Reading is as liberal as for OpenAI's shape, and shares it: what fails is often something in front of the
model. Source: the Anthropic API reference, "Errors", and the SDK's types.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final

from sluiceway.dialects.json_text import write_json
from sluiceway.dialects.openai_errors import read_frame_error
from sluiceway.errors import GatewayError, UpstreamReported
from sluiceway.wire.sse import SseEvent

# Anthropic's own names, and the status each has. 529 is its number for an overload.
_STATUS_OF: Final = MappingProxyType(
    {
        "invalid_request_error": 400,
        "authentication_error": 401,
        "billing_error": 402,
        "permission_error": 403,
        "not_found_error": 404,
        "request_too_large": 413,
        "rate_limit_error": 429,
        "api_error": 500,
        "timeout_error": 504,
        "overloaded_error": 529,
    }
)
_TYPE_OF: Final = MappingProxyType(
    {status: name for name, status in _STATUS_OF.items()} | {503: "overloaded_error", 408: "timeout_error"}
)


def error_object(error: GatewayError) -> dict[str, Any]:
    """The inner object. The type is one of Anthropic's, by the status where the error has another's.

    `code` and `param` are members that Anthropic's own errors do not have; its SDKs pass on what they do
    not know, and programs need the gateway's code (design.md section 8).
    """
    known = _STATUS_OF.get(error.type) == error.status or error.status not in _TYPE_OF
    kind = error.type if known and error.type in _STATUS_OF else _type_of(error.status)
    written: dict[str, Any] = {"type": kind, "message": error.message}
    if error.code is not None:
        written["code"] = error.code
    if error.param is not None:
        written["param"] = error.param
    return written


def error_json(error: GatewayError, request_id: str | None = None) -> bytes:
    """The whole object: an HTTP error body, or, without `request_id`, the data of an in-band event."""
    body: dict[str, Any] = {"type": "error", "error": error_object(error)}
    if request_id is not None:
        body["request_id"] = request_id
    return write_json(body)


def read_event_error(event: SseEvent, document: Any) -> UpstreamReported | None:
    """The error that an event of an upstream's stream reports; None if it reports none.

    `document`: the event's data, decoded, or None if it is not JSON.
    """
    error = read_frame_error(event, document)
    if error is not None:
        error.status = _STATUS_OF.get(error.type, error.status)
    return error


def _type_of(status: int) -> str:
    if status in _TYPE_OF:
        return _TYPE_OF[status]
    return "invalid_request_error" if 400 <= status < 500 else "api_error"
