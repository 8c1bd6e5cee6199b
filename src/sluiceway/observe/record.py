"""The record of one request: what happened, in numbers and names. Never a prompt, an answer or a key."""

from __future__ import annotations

import random

import msgspec

from sluiceway.dialects.base import Usage


def new_request_id() -> str:
    """A name for a request, unique for all practical purposes; not a secret."""
    return f"req_{random.getrandbits(96):024x}"


class Try(msgspec.Struct):
    """One attempt. `key`: which of the upstream's keys, from 0. `after_s`: since the request's arrival.
    `error_code`: why it failed, None for the one that answered or was not needed any more."""

    upstream: str
    key: int | None
    after_s: float
    status: int | None = None
    error_code: str | None = None


class Record(msgspec.Struct):
    """Filled in while a request passes the eight verbs; complete when it reaches the observers.

    Times are seconds on the loop's clock (`*_at`) until `finish()`; `started` is Unix time.
    """

    request_id: str
    started: float
    method: str
    path: str
    arrived_at: float
    client: str = ""
    key: str | None = None
    dialect: str | None = None
    model: str | None = None
    upstream: str | None = None  # that answered, or was the last to be asked
    attempts: list[Try] = msgspec.field(default_factory=list)  # every upstream that was asked, in order
    queued_s: float = 0.0  # spent waiting for room
    hedged: bool = False  # a second upstream was asked because the first was slow
    continued: int = 0  # how often a broken stream was taken up by another upstream
    upstream_model: str | None = None  # as that upstream calls it
    translated_to: str | None = None  # the dialect that the upstream was asked in, if not the client's
    dropped: tuple[str, ...] = ()  # paths of request fields that the translation left out
    upstream_status: int | None = None
    upstream_request_id: str | None = None
    stream: bool = False
    status: int = 0
    committed_by: str | None = None  # "event" | "silence" | "error" | "body"
    first_event_at: float | None = None
    finished_at: float = 0.0
    bytes_out: int = 0
    heartbeats: int = 0
    retries: int = 0
    error_code: str | None = None
    error_message: str | None = None
    client_left: bool = False
    usage: Usage | None = None
    cost: float | None = None  # in the currency of [[prices]]; None where no price is known

    @property
    def duration_s(self) -> float:
        """From the request's arrival to the end of its answer."""
        return self.finished_at - self.arrived_at

    @property
    def first_event_s(self) -> float | None:
        """From the request's arrival to the first real event (or body byte); None if none came."""
        return None if self.first_event_at is None else self.first_event_at - self.arrived_at

    def as_log(self) -> dict[str, object]:
        """The record as one flat log line; what did not happen is left out."""
        line: dict[str, object] = {
            name: value
            for name in self.__struct_fields__
            if not name.endswith("_at") and (value := getattr(self, name)) not in (None, "", False, (), [])
        }
        line.pop("queued_s", None)
        if self.upstream_model == self.model:
            line.pop("upstream_model", None)
        line.pop("attempts", None)
        if self.queued_s:
            line["queued_ms"] = round(self.queued_s * 1000, 3)
        if len(self.attempts) > 1:  # else the line says it all
            line["attempts"] = msgspec.to_builtins(self.attempts)
        line["duration_ms"] = round(self.duration_s * 1000, 3)
        if (first := self.first_event_s) is not None:
            line["first_event_ms"] = round(first * 1000, 3)
        if self.usage is not None:
            line["usage"] = msgspec.to_builtins(self.usage)
        return line
