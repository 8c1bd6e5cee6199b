"""One request's timeline, made when somebody looks: from its draft or record, and what its tape still holds.

Pure. Times are milliseconds since the request's arrival, unless a name says otherwise.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from sluiceway.dialects.glance import CUT, EventKind, kinds
from sluiceway.observe.draft import Draft
from sluiceway.observe.record import Outcome, Record, Try
from sluiceway.relay.observe import Mark, Tape
from sluiceway.wire.sse import parse_events

# How many events are told at once, about: their kinds are found out in the loop, at some microseconds each.
MAX_EVENTS: Final = 1000


class Watched(msgspec.Struct):
    """A request that is watched, or was. `request`: its draft while it runs, then its record. `arrived_at`: on the
    loop's clock. `began`, `changed`: when, in the inspector's own time. `length`: entries that the tape has room for.
    `version`: grows with each change. `ended`: as which one, from 1. `weight`: bytes of memory, about, since then."""

    request: Draft | Record
    tape: Tape
    dialect: str | None
    arrived_at: float
    began: int
    length: int
    changed: int = 0
    ended: int = 0
    version: int = 0
    weight: int = 0


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """A request in a line; see `record.Record`. While it runs (`outcome` is None), numbers are those so far."""

    request_id: str
    started: float  # Unix seconds
    path: str
    stream: bool
    client: str
    key: str | None
    dialect: str | None
    model: str | None
    upstream: str | None
    upstream_model: str | None
    attempts: int
    outcome: Outcome | None
    error_code: str | None
    finish_reason: str | None
    status: int  # 0: none was sent yet
    events: int
    heartbeats: int
    bytes_out: int | None  # None while it runs
    first_event_ms: float | None
    first_content_ms: float | None
    last_event_ms: float | None
    largest_gap_ms: float | None
    duration_ms: float | None
    paused: bool  # the client does not keep up, now or when it left


class Phases(msgspec.Struct, frozen=True, kw_only=True):
    """When each began to be over; see `record.Record`. `committed_ms`: the status line left."""

    queued_ms: float
    connect_ms: float | None
    head_ms: float | None
    committed_ms: float | None
    committed_by: str | None
    first_event_ms: float | None
    first_content_ms: float | None
    last_event_ms: float | None
    duration_ms: float | None


class Moment(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something besides events; see `relay.observe.Mark`. `lasted_ms`: of a `pause` that is over, and of its
    `resume`."""

    ms: float
    kind: str
    detail: str = ""
    lasted_ms: float | None = None


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """One event, or one piece of a body that is no event stream. `number`: from 0, among all of its request.
    `size`: bytes; None where it can't be told. `gap_ms`: the silence before it; None before the first, and where
    what came before is forgotten. `together`: how many were written at once with it, itself included. `count`: how
    many it stands for, if their bytes are forgotten (kind `unread`)."""

    number: int
    ms: float
    kind: EventKind
    size: int | None
    gap_ms: float | None = None
    together: int = 1
    count: int = 1
    content: str | None = None  # where the operator allows it; "…" stands for the middle of what is long


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """What happened in a request, or happened since a cursor.

    phases: see `Phases`. missed: events since the cursor that are forgotten. lost_marks: marks of this request that
    were never kept. more: there are further events already. next: the cursor to go on from.
    """

    summary: Summary
    phases: Phases
    attempts: tuple[Try, ...]
    marks: list[Moment]
    events: list[Event]
    missed: int
    lost_marks: int
    more: bool
    next: str


class Cursor(NamedTuple):
    """How many events, and how many marks, a reader has had."""

    events: int = 0
    marks: int = 0

    @classmethod
    def read(cls, text: str) -> Cursor:
        """From the text that `write` made; the beginning, if it is none such. Never raises."""
        events, _, marks = text.partition(".")
        if len(text) <= 40 and text.isascii() and events.isdigit() and marks.isdigit():
            return cls(int(events), int(marks))
        return cls()

    def write(self) -> str:
        """The text."""
        return f"{self.events}.{self.marks}"


_BEGINNING: Final = Cursor()


def summary_of(watched: Watched) -> Summary:
    """Some three microseconds: fit for a list of them."""
    request, tape, arrived_at = watched.request, watched.tape, watched.arrived_at
    record = request if isinstance(request, Record) else None
    return Summary(
        request_id=request.request_id,
        started=request.started,
        path=request.path,
        stream=request.stream,
        client=request.client,
        key=request.key,
        dialect=request.dialect,
        model=request.model,
        upstream=request.upstream,
        upstream_model=request.upstream_model,
        attempts=len(request.attempts),
        outcome=record.outcome if record is not None else None,
        error_code=request.error_code,
        finish_reason=record.finish_reason if record is not None else None,
        status=request.status,
        events=tape.events,
        heartbeats=request.heartbeats,
        bytes_out=record.bytes_out if record is not None else None,
        first_event_ms=first_event_ms_of(watched),
        first_content_ms=ms_since(arrived_at, tape.first_content_at),
        last_event_ms=ms_since(arrived_at, tape.last_at),
        largest_gap_ms=_ms(tape.gap) if tape.events > 1 else None,
        duration_ms=record.duration_ms if record is not None else None,
        paused=is_paused(tape),
    )


def is_paused(tape: Tape) -> bool:
    """Whether the client does not keep up, now or when it was over."""
    return next((m.kind == "pause" for m in reversed(tape.marks) if m.kind in ("pause", "resume")), False)


def first_event_ms_of(watched: Watched) -> float | None:
    """When the first event came, or the first byte of a body."""
    request = watched.request
    if isinstance(request, Record):
        return request.first_event_ms
    return ms_since(watched.arrived_at, request.first_event_at)


def ms_since(arrived_at: float, at: float | None) -> float | None:
    """A moment on the loop's clock in milliseconds after the arrival; None if it did not come."""
    return None if at is None else _ms(at - arrived_at)


def timeline_of(watched: Watched, since: Cursor = _BEGINNING, *, show_content: bool = False) -> Timeline:
    """What a reader that has had `since` has not. A cursor that is ahead of the request is none of its cursors, and
    counts as the beginning."""
    tape = watched.tape
    written = tape.events + tape.pieces  # one of them is 0
    if since.events > written or since.marks > len(tape.marks):
        since = _BEGINNING
    events, missed, reached = _events(watched, since.events, written, show_content=show_content)
    request = watched.request
    over = isinstance(request, Record)
    record = request.finish(tape) if isinstance(request, Draft) else request
    commit_at = next((mark.at for mark in tape.marks if mark.kind == "commit"), None)
    return Timeline(
        summary=summary_of(watched),
        phases=Phases(
            queued_ms=record.queued_ms,
            connect_ms=record.connect_ms,
            head_ms=record.head_ms,
            committed_ms=ms_since(watched.arrived_at, commit_at),
            committed_by=record.committed_by,
            first_event_ms=record.first_event_ms,
            first_content_ms=record.first_content_ms,
            last_event_ms=record.last_event_ms,
            duration_ms=record.duration_ms if over else None,
        ),
        attempts=record.attempts,
        marks=_moments(tape.marks, watched.arrived_at)[since.marks :],
        events=events,
        missed=missed,
        lost_marks=tape.lost_marks,
        more=reached < written,
        next=Cursor(reached, len(tape.marks)).write(),
    )


# ── events ──────────────────────────────────────────────────────────────────────────────────────────


class _Write(NamedTuple):
    """One write on the tape. `before`: events before it. `together`: events in it."""

    ms: float
    gap_ms: float | None
    before: int
    together: int
    size: int
    data: bytes


def _events(
    watched: Watched, since: int, written: int, *, show_content: bool
) -> tuple[list[Event], int, int]:
    """The events from number `since` on; how many of them are forgotten; the number to go on from."""
    events: list[Event] = []
    writes = _writes(watched, written)
    missed = max(0, writes[0].before - since) if writes else 0
    for write in writes:
        if write.before + write.together <= since:
            continue
        if len(events) >= MAX_EVENTS:
            return events, missed, write.before
        if watched.tape.pieces:
            said = _text(write.data) if show_content else None
            events.append(Event(write.before, write.ms, "body", write.size, write.gap_ms, content=said))
        else:
            rows = _rows(write, watched.dialect, show_content=show_content)
            events += [row for row in rows if row.number >= since]
    return events, missed, written


def _writes(watched: Watched, written: int) -> list[_Write]:
    entries = list(watched.tape.entries)
    writes: list[_Write] = []
    last_at: float | None = None
    for index, (at, before, size, data) in enumerate(entries):
        after = entries[index + 1][1] if index + 1 < len(entries) else written
        gap_ms = None if last_at is None else _ms(at - last_at)
        if after > before:  # else there was no whole event in it
            writes.append(_Write(_ms(at - watched.arrived_at), gap_ms, before, after - before, size, data))
        last_at = at
    return writes


def _rows(write: _Write, dialect: str | None, *, show_content: bool) -> list[Event]:
    """The events of one write. Where its middle was left out, some may be known by their number alone."""
    raws = [event.raw for event in parse_events(write.data)]
    found = [
        (raw, kind)
        for raw, kind in zip(raws, kinds(dialect, write.data), strict=True)
        if not raw.isspace()  # what no reader takes for an event was not counted either
    ][: write.together]
    cuts = [place for place, (raw, _) in enumerate(found) if CUT in raw]
    unread = write.together - len(found)
    whole_bytes = sum(len(raw) for raw, _ in found if CUT not in raw)
    rows: list[Event] = []
    number = write.before
    gap_ms = write.gap_ms
    for place, (raw, kind) in enumerate(found):
        size: int | None = len(raw)
        if CUT in raw:
            size = write.size - whole_bytes if len(cuts) == 1 and not unread else None
        said = _text(raw) if show_content else None
        rows.append(Event(number, write.ms, kind, size, gap_ms, write.together, content=said))
        number, gap_ms = number + 1, 0.0
        if unread and place == (cuts[0] if cuts else len(found) - 1):
            rows.append(Event(number, write.ms, "unread", None, 0.0, write.together, unread))
            number += unread
    return rows


def _text(data: bytes) -> str:
    return data.replace(CUT, "…".encode()).decode("utf-8", "replace")


# ── marks ───────────────────────────────────────────────────────────────────────────────────────────


def _moments(marks: list[Mark], arrived_at: float) -> list[Moment]:
    """All marks, in order. A pause and its end tell how long it lasted."""
    moments: list[Moment] = []
    paused: int | None = None
    for mark in marks:
        lasted_ms = None
        if mark.kind == "pause":
            paused = len(moments)
        elif mark.kind == "resume" and paused is not None:
            began = moments[paused]
            lasted_ms = _ms(mark.at - marks[paused].at)
            moments[paused] = Moment(began.ms, began.kind, began.detail, lasted_ms)
            paused = None
        moments.append(Moment(_ms(mark.at - arrived_at), mark.kind, mark.detail, lasted_ms))
    return moments


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
