"""Upstreams: how they are configured and how they fare, and whether they take new requests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from sluiceway.config.upstream_settings import UpstreamSettings
from sluiceway.console.deps import Deps
from sluiceway.console.operation import Call, Nothing, Operation, failing
from sluiceway.console.parts import Part, everyone
from sluiceway.console.shown import shown
from sluiceway.gateway import Gateway
from sluiceway.policy.upstream_state import UpstreamState

Circuit = Literal["closed", "half_open", "open"]

_CIRCUITS: Final[tuple[Circuit, ...]] = ("closed", "half_open", "open")


class UpstreamKey(msgspec.Struct, frozen=True):
    """One of its keys."""

    index: Annotated[int, Meta(description="Its place in `api_keys`, from 0.")]
    refused_until: Annotated[
        float | None,
        Meta(description="It was refused (401, 402, 403), and rests until then, in Unix seconds."),
    ]


class UpstreamHere(msgspec.Struct, frozen=True, kw_only=True):
    """One upstream, as one of the processes that share the port knows it."""

    worker: Annotated[int, Meta(description="Which of the processes, from 0.")]
    drained: Annotated[bool, Meta(description="An administrator wants it to take nothing new.")]
    circuit: Annotated[
        Circuit,
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


class Upstream(msgspec.Struct, frozen=True, kw_only=True):
    """One upstream, as all workers together know it; each finds out for itself."""

    name: str
    drained: Annotated[bool, Meta(description="An administrator wants it to take nothing new.")]
    circuit: Annotated[Circuit, Meta(description="The worst of `workers`.")]
    circuit_until: Annotated[float | None, Meta(description="The latest of `workers`; null while closed.")]
    in_flight: Annotated[int, Meta(description="Requests that all of them are busy with.")]
    first_event_s: Annotated[
        float | None, Meta(description="The mean over those workers that know it; null: unknown.")
    ]
    keys: Annotated[list[UpstreamKey], Meta(description="Its own keys, each with the latest of `workers`.")]
    keys_rest_until: Annotated[float | None, Meta(description="The latest of `workers`.")]
    workers: Annotated[
        list[UpstreamHere],
        Meta(description="Each by itself. One that died, starts or is stuck is not among them."),
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


# ── operations ──────────────────────────────────────────────────────────────────────────────────────


async def list_upstreams(call: Call[Nothing, Nothing]) -> Upstreams:
    """All of them."""
    parts = await everyone(call.deps, FARING, Nothing())
    return Upstreams([_together(settings, parts) for settings in call.deps.settings().upstreams])


async def drain(call: Call[Nothing, Nothing]) -> Upstream:
    """Nothing new goes there; what runs goes on."""
    return await _switch(call, drained=True)


async def enable(call: Call[Nothing, Nothing]) -> Upstream:
    """Requests go there again."""
    return await _switch(call, drained=False)


async def _switch(call: Call[Nothing, Nothing], *, drained: bool) -> Upstream:
    deps, name = call.deps, call.path["name"]
    settings = next((one for one in deps.settings().upstreams if one.name == name), None)
    if settings is None:
        raise failing(404, f'there is no upstream called "{name[:100]}"', param="name")
    if deps.set_drained is not None:
        await deps.set_drained(name, drained)
    else:
        gateway = deps.gateway
        others = {one for one, state in gateway.upstreams.items() if state.drained and one != name}
        drain_these(gateway, {*others, name} if drained else others)
        gateway.admission.wake()
    return _together(settings, await everyone(deps, FARING, Nothing()))


def drain_these(gateway: Gateway, names: Iterable[str]) -> None:
    """Have these upstreams take nothing new, and all others take what comes. Then let `admission.wake()` see who of
    those that wait may go somewhere now, or has to look elsewhere."""
    drained = frozenset(names)
    for name, state in gateway.upstreams.items():
        state.drained = name in drained


# ── each process for itself ─────────────────────────────────────────────────────────────────────────


class OwnUpstreams(msgspec.Struct, frozen=True):
    """By name, as one process knows them."""

    upstreams: dict[str, UpstreamHere]


async def _faring(deps: Deps, _: Nothing) -> OwnUpstreams:
    return OwnUpstreams({name: _here(deps, state) for name, state in deps.gateway.upstreams.items()})


def _here(deps: Deps, state: UpstreamState) -> UpstreamHere:
    now = asyncio.get_running_loop().time()
    to_unix = time.time() - now
    ring, breaker = state.ring, state.breaker
    keys = [] if ring is None else [(index, ring.refused_until(index)) for index in range(ring.count)]
    return UpstreamHere(
        worker=deps.worker,
        drained=state.drained,
        circuit=breaker.state,
        circuit_until=None if breaker.closed else breaker.open_until + to_unix,
        in_flight=state.in_flight,
        first_event_s=state.first_event_s,
        keys=[UpstreamKey(index, until + to_unix if until > now else None) for index, until in keys],
        keys_rest_until=ring.rests_until + to_unix if ring is not None and ring.rests_until > now else None,
    )


FARING: Final = Part("upstreams", Nothing, OwnUpstreams, _faring)

PARTS: Final = (FARING,)


# ── together ────────────────────────────────────────────────────────────────────────────────────────


def worst(circuits: Iterable[Circuit]) -> Circuit:
    """The one that lets the fewest requests pass."""
    return max(circuits, key=_CIRCUITS.index, default="closed")


def _together(settings: UpstreamSettings, parts: Mapping[int, OwnUpstreams]) -> Upstream:
    """A worker that is just being reloaded may not know it yet, or no more."""
    name = settings.name
    each = [part.upstreams[name] for part in parts.values() if name in part.upstreams]
    measured = [one.first_event_s for one in each if one.first_event_s is not None]
    keys: dict[int, list[float | None]] = {}
    for key in (key for one in each for key in one.keys):
        keys.setdefault(key.index, []).append(key.refused_until)
    return Upstream(
        name=name,
        drained=any(one.drained for one in each),
        circuit=worst(one.circuit for one in each),
        circuit_until=_latest(one.circuit_until for one in each),
        in_flight=sum(one.in_flight for one in each),
        first_event_s=sum(measured) / len(measured) if measured else None,
        keys=[UpstreamKey(index, _latest(until)) for index, until in sorted(keys.items())],
        keys_rest_until=_latest(one.keys_rest_until for one in each),
        workers=each,
        settings=shown(settings),
    )


def _latest(moments: Iterable[float | None]) -> float | None:
    return max((one for one in moments if one is not None), default=None)


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
