"""The messages dialect: Anthropic's `/v1/messages`.

An answer ends with `message_stop`. Source: the Anthropic API reference and SDK types.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sluiceway.dialects.anthropic_errors import error_json, read_object_error
from sluiceway.dialects.base import Dialect, DialectRequest, HeartbeatForm, Usage
from sluiceway.dialects.json_answer import read_object
from sluiceway.dialects.json_request import changed_body, read_fields, read_model, read_stream
from sluiceway.dialects.json_text import NOT_JSON
from sluiceway.dialects.messages_collect import MessagesCollector
from sluiceway.dialects.messages_explode import explode
from sluiceway.dialects.messages_follow import MessagesFollower
from sluiceway.dialects.messages_usage import read_plain_answer, read_usage
from sluiceway.dialects.openai_errors import read_http_error
from sluiceway.errors import GatewayError, UpstreamReported

_HEARTBEATS: Final[Mapping[HeartbeatForm, bytes]] = MappingProxyType(
    {
        "ping": b'event: ping\ndata: {"type": "ping"}\n\n',
        "block": b": heartbeat\n\n",
        "line": b": heartbeat\n",
        "none": b"",
    }
)


class MessagesDialect:
    """See `base.Dialect`. Holds no state. Usage is always on the stream, so nothing is asked for or hidden."""

    __slots__ = ()
    name: str = "messages"
    default_heartbeat: HeartbeatForm = "ping"

    def read_request(self, body: bytes, content_type: bytes = b"") -> DialectRequest:
        """See `base.Dialect`."""
        fields = read_fields(body)
        return DialectRequest(body=body, fields=fields, model=read_model(fields), stream=read_stream(fields))

    def write_request(
        self, request: DialectRequest, *, model: str | None, force_stream: bool, ask_usage: bool
    ) -> bytes:
        """See `base.Dialect`."""
        return changed_body(request, model=model, force_stream=force_stream)

    def follow(self, request: DialectRequest, *, hide_usage: bool) -> MessagesFollower:
        """See `base.Dialect`."""
        return MessagesFollower()

    def collect(self, request: DialectRequest, *, max_bytes: int) -> MessagesCollector:
        """See `base.Dialect`."""
        return MessagesCollector(max_bytes=max_bytes)

    def explode(self, body: bytes, request: DialectRequest, *, include_usage: bool) -> bytes:
        """See `base.Dialect` and `messages_explode`."""
        return explode(body)

    def read_answer(self, body: bytes) -> Usage | None:
        """See `base.Dialect`. Everything but usage and error is skipped unread."""
        try:
            return read_plain_answer(body)  # what all but a few providers send
        except NOT_JSON:
            pass
        document = read_object(body)
        if (error := read_object_error(document)) is not None:
            raise error
        return read_usage(document.get("usage"))

    def read_error(self, status: int, body: bytes) -> UpstreamReported:
        """See `base.Dialect`."""
        return read_http_error(status, body)

    def error_body(self, error: GatewayError, request_id: str) -> bytes:
        """See `base.Dialect`."""
        return error_json(error, request_id)

    def heartbeat(self, form: HeartbeatForm) -> bytes:
        """See `base.Dialect`. Every client of the API knows its pings; comments are for those who want them."""
        return _HEARTBEATS[form]


MESSAGES: Dialect = MessagesDialect()
