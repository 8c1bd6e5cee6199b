"""Do events come when they were sent, or in clumps? Pure: from a stream whose pace is known.

How late an event is: when it came, less when the simulated provider meant to send it. Both are counted from the same
request, so no clocks have to agree. The event that was least late tells what the way costs at best; what another is
later than that, it was held.
"""

from __future__ import annotations

import itertools
from typing import Final

import msgspec

from sluiceway.doctor.events import Event, Stream
from sluiceway.doctor.finding import Finding
from sluiceway.doctor.hops import changes_for
from sluiceway.doctor.seen import Link, Seen

CLUMP_MS: Final = 10.0
"""Two events that come closer than this came together."""

APART_MS: Final = 50.0
"""Two events that are due further apart than this should not."""

CLUMPED_SHARE: Final = 0.4
"""Of the events that should come apart: a busy machine makes one clump now and then, a buffer makes clumps."""

HELD_AT_START_MS: Final = 1000.0
"""Whoever waits for the first few KiB makes one clump only, but a long one, at the start."""

HICCUP_MS: Final = 1000.0

_FEW_EVENTS: Final = 10
_TOGETHER_S: Final = 0.1


class Pace(msgspec.Struct, frozen=True):
    """How events came. `least_ms`: how late the least late one was; `held_ms`: how much later than that the
    worst; `clumped`: the share of those that came together though they were due apart; `start_ms`: the span of
    due times that came in the first clump, `start_bytes` its size; `moments`: how many reads had events."""

    events: int
    moments: int
    least_ms: float
    held_ms: float
    clumped: float
    start_ms: float
    start_bytes: int


def measure(stream: Stream) -> Pace | None:
    """None if events do not say when they were due, or there are too few."""
    due = [(event, event.due_ms) for event in stream.events if event.due_ms is not None]
    if len(due) < _FEW_EVENTS:
        return None
    late = [event.at_s * 1000 - due_ms for event, due_ms in due]
    apart = together = 0
    for (event, due_ms), (following, following_ms) in itertools.pairwise(due):
        if following_ms - due_ms >= APART_MS:
            apart += 1
            together += _come_together(event, following)
    start = [due[0]]
    for one in due[1:]:
        if not _come_together(start[-1][0], one[0]):
            break
        start.append(one)
    return Pace(
        events=len(due),
        moments=len({event.at_s for event, _ in due}),
        least_ms=min(late),
        held_ms=max(late) - min(late),
        clumped=together / apart if apart else 0.0,
        start_ms=start[-1][1] - start[0][1],
        start_bytes=sum(len(event.data) for event, _ in start),
    )


def buffering(stream: Stream, pace: Pace | None, hops: tuple[str, ...]) -> Finding:
    """Whether somebody collects."""
    if pace is None:
        return _unknown_pace(stream, hops)
    figures = {
        "events": pace.events,
        "moments": pace.moments,
        "least_late_ms": round(pace.least_ms, 1),
        "held_ms": round(pace.held_ms, 1),
        "clumped_share": round(pace.clumped, 2),
    }
    came = f"{pace.events} events came in {pace.moments} pieces, held for up to {pace.held_ms:.0f} ms"
    if pace.clumped >= CLUMPED_SHARE:
        whole = pace.clumped == 1.0
        return Finding(
            code="buffering",
            severity="error",
            title="the answer is held back until it is whole"
            if whole
            else "events are collected and come in clumps",
            seen=f"{came}; {pace.clumped:.0%} came together though they were sent apart",
            figures=figures,
            changes=changes_for("buffering", hops),
        )
    if pace.start_ms >= HELD_AT_START_MS:
        return Finding(
            code="buffering",
            severity="error",
            title="the beginning of the answer is held back",
            seen=f"{came}; the first {pace.start_bytes} bytes came at once",
            figures=figures | {"start_bytes": pace.start_bytes},
            changes=changes_for("buffering", hops),
        )
    if pace.held_ms >= HICCUP_MS:
        return Finding(
            code="buffering",
            severity="note",
            title="events come one by one, but once there was a stop",
            seen=came,
            figures=figures,
        )
    return Finding(
        code="buffering",
        severity="ok",
        title="events come one by one, as they are sent",
        seen=came,
        figures=figures,
    )


def _come_together(event: Event, following: Event) -> bool:
    return (following.at_s - event.at_s) * 1000 < CLUMP_MS


def _unknown_pace(stream: Stream, hops: tuple[str, ...]) -> Finding:
    """A real model: nobody knows when it sent what, but an answer of many events that comes at once was held."""
    events = stream.events
    figures: dict[str, float] = {"events": len(events), "moments": len({event.at_s for event in events})}
    if len(events) < _FEW_EVENTS:
        return Finding(
            code="buffering",
            severity="note",
            title="the answer was too short to tell whether it was held back",
            seen=f"{len(events)} events",
            figures=figures,
        )
    took_s = events[-1].at_s - events[0].at_s
    seen = f"{len(events)} events came in {figures['moments']:.0f} pieces within {took_s:.1f} s"
    if took_s < _TOGETHER_S and events[-1].at_s > 10 * _TOGETHER_S:
        return Finding(
            code="buffering",
            severity="warning",
            title="the whole answer came at once, so it was probably held back",
            seen=seen,
            figures=figures,
            changes=changes_for("buffering", hops),
        )
    return Finding(
        code="buffering",
        severity="ok",
        title="events come bit by bit",
        seen=f"{seen}; how late each is only the simulated provider can tell",
        figures=figures,
    )


def lateness(link: Link, refused: Seen, stream: Stream) -> Finding:
    """How late each hop's first byte is. `refused`: what the gateway itself answered, on an open connection."""
    connect_ms, tls_ms, gateway_ms = link.connect_s * 1000, link.tls_s * 1000, refused.head_s * 1000
    first = stream.events[0] if stream.events else None
    first_ms = first.at_s * 1000 - (first.due_ms or 0) if first is not None else 0.0
    figures = {
        "connect_ms": round(connect_ms, 1),
        "tls_ms": round(tls_ms, 1),
        "gateway_ms": round(gateway_ms, 1),
        "first_event_ms": round(first_ms, 1),
    }
    tls = f", TLS {tls_ms:.1f} ms" if tls_ms else ""
    return Finding(
        code="latency",
        severity="ok",
        title=f"the first event takes {first_ms:.0f} ms",
        seen=f"the first hop's connection {connect_ms:.1f} ms{tls}, the gateway's own answer {gateway_ms:.1f} ms, "
        f"the upstream's first event {first_ms:.1f} ms",
        figures=figures,
    )
