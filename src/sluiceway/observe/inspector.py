"""The timelines of running and recent requests, in memory, for the console: who runs, what happened, what is new.

A request costs it two calls in the loop, `begin` and `end`; per event there is only what its tape does. All else is
done when somebody looks. No thread and no lock: everything is called in the loop, and readers ask again and again
(`timeline`, `changes`), each with a cursor of its own, so none of them is waited for.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final, Literal

import msgspec

from sluiceway.config.observe_settings import InspectorSettings
from sluiceway.dialects.glance import carries_content
from sluiceway.observe.draft import Draft
from sluiceway.observe.record import Outcome, Record
from sluiceway.observe.timeline import (
    Cursor,
    Summary,
    Timeline,
    Watched,
    first_event_ms_of,
    is_paused,
    ms_since,
    summary_of,
    timeline_of,
)
from sluiceway.relay.observe import KEPT_BYTES, Listener, Tape

# Entries that the tapes of all running requests may have room for; each request gets an equal share of what is left,
# but for the few that each tape has. With events of 300 bytes they take 50 MB if all of them are full.
ALL_ENTRIES: Final = 100_000

# A request that is not for a stream is answered in one write, or is relayed as it is and in many.
PLAIN_ENTRIES: Final = 16

# What timelines that are over may take, about: those of streams, and those of other requests.
STREAM_BYTES: Final = 28 * 1024 * 1024
PLAIN_BYTES: Final = 4 * 1024 * 1024
_ENTRY_BYTES: Final = 200  # beside its data: a tuple, three numbers, the header of `bytes`
_REQUEST_BYTES: Final = 4096  # a record, a tape, marks

# Silence that somebody may come to ask about: half of what the impatient among proxies wait (60 s).
SLOW_MS: Final = 30_000.0

# Of how many requests a reader is told at once.
MAX_TOLD: Final = 1000

_UNREMARKABLE: Final = frozenset({"ok", "client_gone"})


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which of the recent requests. `outcomes`: none for any. `broken`: those that did not end well, a client's
    leaving aside. `stream`: whether the client asked for one; None for both. `order`: `first_event` and `gap` put
    the slowest first."""

    outcomes: tuple[Outcome, ...] = ()
    broken: bool = False
    stream: bool | None = None
    key: str | None = None
    model: str | None = None
    upstream: str | None = None
    order: Literal["newest", "first_event", "gap"] = "newest"
    limit: int = 100


EVERYTHING: Final = Filter()


class Progress(msgspec.Struct, frozen=True):
    """How far a running request is; see `timeline.Summary`."""

    request_id: str
    upstream: str | None
    attempts: int
    status: int
    events: int
    heartbeats: int
    first_event_ms: float | None
    first_content_ms: float | None
    last_event_ms: float | None
    largest_gap_ms: float | None
    paused: bool


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What is new since a cursor. `missed`: requests that began, went on or ended and are not told here, since they
    are too many, or forgotten already. `next`: the cursor to go on from."""

    began: list[Summary]
    progressed: list[Progress]
    ended: list[Summary]
    missed: int
    next: str


class Inspector:
    """See the module. `dropped_marks`: marks that tapes had no room for. `dropped_timelines`: those that had to go
    before their number was reached, for their size."""

    def __init__(self, settings: InspectorSettings) -> None:
        self.dropped_marks = 0
        self._settings = settings
        self._running: dict[str, Watched] = {}
        self._streams = _Kept(STREAM_BYTES)
        self._plain = _Kept(PLAIN_BYTES)
        self._free = ALL_ENTRIES
        self._now = 0  # how often somebody asked for changes: the time that cursors count in
        self._ended = 0  # requests
        self.reconfigure(settings)

    def reconfigure(self, settings: InspectorSettings) -> None:
        """Other settings, for requests that begin from now on, and for what is remembered."""
        self._settings = settings
        self._streams.limit(settings.streams)
        self._plain.limit((settings.streams + 1) // 2)

    @property
    def dropped_timelines(self) -> int:
        """See the class."""
        return self._streams.dropped + self._plain.dropped

    # ── once per request ────────────────────────────────────────────────────────────────────────────

    def begin(self, draft: Draft, dialect_name: str | None, listeners: tuple[Listener, ...] = ()) -> Tape:
        """The tape of a request, which is watched from here on. `draft.stream` has to be known. `dialect_name`: of
        the client's API."""
        settings = self._settings
        carries = carries_content(dialect_name) if draft.stream else None
        if not settings.streams:
            return Tape(0, carries, listeners)
        running = self._running
        length = min(settings.events if draft.stream else PLAIN_ENTRIES, self._free // (len(running) + 1))
        tape = Tape(length, carries, listeners)
        self._free -= length
        running[draft.request_id] = Watched(
            draft, tape, dialect_name, draft.arrived_at, self._now + 1, length
        )
        return tape

    def end(self, record: Record, tape: Tape) -> None:
        """The request is over. Nothing happens if it was not watched."""
        watched = self._running.pop(record.request_id, None)
        if watched is None:
            return
        self._free += watched.length
        self._ended += 1
        self.dropped_marks += tape.lost_marks
        watched.request = record
        watched.ended = self._ended
        watched.weight = _weight(record, tape)
        if record.stream:
            self._streams.keep(watched, remarkable=_is_remarkable(record))
        else:
            self._plain.keep(watched, remarkable=record.outcome not in _UNREMARKABLE)

    # ── for readers ─────────────────────────────────────────────────────────────────────────────────

    def live(self, limit: int = MAX_TOLD) -> list[Summary]:
        """Requests that are running, the newest first."""
        newest = zip(reversed(self._running.values()), range(limit), strict=False)
        return [summary_of(watched) for watched, _ in newest]

    def recent(self, which: Filter = EVERYTHING) -> list[Summary]:
        """Requests that are over, as far as they are remembered, the newest first if not asked otherwise."""
        found = [watched for watched in self._over() if _matches(watched.request, which)]
        if which.order == "newest":
            found.sort(key=lambda watched: watched.request.started, reverse=True)
        elif which.order == "first_event":
            found.sort(key=lambda watched: first_event_ms_of(watched) or 0.0, reverse=True)
        else:
            found.sort(key=lambda watched: watched.tape.gap, reverse=True)
        return [summary_of(watched) for watched in found[: max(which.limit, 0)]]

    def timeline(self, request_id: str, since: str = "") -> Timeline | None:
        """What happened in that request; None if it is not known (any more). `since`: the `next` of the timeline that
        the reader had before, so that it is told only what is new."""
        watched = (
            self._running.get(request_id) or self._streams.get(request_id) or self._plain.get(request_id)
        )
        if watched is None:
            return None
        return timeline_of(watched, Cursor.read(since), show_content=self._settings.show_content)

    def changes(self, since: str = "") -> Changes:
        """What began, went on and ended. `since`: the `next` of the changes that the reader had before; without it,
        all that run began just now. For 1,000 running requests, a millisecond if all of them went on."""
        self._now += 1
        told, ended_before = self._read(since)
        began: list[Summary] = []
        progressed: list[Progress] = []
        missed = 0
        for watched in reversed(self._running.values()):
            if (version := _version(watched.tape)) != watched.version:
                watched.version, watched.changed = version, self._now
            if max(watched.began, watched.changed) <= told:
                continue
            if len(began) + len(progressed) >= MAX_TOLD:
                missed += 1
            elif watched.began > told:
                began.append(summary_of(watched))
            else:
                progressed.append(_progress(watched))
        ended = self._ended_since(ended_before)
        missed += max(0, self._ended - ended_before - len(ended))
        began.reverse()
        return Changes(
            began=began,
            progressed=progressed,
            ended=[summary_of(watched) for watched in ended],
            missed=missed,
            next=f"{self._now}.{self._ended}",
        )

    def _read(self, since: str) -> tuple[int, int]:
        """A cursor of `changes`. One that this process did not give is as none at all."""
        told, ended = Cursor.read(since)
        if not 0 < told < self._now or ended > self._ended:
            return 0, self._ended
        return told, ended

    def _over(self) -> Iterator[Watched]:
        yield from self._streams.all()
        yield from self._plain.all()

    def _ended_since(self, ended_before: int) -> list[Watched]:
        """The last of those that ended after so many others, oldest first."""
        found = [*self._streams.ended_since(ended_before), *self._plain.ended_since(ended_before)]
        found.sort(key=lambda watched: watched.ended)
        return found[-MAX_TOLD:]


class _Kept:
    """Timelines that are over, up to a number and a size. The oldest go first, but half of the places are for those
    that are remarkable, as long as there are such: else a broken stream would be gone before anybody asks."""

    def __init__(self, max_bytes: int) -> None:
        self.dropped = 0  # to make room in bytes
        self._max_bytes = max_bytes
        self._limit = 0
        self._bytes = 0
        self._ordinary: OrderedDict[str, Watched] = OrderedDict()
        self._remarkable: OrderedDict[str, Watched] = OrderedDict()

    def limit(self, limit: int) -> None:
        """At most so many from now on."""
        self._limit = limit
        self._make_room()

    def keep(self, watched: Watched, *, remarkable: bool) -> None:
        """Remember it."""
        (self._remarkable if remarkable else self._ordinary)[watched.request.request_id] = watched
        self._bytes += watched.weight
        self._make_room()

    def get(self, request_id: str) -> Watched | None:
        """By its request's id."""
        return self._ordinary.get(request_id) or self._remarkable.get(request_id)

    def all(self) -> Iterator[Watched]:
        """In no order."""
        yield from self._ordinary.values()
        yield from self._remarkable.values()

    def ended_since(self, ended_before: int) -> Iterator[Watched]:
        """Those that ended after so many others."""
        for kept in (self._ordinary, self._remarkable):
            for watched in reversed(kept.values()):
                if watched.ended <= ended_before:
                    break
                yield watched

    def _make_room(self) -> None:
        ordinary, remarkable = self._ordinary, self._remarkable
        while (full := len(ordinary) + len(remarkable) > self._limit) or self._bytes > self._max_bytes:
            crowded = not ordinary or len(remarkable) > max(self._limit // 2, 1)
            _, gone = (remarkable if crowded else ordinary).popitem(last=False)
            self._bytes -= gone.weight
            if not full:
                self.dropped += 1


def _weight(record: Record, tape: Tape) -> int:
    """About what its timeline takes: its entries' share of all bytes that were written."""
    entries = tape.entries
    share = 1.0
    if entries and tape.events:
        share = (tape.events - entries[0][1]) / tape.events
    held = min(len(entries) * KEPT_BYTES, int(record.bytes_out * share))
    return _REQUEST_BYTES + len(entries) * _ENTRY_BYTES + held


def _is_remarkable(record: Record) -> bool:
    return (
        record.outcome not in _UNREMARKABLE
        or (record.first_event_ms or 0.0) >= SLOW_MS
        or (record.largest_gap_ms or 0.0) >= SLOW_MS
    )


def _matches(request: Draft | Record, which: Filter) -> bool:
    return (
        isinstance(request, Record)
        and (not which.outcomes or request.outcome in which.outcomes)
        and (not which.broken or request.outcome not in _UNREMARKABLE)
        and which.stream in (None, request.stream)
        and which.key in (None, request.key)
        and which.model in (None, request.model)
        and which.upstream in (None, request.upstream)
    )


def _version(tape: Tape) -> int:
    return tape.events + tape.pieces + len(tape.marks) + tape.lost_marks


def _progress(watched: Watched) -> Progress:
    request, tape, arrived_at = watched.request, watched.tape, watched.arrived_at
    return Progress(
        request.request_id,
        request.upstream,
        len(request.attempts),
        request.status,
        tape.events,
        request.heartbeats,
        first_event_ms_of(watched),
        ms_since(arrived_at, tape.first_content_at),
        ms_since(arrived_at, tape.last_at),
        round(tape.gap * 1000, 3) if tape.events > 1 else None,
        is_paused(tape),
    )
