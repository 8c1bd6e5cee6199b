"""A record in the making: filled in while a request passes the eight verbs, finished once.

Times are seconds on the loop's clock (`*_at`), or durations (`*_s`).
"""

from __future__ import annotations

import random

import msgspec

from sluiceway.dialects.base import Usage
from sluiceway.errors import GatewayError, UpstreamReported
from sluiceway.observe.outcome import outcome_of
from sluiceway.observe.record import Record, Try
from sluiceway.relay.observe import Tape


def new_request_id() -> str:
    """A name for a request, unique for all practical purposes; not a secret."""
    return f"req_{random.getrandbits(96):024x}"


class TryDraft(msgspec.Struct):
    """See `record.Try`, which it becomes; `after_s` since the request's arrival, the others since it began."""

    upstream: str
    key: int | None
    after_s: float
    connect_s: float | None = None
    head_s: float | None = None
    first_event_s: float | None = None
    status: int | None = None
    error_code: str | None = None

    def finish(self) -> Try:
        """The value."""
        return Try(
            self.upstream,
            self.key,
            _ms(self.after_s),
            _ms_or_none(self.connect_s),
            _ms_or_none(self.head_s),
            _ms_or_none(self.first_event_s),
            self.status,
            self.error_code,
        )


class Draft(msgspec.Struct):
    """See `record.Record`, whose names these are."""

    request_id: str
    started: float
    method: str
    path: str
    arrived_at: float
    client: str = ""
    key: str | None = None
    dialect: str | None = None
    model: str | None = None
    upstream: str | None = None
    attempts: list[TryDraft] = msgspec.field(default_factory=list)
    queued_s: float = 0.0
    hedged: bool = False
    continued: int = 0
    upstream_model: str | None = None
    translated_to: str | None = None
    dropped: tuple[str, ...] = ()
    upstream_status: int | None = None
    upstream_request_id: str | None = None
    stream: bool = False
    status: int = 0
    committed_by: str | None = None
    first_event_at: float | None = None
    finished_at: float = 0.0
    bytes_in: int = 0
    bytes_out: int = 0
    heartbeats: int = 0
    retries: int = 0
    error_code: str | None = None
    error_message: str | None = None
    own_error: bool = True  # else the upstream reported it
    client_left: bool = False
    usage: Usage | None = None
    usage_estimated: bool = False
    cost: float | None = None
    traceparent: str | None = None
    answering: TryDraft | None = None  # of the attempts, the one that was heard last

    def failed(self, error: GatewayError) -> None:
        """Why the request failed."""
        self.error_code = error.code or error.type
        self.error_message = error.message
        self.own_error = not isinstance(error, UpstreamReported)

    def finish(self, tape: Tape, finish_reason: str | None = None) -> Record:
        """The value. `tape`: what was written to the client. `finish_reason`: as its last events tell it."""
        began, answering = self.arrived_at, self.answering
        return Record(
            request_id=self.request_id,
            started=self.started,
            method=self.method,
            path=self.path,
            outcome=outcome_of(
                self.error_code, asked=bool(self.attempts), client_left=self.client_left, own=self.own_error
            ),
            client=self.client,
            key=self.key,
            dialect=self.dialect,
            model=self.model,
            upstream=self.upstream,
            upstream_model=self.upstream_model,
            translated_to=self.translated_to,
            dropped=self.dropped,
            stream=self.stream,
            status=self.status,
            upstream_status=self.upstream_status,
            upstream_request_id=self.upstream_request_id,
            committed_by=self.committed_by,
            error_code=self.error_code,
            error_message=self.error_message,
            finish_reason=finish_reason,
            client_left=self.client_left,
            attempts=tuple([attempt.finish() for attempt in self.attempts]),
            retries=self.retries,
            hedged=self.hedged,
            continued=self.continued,
            queued_ms=_ms(self.queued_s),
            connect_ms=_ms_or_none(answering.connect_s) if answering is not None else None,
            head_ms=_sum(answering.after_s, answering.head_s) if answering is not None else None,
            first_event_ms=_since(began, self.first_event_at),
            first_content_ms=_since(began, tape.first_content_at),
            last_event_ms=_since(began, tape.last_at),
            duration_ms=_ms(self.finished_at - began),
            events=tape.events,
            largest_gap_ms=_ms(tape.gap) if tape.events > 1 else None,
            bytes_in=self.bytes_in,
            bytes_out=self.bytes_out,
            heartbeats=self.heartbeats,
            usage=self.usage,
            usage_estimated=self.usage_estimated,
            cost=self.cost,
            traceparent=self.traceparent,
        )


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)


def _ms_or_none(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)


def _since(began: float, at: float | None) -> float | None:
    return None if at is None else round((at - began) * 1000, 3)


def _sum(one: float, other: float | None) -> float | None:
    return None if other is None else _ms(one + other)
