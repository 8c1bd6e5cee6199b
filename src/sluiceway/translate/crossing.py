"""A crossing between two dialects: what the upstream says in its own, the client hears in its own.

Built from what there is already. The upstream's dialect judges its stream (ends, errors, usage), the two
translators carry its meaning over, and the client's dialect writes errors and, from whole answers,
streams.
"""

from __future__ import annotations

from typing import Any

import msgspec

from sluiceway.dialects.base import Collector, Dialect, DialectRequest, Follower, Usage
from sluiceway.dialects.json_text import NOT_JSON, read_json, write_json
from sluiceway.errors import GatewayError, InvalidRequest, UpstreamInvalid, UpstreamReported
from sluiceway.translate.neutral import Delta, StreamReader, StreamWriter, Translator
from sluiceway.wire.sse import parse_events


class Side(msgspec.Struct, frozen=True):
    """One API: what it looks like, and what it means."""

    dialect: Dialect
    translator: Translator


class Translated(msgspec.Struct, frozen=True):
    """A request as its upstream gets it. `dropped`: paths of the client's fields that were left out."""

    body: bytes
    crossing: Translation
    dropped: tuple[str, ...]


def translate(
    request: DialectRequest,
    *,
    client: Side,
    upstream: Side,
    model: str | None,
    force_stream: bool,
    ask_usage: bool,
    drop_lost: bool,
    max_bytes: int,
) -> Translated:
    """The client's request in the upstream's dialect, and the way back for its answer.

    `model`: the upstream's name for it, None to leave it. `ask_usage`: ask for usage on a stream, where that
    has to be asked for. `drop_lost`: leave out what can't be carried
    over instead of refusing it. Raises `InvalidRequest` that names the field at fault.
    """
    try:
        fields = read_json(request.body)
    except NOT_JSON:
        raise InvalidRequest("the request body is not valid JSON") from None
    conversation = client.translator.read_request(fields)
    if conversation.lost and not drop_lost:
        path = conversation.lost[0]
        name = upstream.dialect.name
        raise InvalidRequest(f"{path} can't be carried over to an upstream of the {name} API", param=path)
    include_usage = conversation.include_usage
    asked = msgspec.structs.replace(
        conversation,
        model=model or conversation.model,
        stream=conversation.stream or force_stream,
        include_usage=ask_usage,
    )
    try:
        body = write_json(upstream.translator.write_request(asked))
    except NOT_JSON:
        raise InvalidRequest("the request body is nested too deeply") from None
    sent = DialectRequest(body=body, fields={}, model=asked.model, stream=asked.stream)
    crossing = Translation(request, sent, client, upstream, include_usage=include_usage, max_bytes=max_bytes)
    return Translated(body, crossing, conversation.dropped + conversation.lost)


class Translation:
    """See `crossing.Crossing`. `received` is the client's request, `sent` the upstream's."""

    __slots__ = ("_client", "_include_usage", "_max_bytes", "_received", "_sent", "_upstream")
    passes_unread = False
    passes_errors = False

    def __init__(
        self,
        received: DialectRequest,
        sent: DialectRequest,
        client: Side,
        upstream: Side,
        *,
        include_usage: bool,
        max_bytes: int,
    ) -> None:
        self._received = received
        self._sent = sent
        self._client = client
        self._upstream = upstream
        self._include_usage = include_usage
        self._max_bytes = max_bytes

    def follow(self) -> Follower:
        """See `Crossing`."""
        return _TranslatedFollower(
            self._upstream.dialect.follow(self._sent, hide_usage=False),
            self._upstream.translator.read_stream(),
            self._client.translator.write_stream(include_usage=self._include_usage),
        )

    def collect(self) -> Collector:
        """See `Crossing`."""
        return _TranslatedCollector(
            self._upstream.dialect.collect(self._sent, max_bytes=self._max_bytes), self
        )

    def explode(self, body: bytes) -> tuple[bytes, Usage | None]:
        """See `Crossing`."""
        answer, usage = self.read_answer(body)
        dialect = self._client.dialect
        return dialect.explode(answer, self._received, include_usage=self._include_usage), usage

    def read_answer(self, body: bytes) -> tuple[bytes, Usage | None]:
        """See `Crossing`."""
        usage = self._upstream.dialect.read_answer(body)
        return self.carry_over(body), usage

    def carry_over(self, body: bytes) -> bytes:
        """A JSON answer of the upstream as the client's. Raises `UpstreamInvalid`."""
        try:
            document: Any = read_json(body)
            if not isinstance(document, dict):
                raise UpstreamInvalid("the upstream's answer is not a JSON object")
            answer = self._upstream.translator.read_answer(document)
            return write_json(self._client.translator.write_answer(answer))
        except NOT_JSON:
            raise UpstreamInvalid("the upstream's answer is not JSON that can be translated") from None

    def read_error(self, status: int, body: bytes) -> UpstreamReported:
        """See `Crossing`."""
        return self._upstream.dialect.read_error(status, body)


class _TranslatedFollower:
    """See `base.Follower`."""

    __slots__ = ("_read", "_told", "_upstream", "_write", "progressed")

    def __init__(self, upstream: Follower, read: StreamReader, write: StreamWriter) -> None:
        self._upstream = upstream
        self._read = read
        self._write = write
        self._told = False
        self.progressed = False  # of the last block: an event need not mean anything to the client

    @property
    def ended(self) -> bool:
        return self._upstream.ended or self._told

    @property
    def error(self) -> UpstreamReported | None:
        return self._upstream.error

    @property
    def usage(self) -> Usage | None:
        return self._upstream.usage

    def feed(self, block: bytes) -> bytes:
        judged = self._upstream.feed(block)
        self.progressed = bool(judged)
        if self._told or not judged:
            return b""
        said = b"".join(self._say(self._read.feed(event)) for event in parse_events(judged))
        error = self._upstream.error
        if error is not None:
            self._told = True
            said += self._write.error_event(error)
        return said

    def complete(self) -> bool:
        return self._upstream.complete()

    def rest(self) -> bytes:
        return self._say(self._read.finish())

    def error_event(self, error: GatewayError) -> bytes:
        return self._write.error_event(error)

    def _say(self, deltas: list[Delta]) -> bytes:
        return b"".join(map(self._write.feed, deltas))


class _TranslatedCollector:
    """See `base.Collector`."""

    __slots__ = ("_translation", "_upstream")

    def __init__(self, upstream: Collector, translation: Translation) -> None:
        self._upstream = upstream
        self._translation = translation

    @property
    def ended(self) -> bool:
        return self._upstream.ended

    @property
    def usage(self) -> Usage | None:
        return self._upstream.usage

    def feed(self, block: bytes) -> bool:
        return self._upstream.feed(block)

    def result(self) -> bytes:
        return self._translation.carry_over(self._upstream.result())
