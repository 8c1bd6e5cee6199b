"""Streams that run or ran lately: a list, the timeline of one, both live; and ending one."""

from __future__ import annotations

from typing import Final

import msgspec

from sluiceway.console.deps import Deps
from sluiceway.console.operation import Call, Nothing, Operation, failing, unavailable
from sluiceway.console.parts import everyone, first, one
from sluiceway.console.stream_parts import (
    CANCELLED,
    CHANGED,
    LISTED,
    MAX_CURSOR,
    TIMELINE,
    StreamAsked,
    StreamChanges,
    Streams,
    StreamsQuery,
    TimelineQuery,
    all_changes,
    all_streams,
)
from sluiceway.console.streaming import EventStream, sse
from sluiceway.observe.timeline import Timeline


class Ended(msgspec.Struct, frozen=True):
    """The request was told to end; its client gets an error in its proper form."""

    request_id: str


async def list_streams(call: Call[StreamsQuery, Nothing]) -> Streams:
    """Those of all workers."""
    _need_timelines(call.deps)
    return all_streams(await everyone(call.deps, LISTED, call.query), call.query)


async def show_stream(call: Call[TimelineQuery, Nothing]) -> Timeline:
    """What happened in one."""
    _, timeline = await _found(call.deps, StreamAsked(call.path["request_id"], call.query.since))
    return timeline


async def watch_streams(call: Call[TimelineQuery, Nothing]) -> EventStream:
    """All of them, as they change."""
    deps, cursor = call.deps, _seen(call)
    heard: list[int] | None = None
    _need_timelines(deps)

    async def news() -> tuple[bytes, bool]:
        nonlocal cursor, heard
        parts = await everyone(deps, CHANGED, TimelineQuery(since=cursor))
        changes = all_changes(parts, cursor, deps.workers)
        cursor = changes.next
        is_news = changes.began or changes.progressed or changes.ended or changes.missed or changes.restarted
        if not is_news and changes.heard == heard:
            return b"", False
        heard = changes.heard
        return sse("streams", msgspec.json.encode(changes), cursor), False

    return EventStream(deps, news)


async def watch_stream(call: Call[TimelineQuery, Nothing]) -> EventStream:
    """One, as it grows. Ends when it is over."""
    deps, request_id, cursor = call.deps, call.path["request_id"], _seen(call)
    # Before the status line, so that an unknown one is a 404.
    worker, _ = await _found(deps, StreamAsked(request_id, cursor))

    async def news() -> tuple[bytes, bool]:
        nonlocal cursor
        own = await one(deps, worker, TIMELINE, StreamAsked(request_id, cursor))
        if own is None:  # it may be busy; if it died, its successor will know nothing of the stream
            return b"", False
        timeline = own.timeline
        if timeline is None:  # forgotten meanwhile
            return b"", True
        is_over = timeline.summary.outcome is not None and not timeline.more
        if timeline.next == cursor and not is_over:
            return b"", False
        cursor = timeline.next
        return sse("timeline", msgspec.json.encode(timeline), cursor), is_over

    return EventStream(deps, news)


async def cancel_stream(call: Call[Nothing, Nothing]) -> Ended:
    """It ends with an error that says so."""
    request_id = call.path["request_id"]
    if await first(call.deps, CANCELLED, StreamAsked(request_id), lambda own: own.ended) is None:
        raise failing(404, "no such request runs", param="request_id")
    return Ended(request_id)


def _need_timelines(deps: Deps) -> None:
    if deps.inspector is None or not deps.gateway.runtime.settings.inspector.streams:
        raise unavailable("no timelines are kept: inspector.streams is 0")


async def _found(deps: Deps, asked: StreamAsked) -> tuple[int, Timeline]:
    """Which worker has it, and its timeline."""
    _need_timelines(deps)
    found = await first(deps, TIMELINE, asked, lambda own: own.timeline is not None)
    if found is None or found[1].timeline is None:
        raise failing(404, "no such stream is known, or no more", param="request_id")
    return found[0], found[1].timeline


def _seen(call: Call[TimelineQuery, Nothing]) -> str:
    """What the client has had: browsers that come back say so by a header (HTML standard, `EventSource`)."""
    return call.headers.get("last-event-id", call.query.since)[:MAX_CURSOR]


_OFF: Final = {503: "no timelines are kept"}
_UNKNOWN: Final = {
    404: "no such stream is known, or no more",
    503: "no timelines are kept; or a worker can't be heard that may know it",
}

OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/api/streams",
        name="listStreams",
        summary="Streams that run, and those that ended lately.",
        handler=list_streams,
        query=StreamsQuery,
        answer=Streams,
        fails=_OFF,
    ),
    Operation(
        method="GET",
        path="/api/streams/events",
        name="watchStreams",
        summary="The same live: what changes, every `admin.live_s`.",
        handler=watch_streams,
        query=TimelineQuery,
        content={"text/event-stream": "Events, each with the streams that began, went on or ended."},
        events=("streams", StreamChanges),
        fails=_OFF,
    ),
    Operation(
        method="GET",
        path="/api/streams/{request_id}",
        name="showStream",
        summary="The timeline of one stream.",
        handler=show_stream,
        query=TimelineQuery,
        answer=Timeline,
        fails=_UNKNOWN,
    ),
    Operation(
        method="GET",
        path="/api/streams/{request_id}/events",
        name="watchStream",
        summary="The same live, as it grows; ends when the stream is over.",
        handler=watch_stream,
        query=TimelineQuery,
        content={"text/event-stream": "Events, each with what is new."},
        events=("timeline", Timeline),
        fails=_UNKNOWN,
    ),
    Operation(
        method="POST",
        path="/api/streams/{request_id}/cancel",
        name="cancelStream",
        summary="End a request that runs. Its client gets an error in its proper form.",
        handler=cancel_stream,
        answer=Ended,
        fails={404: "no such request runs", 503: "a worker can't be heard in which it may run"},
    ),
)
