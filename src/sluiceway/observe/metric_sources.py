"""What is asked for when the page is: figures that somebody else keeps anyway, and how to read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

Figures = Mapping[str, float | Mapping[str, float]]
"""By the name of their metric: a number, or numbers by the value of the metric's only label."""

Source = Callable[[], Figures]


class AdmissionFigures(Protocol):
    """See `admission.Admission`."""

    @property
    def in_flight(self) -> int:
        """Requests that were let in."""
        ...

    @property
    def waiting(self) -> int:
        """Requests that wait."""
        ...


class PoolFigures(Protocol):
    """See `upstream.pool.Pool`."""

    @property
    def idle_count(self) -> int:
        """Connections that wait for a request."""
        ...

    @property
    def open_count(self) -> int:
        """All connections."""
        ...


class BreakerFigures(Protocol):
    """See `policy.health.Breaker`."""

    closed: bool


class RingFigures(Protocol):
    """See `policy.cooldown.KeyRing`."""

    count: int
    rests_until: float

    def refused_until(self, index: int) -> float:
        """When the rest of a refused key ends."""
        ...


class UpstreamFigures(Protocol):
    """See `policy.upstream_state.UpstreamState`."""

    in_flight: int
    drained: bool

    @property
    def breaker(self) -> BreakerFigures:
        """Whether it is left alone."""
        ...

    @property
    def ring(self) -> RingFigures | None:
        """Its keys."""
        ...


class GatewayFigures(Protocol):
    """See `gateway.Gateway`."""

    draining: bool

    @property
    def admission(self) -> AdmissionFigures:
        """From its start on."""
        ...

    @property
    def pool(self) -> PoolFigures:
        """Connections to upstreams."""
        ...

    @property
    def upstreams(self) -> Mapping[str, UpstreamFigures]:
        """What is known of them, by name."""
        ...


class StoreCounts(Protocol):
    """See `store.writer.Counts`; in records, those that grow since the start."""

    @property
    def waiting(self) -> int:
        """In memory."""
        ...

    @property
    def spilled(self) -> int:
        """Put into files so far."""
        ...

    @property
    def spill_bytes(self) -> int:
        """What the files take now."""
        ...

    @property
    def written(self) -> int:
        """Put into the database so far."""
        ...

    @property
    def dropped(self) -> int:
        """Lost for want of room."""
        ...

    @property
    def refused(self) -> int:
        """Lost since the database does not take them."""
        ...

    @property
    def broken(self) -> int:
        """Lost in files that make no sense."""
        ...

    @property
    def failing(self) -> str | None:
        """Why the database can't be used."""
        ...


class StoreFigures(Protocol):
    """See `store.writer.Writer`."""

    @property
    def counts(self) -> StoreCounts:
        """How it stands. May look at files."""
        ...


def gateway_source(gateway: GatewayFigures, clock: Callable[[], float]) -> Source:
    """Everything that a gateway can be asked for. `clock`: the one its upstreams rest by, in seconds."""

    def figures() -> Figures:
        upstreams, idle, now = gateway.upstreams, gateway.pool.idle_count, clock()
        rings = {name: upstream.ring for name, upstream in upstreams.items() if upstream.ring is not None}
        return {
            "sluiceway_requests_in_flight": gateway.admission.in_flight,
            "sluiceway_queue_depth": gateway.admission.waiting,
            "sluiceway_draining": gateway.draining,
            "sluiceway_pool_connections": {"idle": idle, "busy": gateway.pool.open_count - idle},
            "sluiceway_upstream_in_flight": {name: one.in_flight for name, one in upstreams.items()},
            "sluiceway_upstream_circuit_open": {
                name: not one.breaker.closed for name, one in upstreams.items()
            },
            "sluiceway_upstream_drained": {name: one.drained for name, one in upstreams.items()},
            "sluiceway_upstream_keys_refused": {name: _refused(ring, now) for name, ring in rings.items()},
            "sluiceway_upstream_key_rest_seconds": {
                name: max(0.0, ring.rests_until - now) for name, ring in rings.items()
            },
        }

    return figures


def store_source(store: StoreFigures) -> Source:
    """Everything that the writer of records can be asked for. It may look at files, so not in the loop."""

    def figures() -> Figures:
        counts = store.counts
        return {
            "sluiceway_store_failing": counts.failing is not None,
            "sluiceway_store_waiting_records": counts.waiting,
            "sluiceway_store_spill_bytes": counts.spill_bytes,
            "sluiceway_store_spilled_records_total": counts.spilled,
            "sluiceway_store_written_records_total": counts.written,
            "sluiceway_store_lost_records_total": {
                "no_room": counts.dropped,
                "refused": counts.refused,
                "unreadable": counts.broken,
            },
        }

    return figures


def dropped_source(**observers: Callable[[], int]) -> Source:
    """What each observer had no room for since the start: numbers that only grow."""
    return lambda: {
        "sluiceway_observations_dropped_total": {name: dropped() for name, dropped in observers.items()}
    }


def _refused(ring: RingFigures, now: float) -> int:
    return sum(ring.refused_until(index) > now for index in range(ring.count))
