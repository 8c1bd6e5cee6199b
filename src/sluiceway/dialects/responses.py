"""The responses dialect: OpenAI's `/v1/responses`.

An answer ends with `response.completed`, `.incomplete` or `.failed`, or with `error`. Source: the OpenAI API
reference and SDK types.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from sluiceway.dialects.base import Dialect, DialectRequest, HeartbeatForm, Usage, comment_heartbeat
from sluiceway.dialects.json_answer import read_object, read_success
from sluiceway.dialects.json_request import changed_body, read_fields, read_model, read_stream
from sluiceway.dialects.json_text import NOT_JSON
from sluiceway.dialects.openai_errors import error_json, read_http_error
from sluiceway.dialects.responses_collect import ResponsesCollector
from sluiceway.dialects.responses_events import read_usage
from sluiceway.dialects.responses_explode import explode
from sluiceway.dialects.responses_follow import ResponsesFollower
from sluiceway.errors import GatewayError, UpstreamReported

# What Codex's own provider sends, and takes for a sign of life. It has no number, since it is no part of
# the response.
_KEEPALIVE = b'event: keepalive\ndata: {"type":"keepalive"}\n\n'


class _Answer(msgspec.Struct, gc=False):
    object: Literal["response"]
    usage: Any = None


# A response as nearly all write it; whatever else is in it, pictures for one, is skipped unread.
_read_answer = msgspec.json.Decoder(_Answer).decode


class ResponsesDialect:
    """See `base.Dialect`. Holds no state. Usage is always on the stream, so nothing is asked for or hidden."""

    __slots__ = ()
    name: str = "responses"
    default_heartbeat: HeartbeatForm = "block"

    def read_request(self, body: bytes, content_type: bytes = b"") -> DialectRequest:
        """See `base.Dialect`. A model is demanded even where the API takes it from a stored `prompt`, since it
        decides where the request goes."""
        fields = read_fields(body)
        return DialectRequest(body=body, fields=fields, model=read_model(fields), stream=read_stream(fields))

    def write_request(
        self, request: DialectRequest, *, model: str | None, force_stream: bool, ask_usage: bool
    ) -> bytes:
        """See `base.Dialect`. Usage comes unasked."""
        return changed_body(request, model=model, force_stream=force_stream)

    def follow(self, request: DialectRequest, *, hide_usage: bool) -> ResponsesFollower:
        """See `base.Dialect`."""
        return ResponsesFollower()

    def collect(self, request: DialectRequest, *, max_bytes: int) -> ResponsesCollector:
        """See `base.Dialect`."""
        return ResponsesCollector(max_bytes=max_bytes)

    def explode(self, body: bytes, request: DialectRequest, *, include_usage: bool) -> bytes:
        """See `base.Dialect` and `responses_explode`."""
        return explode(body)

    def read_answer(self, body: bytes) -> Usage | None:
        """See `base.Dialect`. A response whose status is `failed` is what OpenAI itself answers with 200:
        it is passed on, not raised."""
        try:
            return read_usage(_read_answer(body).usage)
        except NOT_JSON:
            document = read_object(body)
        if document.get("object") != "response":
            document = read_success(body)
        return read_usage(document.get("usage"))

    def read_error(self, status: int, body: bytes) -> UpstreamReported:
        """See `base.Dialect`."""
        return read_http_error(status, body)

    def error_body(self, error: GatewayError, request_id: str) -> bytes:
        """See `base.Dialect`: OpenAI's error object."""
        return error_json(error)

    def heartbeat(self, form: HeartbeatForm) -> bytes:
        """See `base.Dialect`. `ping` is an event that only some clients stand: see `policy.quirks`."""
        return _KEEPALIVE if form == "ping" else comment_heartbeat(form)


RESPONSES: Dialect = ResponsesDialect()
