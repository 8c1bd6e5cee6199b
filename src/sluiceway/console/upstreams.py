"""Upstreams: how they are configured and how they fare, and whether they take new requests."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from sluiceway.config.upstream_settings import UpstreamSettings
from sluiceway.console.deps import Deps
from sluiceway.console.operation import Call, Nothing, Operation, failing
from sluiceway.console.shown import shown
from sluiceway.policy.upstream_state import UpstreamState


class UpstreamKey(msgspec.Struct, frozen=True):
    """One of its keys."""

    index: Annotated[int, Meta(description="Its place in `api_keys`, from 0.")]
    refused_until: Annotated[
        float | None,
        Meta(description="It was refused (401, 402, 403), and rests until then, in Unix seconds."),
    ]


class Upstream(msgspec.Struct, frozen=True, kw_only=True):
    """One upstream, as this process knows it."""

    name: str
    drained: Annotated[bool, Meta(description="An administrator wants it to take nothing new.")]
    circuit: Annotated[
        Literal["closed", "open", "half_open"],
        Meta(
            description="`closed`: requests pass; `open`: it is left alone; `half_open`: one request tries it."
        ),
    ]
    circuit_until: Annotated[
        float | None, Meta(description="Until then it is left alone, in Unix seconds; null while closed.")
    ]
    in_flight: Annotated[int, Meta(description="Requests that it is busy with.")]
    first_event_s: Annotated[
        float | None,
        Meta(description="The mean time to its first event lately, failures counted as slow; null: unknown."),
    ]
    keys: Annotated[list[UpstreamKey], Meta(description="Its own keys; none where clients bring theirs.")]
    keys_rest_until: Annotated[
        float | None,
        Meta(description="Some of them rest until then, perhaps for one model only. In Unix seconds."),
    ]
    settings: Annotated[
        dict[str, Any],
        Meta(
            description='As under `[[upstreams]]`, with all that is inherited; secrets are `"…"`. `stream` by API.'
        ),
    ]


class Upstreams(msgspec.Struct, frozen=True):
    """All of them, in the order of the configuration."""

    upstreams: list[Upstream]


async def list_upstreams(call: Call[Nothing, Nothing]) -> Upstreams:
    """All of them."""
    return Upstreams([_upstream(call.deps, one) for one in call.deps.gateway.runtime.settings.upstreams])


async def drain(call: Call[Nothing, Nothing]) -> Upstream:
    """Nothing new goes there; what runs goes on."""
    return _switch(call, drained=True)


async def enable(call: Call[Nothing, Nothing]) -> Upstream:
    """Requests go there again."""
    return _switch(call, drained=False)


def _switch(call: Call[Nothing, Nothing], *, drained: bool) -> Upstream:
    gateway, name = call.deps.gateway, call.path["name"]
    for settings in gateway.runtime.settings.upstreams:
        if settings.name == name:
            gateway.upstreams[name].drained = drained
            gateway.admission.wake()  # who waits may go there now, or has to look elsewhere
            return _upstream(call.deps, settings)
    raise failing(404, f'there is no upstream called "{name[:100]}"', param="name")


def _upstream(deps: Deps, settings: UpstreamSettings) -> Upstream:
    state: UpstreamState = deps.gateway.upstreams[settings.name]
    now = asyncio.get_running_loop().time()
    to_unix = time.time() - now
    ring, breaker = state.ring, state.breaker
    keys = [] if ring is None else [(index, ring.refused_until(index)) for index in range(ring.count)]
    return Upstream(
        name=settings.name,
        drained=state.drained,
        circuit=breaker.state,
        circuit_until=None if breaker.closed else breaker.open_until + to_unix,
        in_flight=state.in_flight,
        first_event_s=state.first_event_s,
        keys=[UpstreamKey(index, until + to_unix if until > now else None) for index, until in keys],
        keys_rest_until=ring.rests_until + to_unix if ring is not None and ring.rests_until > now else None,
        settings=shown(settings),
    )


_UNKNOWN: Final = {404: "there is no such upstream"}

OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/api/upstreams",
        name="listUpstreams",
        summary="All upstreams: settings, circuit, keys that rest.",
        handler=list_upstreams,
        answer=Upstreams,
    ),
    Operation(
        method="POST",
        path="/api/upstreams/{name}/drain",
        name="drainUpstream",
        summary="Send nothing new to an upstream; what runs there goes on. Until it is enabled, or a restart.",
        handler=drain,
        answer=Upstream,
        fails=_UNKNOWN,
    ),
    Operation(
        method="POST",
        path="/api/upstreams/{name}/enable",
        name="enableUpstream",
        summary="Send requests to an upstream again.",
        handler=enable,
        answer=Upstream,
        fails=_UNKNOWN,
    ),
)
