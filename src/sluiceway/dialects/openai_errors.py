"""OpenAI's error object, which chat, responses and images share: `{"error": {message, type, param, code}}`.

Reading is liberal, since an error is mostly sent by something in front of the model: other providers'
shapes, frameworks' shapes, a proxy's HTML page, nothing at all. None of it may raise.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from sluiceway.dialects.json_text import NOT_JSON, read_json, write_json
from sluiceway.errors import GatewayError, UpstreamReported
from sluiceway.wire.sse import SseEvent

MESSAGE_MAX: Final = 500
"""Characters of an upstream's message that are passed on: enough for any sentence, not for a page."""

# Begin of an error's type or code, and the HTTP status it would have had. In-band errors have no status,
# and failover, records and a collected answer need one.
_STATUS_OF: Final = (
    ("rate_limit", 429),
    ("insufficient_quota", 429),
    ("authentication", 401),
    ("invalid_api_key", 401),
    ("permission", 403),
    ("not_found", 404),
    ("invalid_request", 400),
    ("context_length", 400),
    ("overloaded", 503),
    ("timeout", 504),
)


def error_json(error: GatewayError) -> bytes:
    """The error object as JSON: an HTTP error body, or the data of an in-band error event."""
    return write_json(
        {
            "error": {
                "message": error.message,
                "type": error.type,
                "param": error.param,
                "code": error.code,
            }
        }
    )


def read_http_error(status: int, body: bytes) -> UpstreamReported:
    """An upstream's HTTP error, whatever its body is. `status` is kept. Never raises."""
    try:
        document = read_json(body)
    except NOT_JSON:
        document = None
    if isinstance(document, list) and document:
        document = document[0]  # Gemini's OpenAI endpoint wraps its error object in a list
    if isinstance(document, dict):
        return _read_object(document, status)
    text = body.decode("utf-8", "replace").strip()
    if text.startswith("<"):  # a proxy's HTML page says no more than its status
        text = ""
    return UpstreamReported(_clip(text) or _answered(status), status=status)


def read_frame_error(event: SseEvent, document: Any) -> UpstreamReported | None:
    """The error that an event of an upstream's stream reports; None if it reports none.

    `document`: the event's data, decoded, or None if it is not JSON. Besides `{"error": …}`: events
    named `error`, and `{"object": "error", "message": …}`, as vLLM sent for long.
    """
    named = event.event == b"error"
    if isinstance(document, dict):
        says_so = document.get("error") or "error" in (document.get("object"), document.get("type"))
        return _read_object(document, None) if says_so or named else None
    if not named:
        return None
    text = _clip((event.data or b"").decode("utf-8", "replace"))
    return UpstreamReported(text or "the upstream reported an error without a message")


def read_object_error(document: dict[str, Any]) -> UpstreamReported | None:
    """The error object under a 2xx status, or None if the document is none."""
    if document.get("error") or document.get("object") == "error":
        return _read_object(document, None)
    return None


def _read_object(document: dict[str, Any], status: int | None) -> UpstreamReported:
    """OpenAI's and Anthropic's shape, `{"error": "text"}`, `{"message": …}`, FastAPI's `{"detail": …}`."""
    inner = document.get("error")
    source = inner if isinstance(inner, dict) else document
    code = _word(source.get("code"))
    type_ = _word(source.get("type"))
    if source is document and type_ == "error":
        type_ = None  # the name of the frame, not a kind of error
    if status is None:
        status = _in_band_status(source, document, type_ or "", code or "")
        nothing = "the upstream reported an error without a message"
    else:
        nothing = _answered(status)
    candidates = (
        source.get("message"),
        inner if isinstance(inner, str) else None,
        source.get("detail"),
        document.get("message"),
        document.get("detail"),
    )
    message = next((text for text in map(_text, candidates) if text), nothing)
    return UpstreamReported(message, status=status, type=type_, code=code, param=_word(source.get("param")))


def _in_band_status(source: dict[str, Any], document: dict[str, Any], type_: str, code: str) -> int:
    """OpenRouter puts the status into `code`, others into `status` or `status_code`; else by the words."""
    for value in (
        source.get("code"),
        source.get("status"),
        source.get("status_code"),
        document.get("status"),
    ):
        number = int(value) if isinstance(value, str) and value.isdecimal() and len(value) == 3 else value
        if isinstance(number, int) and 400 <= number <= 599:
            return number
    for begin, status in _STATUS_OF:
        if type_.startswith(begin) or code.startswith(begin):
            return status
    return 502


def _text(value: Any) -> str:
    """A message, or the first message in FastAPI's list of validation errors or in a nested object."""
    if isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, dict):
        value = value.get("message") or value.get("msg")
    return _clip(value) if isinstance(value, str) else ""


def _word(value: Any) -> str | None:
    if isinstance(value, str):
        return _clip(value) or None
    return _clip(str(value)) if isinstance(value, int) and not isinstance(value, bool) else None


def _clip(text: str) -> str:
    """One line of at most `MESSAGE_MAX` characters; cut before it is split, as a body can be large."""
    line = " ".join(text[: 4 * MESSAGE_MAX].split())
    return line if len(line) <= MESSAGE_MAX else line[: MESSAGE_MAX - 1] + "…"


def _answered(status: int) -> str:
    try:
        phrase = f" {HTTPStatus(status).phrase}"
    except ValueError:
        phrase = ""
    return f"the upstream answered {status}{phrase}"
