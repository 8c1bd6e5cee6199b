"""How the gateway is, at a glance."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from sluiceway import __version__
from sluiceway.console.asking import asked
from sluiceway.console.deps import Deps
from sluiceway.console.operation import Call, Nothing, Operation
from sluiceway.console.parts import Part, everyone
from sluiceway.console.seams import Totals
from sluiceway.console.upstreams import Circuit, worst
from sluiceway.errors import Overloaded

HOUR_S: Final = 3600.0


class UpstreamHealth(msgspec.Struct, frozen=True):
    """An upstream in short; see `listUpstreams`."""

    name: str
    circuit: Circuit
    drained: bool
    in_flight: int


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """All workers that were heard, and, where records are kept, what all of them did in the last hour."""

    version: str
    worker: Annotated[int, Meta(description="Which of the processes that share the port answers, from 0.")]
    workers: Annotated[int, Meta(description="How many there are.")]
    heard: Annotated[
        list[int],
        Meta(description="Whose figures are here. One that died, starts or is stuck is not among them."),
    ]
    started: Annotated[float, Meta(description="When the first of them began, in Unix seconds.")]
    uptime_s: float
    in_flight: Annotated[int, Meta(description="Requests that run or wait.")]
    queued: Annotated[int, Meta(description="Those that wait for a place.")]
    draining: Annotated[bool, Meta(description="It shuts down.")]
    upstreams: list[UpstreamHealth]
    last_hour: Annotated[
        Totals | None,
        Meta(description="Of all requests; null if no records are kept, or the database is away."),
    ]


class OwnFigures(msgspec.Struct, frozen=True):
    """Those of one process."""

    started: float
    in_flight: int
    queued: int
    draining: bool
    upstreams: list[UpstreamHealth]


async def _figures(deps: Deps, _: Nothing) -> OwnFigures:
    gateway = deps.gateway
    return OwnFigures(
        deps.started,
        len(gateway.active),
        gateway.admission.waiting,
        gateway.draining,
        [
            UpstreamHealth(name, state.breaker.state, state.drained, state.in_flight)
            for name, state in gateway.upstreams.items()
        ],
    )


FIGURES: Final = Part("overview", Nothing, OwnFigures, _figures)

PARTS: Final = (FIGURES,)


async def show_overview(call: Call[Nothing, Nothing]) -> Overview:
    """All of it."""
    deps, now = call.deps, time.time()
    parts = await everyone(deps, FIGURES, Nothing())
    each = parts.values()
    upstreams = [one for own in each for one in own.upstreams]
    started = min(own.started for own in each)
    return Overview(
        version=__version__,
        worker=deps.worker,
        workers=deps.workers,
        heard=list(parts),
        started=started,
        uptime_s=round(now - started, 3),
        in_flight=sum(own.in_flight for own in each),
        queued=sum(own.queued for own in each),
        draining=any(own.draining for own in each),
        upstreams=[
            _together(settings.name, [one for one in upstreams if one.name == settings.name])
            for settings in deps.settings().upstreams
        ],
        last_hour=await _last_hour(deps, now),
    )


def _together(name: str, each: Sequence[UpstreamHealth]) -> UpstreamHealth:
    return UpstreamHealth(
        name,
        worst(one.circuit for one in each),
        any(one.drained for one in each),
        sum(one.in_flight for one in each),
    )


async def _last_hour(deps: Deps, now: float) -> Totals | None:
    """The rest can be told without it."""
    try:
        return await asked(deps, lambda store: store.totals(now - HOUR_S))
    except Overloaded:
        return None


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/api/overview",
        name="showOverview",
        summary="How the gateway is, at a glance.",
        handler=show_overview,
        answer=Overview,
    ),
)
