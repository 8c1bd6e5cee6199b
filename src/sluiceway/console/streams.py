"""Streams that run or ran lately: a list, the timeline of one, both live; and ending one."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from sluiceway.console.deps import Deps
from sluiceway.console.operation import Call, Nothing, Operation, failing, unavailable
from sluiceway.console.streaming import EventStream, sse
from sluiceway.errors import Cancelled
from sluiceway.observe.inspector import MAX_TOLD, Changes, Filter, Inspector
from sluiceway.observe.record import Outcome
from sluiceway.observe.timeline import Summary, Timeline

_Cursor = Annotated[str, Meta(max_length=100)]
_Name = Annotated[str, Meta(max_length=500)]


class StreamsQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which of them; what is left out does not matter. Those that run have no outcome."""

    state: Annotated[
        Literal["all", "live", "recent"], Meta(description="`live`: they run; `recent`: they are over.")
    ] = "all"
    outcomes: Annotated[tuple[Outcome, ...], Meta(max_length=20, description="How they ended.")] = ()
    broken: Annotated[
        bool, Meta(description="Only those that did not end well; a client's leaving is no such end.")
    ] = False
    stream: Annotated[bool | None, Meta(description="The client asked for a stream.")] = None
    key: Annotated[_Name | None, Meta(description="The client's key, by its name.")] = None
    model: Annotated[_Name | None, Meta(description="As the client calls it.")] = None
    upstream: Annotated[_Name | None, Meta(description="That answers, or was the last to be asked.")] = None
    order: Annotated[
        Literal["newest", "first_event", "gap"],
        Meta(
            description="Of those that are over: the newest first, or those with the latest first event, or the "
            "longest silence."
        ),
    ] = "newest"
    limit: Annotated[int, Meta(ge=1, le=MAX_TOLD, description="The most of each list.")] = 100

    def filter(self) -> Filter:
        """The same for the inspector."""
        return Filter(**{name: getattr(self, name) for name in Filter.__struct_fields__})


class Streams(msgspec.Struct, frozen=True):
    """Those of this process."""

    live: Annotated[list[Summary], Meta(description="They run; the newest first.")]
    recent: Annotated[list[Summary], Meta(description="They are over.")]


class TimelineQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From where on."""

    since: Annotated[
        _Cursor, Meta(description="The `next` of an earlier answer: only what happened since. Empty: all.")
    ] = ""


class Ended(msgspec.Struct, frozen=True):
    """The request was told to end; its client gets an error in its proper form."""

    request_id: str


async def list_streams(call: Call[StreamsQuery, Nothing]) -> Streams:
    """Those of this process."""
    inspector, query = _inspector(call.deps), call.query
    has_outcome = query.broken or query.outcomes or query.state == "recent"
    live = [] if has_outcome else [one for one in inspector.live() if _wanted(one, query)]
    recent = inspector.recent(query.filter()) if query.state != "live" else []
    return Streams(live[: query.limit], recent)


async def show_stream(call: Call[TimelineQuery, Nothing]) -> Timeline:
    """What happened in one."""
    return _timeline(_inspector(call.deps), call.path["request_id"], call.query.since)


async def watch_streams(call: Call[TimelineQuery, Nothing]) -> EventStream:
    """All of them, as they change."""
    inspector, cursor, is_first = _inspector(call.deps), _seen(call), True

    def news() -> tuple[bytes, bool]:
        nonlocal cursor, is_first
        changes = inspector.changes(cursor)
        cursor = changes.next
        if not (is_first or changes.began or changes.progressed or changes.ended or changes.missed):
            return b"", False
        is_first = False
        return sse("streams", msgspec.json.encode(changes), cursor), False

    return EventStream(call.deps, news)


async def watch_stream(call: Call[TimelineQuery, Nothing]) -> EventStream:
    """One, as it grows. Ends when it is over."""
    inspector, request_id, cursor = _inspector(call.deps), call.path["request_id"], _seen(call)
    _timeline(inspector, request_id, cursor)  # before the status line, so that an unknown one is a 404

    def news() -> tuple[bytes, bool]:
        nonlocal cursor
        timeline = inspector.timeline(request_id, cursor)
        if timeline is None:  # forgotten meanwhile
            return b"", True
        is_over = timeline.summary.outcome is not None and not timeline.more
        if timeline.next == cursor and not is_over:
            return b"", False
        cursor = timeline.next
        return sse("timeline", msgspec.json.encode(timeline), cursor), is_over

    return EventStream(call.deps, news)


async def cancel_stream(call: Call[Nothing, Nothing]) -> Ended:
    """It ends with an error that says so."""
    request_id = call.path["request_id"]
    relay = call.deps.gateway.active.get(request_id)
    if relay is None:
        raise failing(404, "no such request runs in this process", param="request_id")
    relay.stop(Cancelled("an administrator ended the request"))
    return Ended(request_id)


def _inspector(deps: Deps) -> Inspector:
    if deps.inspector is None or not deps.gateway.runtime.settings.inspector.streams:
        raise unavailable("no timelines are kept: inspector.streams is 0")
    return deps.inspector


def _timeline(inspector: Inspector, request_id: str, since: str) -> Timeline:
    timeline = inspector.timeline(request_id, since)
    if timeline is None:
        raise failing(404, "this process knows no such stream, or no more", param="request_id")
    return timeline


def _seen(call: Call[TimelineQuery, Nothing]) -> str:
    """What the client has had: browsers that come back say so by a header (HTML standard, `EventSource`)."""
    return call.headers.get("last-event-id", call.query.since)[:100]


def _wanted(one: Summary, query: StreamsQuery) -> bool:
    return (
        query.stream in (None, one.stream)
        and query.key in (None, one.key)
        and query.model in (None, one.model)
        and query.upstream in (None, one.upstream)
    )


_OFF: Final = {503: "no timelines are kept"}
_UNKNOWN: Final = {404: "this process knows no such stream, or no more", **_OFF}

OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/api/streams",
        name="listStreams",
        summary="Streams that run, and those that ended lately, in this process.",
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
        events=("streams", Changes),
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
        fails={404: "no such request runs in this process"},
    ),
)
