"""A record in the making: filled in while a request passes the eight verbs, finished once.

Times are seconds on the loop's clock (`*_at`), or durations (`*_s`).
"""

from __future__ import annotations

import random
import time

import msgspec

from sluiceway.dialects.base import Usage
from sluiceway.errors import GatewayError, UpstreamReported, code_of
from sluiceway.observe.outcome import outcome_of
from sluiceway.observe.record import Record, Try
from sluiceway.relay.observe import Tape

# Clients choose paths and models, upstreams what they say of an error; either may be as long as a body may be.
# A database keeps no more of them, so that a line of the log need not either.
MAX_NAME_CHARS = 256
MAX_TEXT_CHARS = 4096


def name_of(text: str) -> str:
    """The text as a record has it, where it is a name."""
    return text if len(text) <= MAX_NAME_CHARS else text[: MAX_NAME_CHARS - 1] + "…"


def text_of(text: str) -> str:
    """… and where it is more than a name."""
    return text if len(text) <= MAX_TEXT_CHARS else text[: MAX_TEXT_CHARS - 1] + "…"


def new_request_id() -> str:
    """A name for a request, unique for all practical purposes; not a secret.

    Begins with the millisecond, as UUIDs of version 7 do (RFC 9562 section 5.7), for the same reason: a row that is
    named so goes to the end of a database's index. Somewhere within it, it costs twice as much, and more the more
    there are.
    """
    return f"req_{time.time_ns() // 1_000_000 << 52 | random.getrandbits(52):024x}"


class TryDraft(msgspec.Struct):
    """See `record.Try`, which it becomes; `after_s` since the request's arrival, the others since it began."""

    upstream: str
    key: int | None
    after_s: float
    connect_s: float | None = None
    head_s: float | None = None
    first_event_s: float | None = None
    over_s: float | None = None
    status: int | None = None
    error_code: str | None = None
    upstream_model: str | None = None  # these three for the record, if this is the one that answers
    translated_to: str | None = None
    dropped: tuple[str, ...] = ()

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
            _ms_or_none(self.over_s),
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
    received_s: float = 0.0  # until it had come, as far as it is held
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
    answering: TryDraft | None = None  # the attempt that answers, or is the last to have been asked

    @property
    def received_at(self) -> float:
        """The zero of all clocks: how long a client takes to send its request says nothing about any upstream."""
        return self.arrived_at + self.received_s

    def failed(self, error: GatewayError) -> None:
        """Why the request failed."""
        self.error_code = name_of(code_of(error, self.upstream_status))
        self.error_message = text_of(error.message)
        self.own_error = not isinstance(error, UpstreamReported)

    def finish(self, tape: Tape, finish_reason: str | None = None) -> Record:
        """The value. `tape`: what was written to the client. `finish_reason`: as its last events tell it."""
        began, answering = self.arrived_at, self.answering
        # By position, which takes a tenth of the time that so many names take: a test compares the orders.
        return Record(
            self.request_id,
            self.started,
            self.method,
            self.path,
            outcome_of(
                self.error_code, asked=bool(self.attempts), client_left=self.client_left, own=self.own_error
            ),
            self.client,
            self.key,
            self.dialect,
            self.model,
            self.upstream,
            self.upstream_model,
            self.translated_to,
            self.dropped,
            self.stream,
            self.status,
            self.upstream_status,
            self.upstream_request_id,
            self.committed_by,
            self.error_code,
            self.error_message,
            finish_reason,
            self.client_left,
            tuple([attempt.finish() for attempt in self.attempts]),
            self.retries,
            self.hedged,
            self.continued,
            _ms(self.queued_s),
            _ms_or_none(answering.connect_s) if answering is not None else None,
            _sum(answering.after_s, answering.head_s) if answering is not None else None,
            _since(began, self.first_event_at),
            _since(began, tape.first_content_at),
            _since(began, tape.last_at),
            _ms(self.finished_at - began),
            tape.events,
            _ms(tape.gap) if tape.events > 1 else None,
            self.bytes_in,
            self.bytes_out,
            self.heartbeats,
            self.usage,
            self.usage_estimated,
            self.cost,
            self.traceparent,
        )


def _ms(seconds: float) -> float:
    return int(seconds * 1e6 + 0.5) / 1000  # to the microsecond; `round` takes twice as long


def _ms_or_none(seconds: float | None) -> float | None:
    return None if seconds is None else int(seconds * 1e6 + 0.5) / 1000


def _since(began: float, at: float | None) -> float | None:
    return None if at is None else int((at - began) * 1e6 + 0.5) / 1000


def _sum(one: float, other: float | None) -> float | None:
    return None if other is None else _ms(one + other)
