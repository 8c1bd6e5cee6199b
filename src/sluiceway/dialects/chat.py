"""The chat dialect: OpenAI's `/v1/chat/completions`, as OpenAI and the many who imitate it speak it.

An answer ends with `data: [DONE]`, or with the body if every choice has its finish reason. Source: the
OpenAI API reference and SDK types; where others deviate, the comment at the deviation names them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from sluiceway.dialects.base import Dialect, DialectRequest, HeartbeatForm, Usage
from sluiceway.dialects.chat_chunk import read_plain_answer, read_usage
from sluiceway.dialects.chat_collect import ChatCollector
from sluiceway.dialects.chat_explode import explode
from sluiceway.dialects.chat_follow import ChatFollower
from sluiceway.dialects.json_text import NOT_JSON, read_json
from sluiceway.dialects.openai_errors import error_json, read_http_error, read_object_error
from sluiceway.errors import GatewayError, InvalidRequest, UpstreamInvalid, UpstreamReported

_Fields = dict[str, msgspec.Raw]
_T = TypeVar("_T")


_TRUE = msgspec.Raw(b"true")
_read_fields = msgspec.json.Decoder(_Fields).decode
_read_model = msgspec.json.Decoder(str).decode
_read_stream = msgspec.json.Decoder(bool | None).decode
_read_options = msgspec.json.Decoder(_Fields | None).decode


class ChatDialect:
    """See `base.Dialect`. Holds no state."""

    __slots__ = ()
    name: str = "chat"
    default_heartbeat: HeartbeatForm = "block"

    def read_request(self, body: bytes) -> DialectRequest:
        """See `base.Dialect`. A member that comes twice counts as it came last."""
        try:
            fields = _read_fields(body)
        except msgspec.ValidationError:
            raise InvalidRequest("the request body must be a JSON object") from None
        except RecursionError:
            raise InvalidRequest("the request body is nested too deeply") from None
        except UnicodeDecodeError:
            raise InvalidRequest("the request body is not valid JSON: it is not UTF-8") from None
        except msgspec.DecodeError as error:
            reason = str(error).removeprefix("JSON is malformed: ")
            raise InvalidRequest(f"the request body is not valid JSON: {reason}") from None
        model = _read(fields, "model", _read_model, "a string")
        if not model:
            raise InvalidRequest("the request names no model", param="model")
        options = _read(fields, "stream_options", _read_options, "an object")
        return DialectRequest(
            body=body,
            fields=fields,
            model=model,
            stream=bool(_read(fields, "stream", _read_stream, "true or false")),
            wants_usage=options is not None and bytes(options.get("include_usage", b"")) == b"true",
        )

    def write_request(
        self, request: DialectRequest, *, model: str | None, force_stream: bool, ask_usage: bool
    ) -> bytes:
        """See `base.Dialect`. Usage is asked for with `stream_options.include_usage`, other options stay."""
        changed: _Fields = {}
        if model is not None and model != request.model:
            changed["model"] = msgspec.Raw(msgspec.json.encode(model))
        if force_stream and not request.stream:
            changed["stream"] = _TRUE
        if ask_usage and not request.wants_usage and (request.stream or force_stream):
            asked = _read(request.fields, "stream_options", _read_options, "an object")
            options = (asked or {}) | {"include_usage": _TRUE}
            changed["stream_options"] = msgspec.Raw(msgspec.json.encode(options))
        return msgspec.json.encode(request.fields | changed) if changed else request.body

    def follow(self, *, hide_usage: bool) -> ChatFollower:
        """See `base.Dialect`."""
        return ChatFollower(hide_usage=hide_usage)

    def collect(self, *, max_bytes: int) -> ChatCollector:
        """See `base.Dialect`."""
        return ChatCollector(max_bytes=max_bytes)

    def explode(self, body: bytes, *, include_usage: bool) -> bytes:
        """See `base.Dialect` and `chat_explode`."""
        return explode(body, include_usage=include_usage)

    def read_answer(self, body: bytes) -> Usage | None:
        """See `base.Dialect`. Everything but usage and error is skipped unread: an answer can hold audio."""
        try:
            return read_plain_answer(body)  # what all but a few providers send
        except NOT_JSON:
            pass
        try:
            document = read_json(body)
        except NOT_JSON:
            raise UpstreamInvalid("the upstream's answer is not valid JSON") from None
        if not isinstance(document, dict):
            raise UpstreamInvalid("the upstream's answer is not a JSON object")
        if (error := read_object_error(document)) is not None:
            raise error
        return read_usage(document.get("usage"))

    def read_error(self, status: int, body: bytes) -> UpstreamReported:
        """See `base.Dialect`."""
        return read_http_error(status, body)

    def error_body(self, error: GatewayError, request_id: str) -> bytes:
        """See `base.Dialect`. OpenAI's error object has no place for the request's id but its header."""
        return error_json(error)

    def heartbeat(self, form: HeartbeatForm) -> bytes:
        """See `base.Dialect`. There is no ping in this dialect: a comment stands in."""
        if form == "none":
            return b""
        return b": heartbeat\n" if form == "line" else b": heartbeat\n\n"


CHAT: Dialect = ChatDialect()


def _read(fields: _Fields, name: str, decode: Callable[[msgspec.Raw], _T], expected: str) -> _T | None:
    """One member of the request, decoded; None where it is missing. Raises `InvalidRequest`."""
    if name not in fields:
        return None
    try:
        return decode(fields[name])
    except NOT_JSON:
        raise InvalidRequest(f"{name} must be {expected}", param=name) from None
