"""How the gateway is, at a glance."""

from __future__ import annotations

import time
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from sluiceway import __version__
from sluiceway.console.asking import asked
from sluiceway.console.deps import Deps
from sluiceway.console.operation import Call, Nothing, Operation
from sluiceway.console.seams import Totals
from sluiceway.errors import Overloaded

HOUR_S: Final = 3600.0


class UpstreamHealth(msgspec.Struct, frozen=True):
    """An upstream in short; see `listUpstreams`."""

    name: str
    circuit: Literal["closed", "open", "half_open"]
    drained: bool
    in_flight: int


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """This process, and, where records are kept, what all of them did in the last hour."""

    version: str
    worker: Annotated[int, Meta(description="Which of the processes that share the port this is, from 0.")]
    workers: Annotated[int, Meta(description="How many there are.")]
    started: Annotated[float, Meta(description="Unix seconds.")]
    uptime_s: float
    in_flight: Annotated[int, Meta(description="Requests that run or wait.")]
    queued: Annotated[int, Meta(description="Those that wait for a place.")]
    draining: Annotated[bool, Meta(description="It shuts down.")]
    upstreams: list[UpstreamHealth]
    last_hour: Annotated[
        Totals | None,
        Meta(description="Of all requests; null if no records are kept, or the database is away."),
    ]


async def show_overview(call: Call[Nothing, Nothing]) -> Overview:
    """All of it."""
    deps = call.deps
    gateway, now = deps.gateway, time.time()
    names = [settings.name for settings in gateway.runtime.settings.upstreams]
    return Overview(
        version=__version__,
        worker=deps.worker,
        workers=deps.workers,
        started=deps.started,
        uptime_s=round(now - deps.started, 3),
        in_flight=len(gateway.active),
        queued=gateway.admission.waiting,
        draining=gateway.draining,
        upstreams=[
            UpstreamHealth(name, state.breaker.state, state.drained, state.in_flight)
            for name in names
            for state in (gateway.upstreams[name],)
        ],
        last_hour=await _last_hour(deps, now),
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
