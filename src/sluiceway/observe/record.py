"""The record of one request: what happened, in numbers and names. Never a prompt, an answer or a key.

One frozen value, made when the request is over, whatever became of it (`draft.Draft.finish`). Times are
milliseconds; `*_ms` that are moments count from the request's arrival.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from sluiceway.dialects.base import Usage

Outcome = Literal[
    "ok",  # the answer is whole
    "client_gone",  # the client left before its end
    "truncated",  # the upstream stopped in mid-answer
    "upstream_error",  # the upstream said what is wrong, by status or within its answer
    "timeout",  # one of the clocks ran out
    "unreachable",  # no connection to an upstream
    "invalid",  # the upstream broke HTTP, SSE, JSON, its API or a limit on sizes
    "refused",  # by the gateway: the request, its key, or what the key may
    "overloaded",  # no room, or not in time
    "draining",  # the gateway shut down
    "cancelled",  # an administrator ended it
    "failed",  # a defect in the gateway
]


class Try(msgspec.Struct, frozen=True):
    """One attempt. `key`: which of the upstream's keys, from 0. `after_ms`: when it began. `connect_ms`: how long
    connecting took, None on a kept connection. `head_ms`, `first_event_ms`, `over_ms`: since it began. `error_code`:
    why it failed, None for the one that answered or was not needed any more."""

    upstream: str
    key: int | None
    after_ms: float
    connect_ms: float | None = None
    head_ms: float | None = None
    first_event_ms: float | None = None
    status: int | None = None
    error_code: str | None = None
    over_ms: float | None = None


class Record(msgspec.Struct, frozen=True):
    """See the module. None means that it did not happen, or was not said."""

    request_id: str
    started: float  # Unix seconds
    method: str
    path: str
    outcome: Outcome
    client: str = ""  # its address
    key: str | None = None  # by name
    dialect: str | None = None
    model: str | None = None  # as the client calls it
    upstream: str | None = None  # that answered, or was the last to be asked
    upstream_model: str | None = None  # as that upstream calls it
    translated_to: str | None = None  # the dialect that the upstream was asked in, if not the client's
    dropped: tuple[str, ...] = ()  # paths of request fields that the translation left out
    stream: bool = False  # the client asked for one
    status: int = 0  # of the response; 499 where the client left before it had one
    upstream_status: int | None = None
    upstream_request_id: str | None = None
    committed_by: str | None = None  # "event" | "silence" | "error" | "body"
    error_code: str | None = None
    error_message: str | None = None
    finish_reason: str | None = None  # in the words of the client's API
    client_left: bool = False
    attempts: tuple[Try, ...] = ()  # every upstream that was asked, in order
    retries: int = 0  # on a fresh connection, since the kept one was dead
    hedged: bool = False  # a second upstream was asked because the first was slow
    continued: int = 0  # how often a broken stream was taken up by another upstream
    queued_ms: float = 0.0  # spent waiting for room
    connect_ms: float | None = None  # these two of the attempt that answered, or was the last
    head_ms: float | None = None
    first_event_ms: float | None = None  # the first real event, or body byte
    first_content_ms: float | None = None  # the first event with a piece of the answer in it; streams only
    last_event_ms: float | None = None
    duration_ms: float = 0.0
    events: int = 0  # written to the client; 0 where it gets JSON
    largest_gap_ms: float | None = None  # between two events
    bytes_in: int = 0  # of the request's body
    bytes_out: int = 0
    heartbeats: int = 0
    usage: Usage | None = None  # as the upstream counted
    usage_estimated: bool = False  # … or not: see store.estimate_tokens
    cost: float | None = None  # in the currency of [[prices]]; None where no price is known
    traceparent: str | None = None  # W3C trace context of the gateway's own span, where it is traced

    def as_log(self) -> dict[str, object]:
        """The record as one flat log line; what did not happen is left out."""
        line: dict[str, object] = {}
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if value or (value is not None and name.endswith("_ms")):
                line[name] = value
        if not self.queued_ms:
            del line["queued_ms"]
        if self.upstream_model == self.model:
            line.pop("upstream_model", None)
        if len(self.attempts) > 1:  # else the line says it all
            line["attempts"] = msgspec.to_builtins(self.attempts)
        else:
            line.pop("attempts", None)
        if self.usage is not None:
            line["usage"] = msgspec.to_builtins(self.usage)
        return line
