"""Streams of all processes as if they were one's: what each tells of its own, and how that is put together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from sluiceway.console.deps import Deps
from sluiceway.console.parts import Part
from sluiceway.errors import Cancelled
from sluiceway.observe.inspector import MAX_TOLD, Changes, Filter, Progress
from sluiceway.observe.record import Outcome
from sluiceway.observe.timeline import Summary, Timeline

MAX_CURSOR: Final = 4000
"""Characters: some 25 for each worker. It has to fit into the head of a request, whatever else is there."""

_Cursor = Annotated[str, Meta(max_length=MAX_CURSOR)]
_Name = Annotated[str, Meta(max_length=500)]
_Heard = Annotated[
    list[int],
    Meta(description="Workers whose streams are here. One that died, starts or is stuck is not among them."),
]

# ── what is asked and told ──────────────────────────────────────────────────────────────────────────


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


class TimelineQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From where on."""

    since: Annotated[
        _Cursor, Meta(description="The `next` of an earlier answer: only what happened since. Empty: all.")
    ] = ""


class StreamAsked(msgspec.Struct, frozen=True):
    """One of them. `since`: as in `TimelineQuery`."""

    request_id: str
    since: str = ""


class Stream(Summary, frozen=True, kw_only=True):
    """A request in a line. While it runs (`outcome` is null), numbers are those so far."""

    worker: Annotated[int, Meta(description="Which of the processes that share the port it runs in, from 0.")]


class Streams(msgspec.Struct, frozen=True):
    """Those of all workers that were heard."""

    live: Annotated[list[Stream], Meta(description="They run; the newest first.")]
    recent: Annotated[list[Stream], Meta(description="They are over.")]
    heard: _Heard


class StreamChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What is new since a cursor."""

    began: list[Stream]
    progressed: list[Progress]
    ended: list[Stream]
    missed: Annotated[
        int, Meta(description="Requests that are not told here: they are too many, or forgotten already.")
    ]
    restarted: Annotated[
        list[int],
        Meta(
            description="Workers that are others than at the cursor. Forget their streams: those that run are in "
            "`began`."
        ),
    ]
    heard: _Heard
    next: Annotated[str, Meta(description="The cursor to go on from.")]


# ── each process for itself ─────────────────────────────────────────────────────────────────────────


class OwnStreams(msgspec.Struct, frozen=True):
    """Those of one process."""

    live: list[Summary]
    recent: list[Summary]


class OwnChanges(msgspec.Struct, frozen=True):
    """Those of one process. `life`: which of the processes that had its number. `restarted`: the cursor is of
    another life."""

    changes: Changes
    life: str
    restarted: bool


class OwnTimeline(msgspec.Struct, frozen=True):
    """None: this process knows no such stream."""

    timeline: Timeline | None


class OwnEnd(msgspec.Struct, frozen=True):
    """Whether the request ran here, and is ended."""

    ended: bool


_NO_CHANGES: Final = Changes(began=[], progressed=[], ended=[], missed=0, next="")


async def _listed(deps: Deps, query: StreamsQuery) -> OwnStreams:
    if deps.inspector is None:
        return OwnStreams([], [])
    has_outcome = query.broken or query.outcomes or query.state == "recent"
    live = [] if has_outcome else [one for one in deps.inspector.live() if _wanted(one, query)]
    recent = deps.inspector.recent(query.filter()) if query.state != "live" else []
    return OwnStreams(live[: query.limit], recent)


def _wanted(one: Summary, query: StreamsQuery) -> bool:
    return (
        query.stream in (None, one.stream)
        and query.key in (None, one.key)
        and query.model in (None, one.model)
        and query.upstream in (None, one.upstream)
    )


async def _changed(deps: Deps, query: TimelineQuery) -> OwnChanges:
    life, since = read_cursor(query.since).get(deps.worker, ("", ""))
    own = format(int(deps.started * 1000), "x")
    changes = _NO_CHANGES
    if deps.inspector is not None:
        changes = deps.inspector.changes(since if life == own else "")
    return OwnChanges(changes, own, restarted=life not in ("", own))


async def _timeline(deps: Deps, asked: StreamAsked) -> OwnTimeline:
    if deps.inspector is None:
        return OwnTimeline(None)
    return OwnTimeline(deps.inspector.timeline(asked.request_id, asked.since))


async def _cancelled(deps: Deps, asked: StreamAsked) -> OwnEnd:
    relay = deps.gateway.active.get(asked.request_id)
    if relay is not None:
        relay.stop(Cancelled("an administrator ended the request"))
    return OwnEnd(relay is not None)


LISTED: Final = Part("streams", StreamsQuery, OwnStreams, _listed)
CHANGED: Final = Part("stream changes", TimelineQuery, OwnChanges, _changed)
TIMELINE: Final = Part("timeline", StreamAsked, OwnTimeline, _timeline)
CANCELLED: Final = Part("cancel", StreamAsked, OwnEnd, _cancelled)

PARTS: Final = (LISTED, CHANGED, TIMELINE, CANCELLED)


# ── together ────────────────────────────────────────────────────────────────────────────────────────


def all_streams(parts: Mapping[int, OwnStreams], query: StreamsQuery) -> Streams:
    """Those of all, in the order that was asked for."""
    live = [(worker, one) for worker, own in parts.items() for one in own.live]
    recent = [(worker, one) for worker, own in parts.items() for one in own.recent]
    live.sort(key=lambda found: found[1].started, reverse=True)
    if query.order == "newest":
        recent.sort(key=lambda found: found[1].started, reverse=True)
    elif query.order == "first_event":
        recent.sort(key=lambda found: found[1].first_event_ms or 0.0, reverse=True)
    else:
        recent.sort(key=lambda found: found[1].largest_gap_ms or 0.0, reverse=True)
    limit = query.limit
    return Streams(_of_workers(live[:limit]), _of_workers(recent[:limit]), list(parts))


def all_changes(parts: Mapping[int, OwnChanges], since: str, workers: int) -> StreamChanges:
    """Those of all. Who was not heard keeps its place in the cursor `since`, to go on from there. `workers`: how many
    there are."""
    before = read_cursor(since)
    cursor = {worker: place for worker, place in before.items() if worker < workers}
    cursor |= {worker: (own.life, own.changes.next) for worker, own in parts.items()}
    restarted = {worker for worker, own in parts.items() if own.restarted}
    restarted |= {worker for worker in before if worker >= workers}  # the gateway had more of them
    each = [(worker, own.changes) for worker, own in parts.items()]
    return StreamChanges(
        began=_of_workers((worker, one) for worker, changes in each for one in changes.began),
        progressed=[one for _, changes in each for one in changes.progressed],
        ended=_of_workers((worker, one) for worker, changes in each for one in changes.ended),
        missed=sum(changes.missed for _, changes in each),
        restarted=sorted(restarted),
        heard=list(parts),
        next="_".join(f"{worker}-{life}-{place}" for worker, (life, place) in sorted(cursor.items())),
    )


_PLACE: Final = re.compile(r"([0-9]{1,3})-([0-9a-f]{1,16})-([0-9.]{1,40})", re.ASCII)


def read_cursor(text: str) -> dict[int, tuple[str, str]]:
    """By worker: which life of it, and the cursor that it gave. What is no such text is the beginning."""
    places = [_PLACE.fullmatch(place) for place in text[:MAX_CURSOR].split("_")]
    return {int(place[1]): (place[2], place[3]) for place in places if place is not None}


def _of_workers(streams: Iterable[tuple[int, Summary]]) -> list[Stream]:
    return [Stream(worker=worker, **msgspec.structs.asdict(one)) for worker, one in streams]
