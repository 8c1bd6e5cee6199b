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
    {status: name for name, status in _STATUS_OF.items()} | {408: "timeout_error", 503: "overloaded_error"}
)
_VAGUE: Final = ("invalid_request_error", "api_error")  # other APIs' names for almost anything

_NO_EVENT: Final = SseEvent(b"")


def error_json(error: GatewayError, request_id: str | None = None) -> bytes:
    """The error object as JSON: an HTTP error body, or, without `request_id`, the data of an in-band event.

    `code` and `param`, where the error has them, are members that Anthropic's own errors do not have. Its SDKs
    keep what they do not know in `body`, and programs need the gateway's code (design.md section 8).
    """
    inner = {"type": _type_of(error), "message": error.message}
    if error.code is not None:
        inner["code"] = error.code
    if error.param is not None:
        inner["param"] = error.param
    body: dict[str, Any] = {"type": "error", "error": inner}
    if request_id is not None:
        body["request_id"] = request_id
    return write_json(body)


def read_event_error(event: SseEvent, document: Any) -> UpstreamReported | None:
    """The error that an event of an upstream's stream reports; None if it reports none.

    `document`: the event's data, decoded, or None if it is not JSON. The status, which nothing in a stream
    has, is that of the error's type.
    """
    error = read_frame_error(event, document)
    if error is not None:
        error.status = _STATUS_OF.get(error.type, error.status)
    return error


def read_object_error(document: dict[str, Any]) -> UpstreamReported | None:
    """The error object under a 2xx status, or None if the document is none."""
    return read_event_error(_NO_EVENT, document)


def _type_of(error: GatewayError) -> str:
    """One of Anthropic's types: the error's own if it is one and says enough, else by its status."""
    if error.type in _STATUS_OF and error.type not in _VAGUE:
        return error.type
    if error.status in _TYPE_OF:
        return _TYPE_OF[error.status]
    return "invalid_request_error" if 400 <= error.status < 500 else "api_error"
