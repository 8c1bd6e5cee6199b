"""The chat dialect: OpenAI's `/v1/chat/completions`, as OpenAI and the many who imitate it speak it.

An answer ends with `data: [DONE]`, or with the body if every choice has its finish reason. Source: the
OpenAI API reference and SDK types; where others deviate, the comment at the deviation names them.
"""

from __future__ import annotations

import msgspec

from sluiceway.dialects.base import Dialect, DialectRequest, HeartbeatForm, Usage, comment_heartbeat
from sluiceway.dialects.chat_chunk import read_plain_answer, read_usage
from sluiceway.dialects.chat_collect import ChatCollector
from sluiceway.dialects.chat_explode import explode
from sluiceway.dialects.chat_follow import ChatFollower
from sluiceway.dialects.json_answer import read_success
from sluiceway.dialects.json_request import (
    TRUE,
    Fields,
    changed_body,
    read_fields,
    read_member,
    read_model,
    read_stream,
)
from sluiceway.dialects.json_text import NOT_JSON
from sluiceway.dialects.openai_errors import error_json, read_http_error
from sluiceway.errors import GatewayError, UpstreamReported

_read_options = msgspec.json.Decoder(Fields | None).decode


class ChatDialect:
    """See `base.Dialect`. Holds no state."""

    __slots__ = ()
    name: str = "chat"
    default_heartbeat: HeartbeatForm = "block"

    def read_request(self, body: bytes, content_type: bytes = b"") -> DialectRequest:
        """See `base.Dialect`."""
        fields = read_fields(body)
        model = read_model(fields)
        options = read_member(fields, "stream_options", _read_options, "an object")
        return DialectRequest(
            body=body,
            fields=fields,
            model=model,
            stream=read_stream(fields),
            wants_usage=options is not None and bytes(options.get("include_usage", b"")) == b"true",
        )

    def write_request(
        self, request: DialectRequest, *, model: str | None, force_stream: bool, ask_usage: bool
    ) -> bytes:
        """See `base.Dialect`. Usage is asked for with `stream_options.include_usage`, other options stay."""
        changed: Fields = {}
        if ask_usage and not request.wants_usage and (request.stream or force_stream):
            asked = read_member(request.fields, "stream_options", _read_options, "an object")
            options = (asked or {}) | {"include_usage": TRUE}
            changed["stream_options"] = msgspec.Raw(msgspec.json.encode(options))
        return changed_body(request, model=model, force_stream=force_stream, changed=changed)

    def follow(self, request: DialectRequest, *, hide_usage: bool) -> ChatFollower:
        """See `base.Dialect`."""
        return ChatFollower(hide_usage=hide_usage)

    def collect(self, request: DialectRequest, *, max_bytes: int) -> ChatCollector:
        """See `base.Dialect`."""
        return ChatCollector(max_bytes=max_bytes)

    def explode(self, body: bytes, request: DialectRequest, *, include_usage: bool) -> bytes:
        """See `base.Dialect` and `chat_explode`."""
        return explode(body, include_usage=include_usage)

    def read_answer(self, body: bytes) -> Usage | None:
        """See `base.Dialect`. Everything but usage and error is skipped unread: an answer can hold audio."""
        try:
            return read_plain_answer(body)  # what all but a few providers send
        except NOT_JSON:
            pass
        return read_usage(read_success(body).get("usage"))

    def read_error(self, status: int, body: bytes) -> UpstreamReported:
        """See `base.Dialect`."""
        return read_http_error(status, body)

    def error_body(self, error: GatewayError, request_id: str) -> bytes:
        """See `base.Dialect`. OpenAI's error object has no place for the request's id but its header."""
        return error_json(error)

    def heartbeat(self, form: HeartbeatForm) -> bytes:
        """See `base.Dialect`. There is no ping in this dialect: a comment stands in."""
        return comment_heartbeat(form)


CHAT: Dialect = ChatDialect()
