"""What is asked of the gateway and the store: of the real classes, so that they fit."""

from __future__ import annotations

import asyncio

import msgspec

from sluiceway.config.kinds import Secret
from sluiceway.config.settings import Settings
from sluiceway.config.upstream_settings import UpstreamSettings
from sluiceway.gateway import Gateway
from sluiceway.observe.metric_definitions import DEFINITIONS
from sluiceway.observe.metric_sources import Figures, dropped_source, gateway_source, store_source

NOW = 1000.0


def settings() -> Settings:
    return msgspec.structs.replace(
        Settings(),
        upstreams=(
            UpstreamSettings(
                name="one", base_url="http://127.0.0.1:1/v1", api_keys=(Secret("a"), Secret("b"), Secret("c"))
            ),
            UpstreamSettings(name="two", base_url="http://127.0.0.1:1/v1"),
        ),
    )


def asked_of_a_gateway() -> Figures:
    async def ask() -> Figures:
        gateway = Gateway(settings())
        await gateway.start()
        try:
            one, two = gateway.upstreams["one"], gateway.upstreams["two"]
            one.in_flight = 3
            two.drained = True
            two.breaker.set_checked(False, NOW)
            assert one.ring is not None
            one.ring.cool(0, 401, None, "gpt-4o", NOW, one.health)
            one.ring.cool(1, 429, 7.0, "gpt-4o", NOW, one.health)
            gateway.drain()
            return gateway_source(gateway, lambda: NOW)()
        finally:
            await gateway.close()

    return asyncio.run(ask())


def test_a_gateway_tells_everything_that_is_asked_of_it() -> None:
    figures = asked_of_a_gateway()
    assert figures["sluiceway_upstream_in_flight"] == {"one": 3, "two": 0}
    assert figures["sluiceway_upstream_circuit_open"] == {"one": False, "two": True}
    assert figures["sluiceway_upstream_drained"] == {"one": False, "two": True}
    assert figures["sluiceway_upstream_keys_refused"] == {"one": 1}
    assert figures["sluiceway_upstream_key_rest_seconds"] == {"one": 60.0}
    assert figures["sluiceway_pool_connections"] == {"idle": 0, "busy": 0}
    assert figures["sluiceway_requests_in_flight"] == 0
    assert figures["sluiceway_queue_depth"] == 0
    assert figures["sluiceway_draining"] is True


class FakeCounts(msgspec.Struct):
    waiting: int = 1
    spilled: int = 2
    spill_bytes: int = 3
    written: int = 4
    dropped: int = 5
    refused: int = 6
    broken: int = 7
    failing: str | None = None


class FakeStore:
    def __init__(self) -> None:
        self.counts = FakeCounts()


def test_a_store_tells_what_it_has_and_what_it_lost_and_why() -> None:
    store = FakeStore()
    ask = store_source(store)
    assert ask()["sluiceway_store_written_records_total"] == 4
    assert ask()["sluiceway_store_lost_records_total"] == {"no_room": 5, "refused": 6, "unreadable": 7}
    assert ask()["sluiceway_store_failing"] is False
    store.counts.failing = "no connection"
    assert ask()["sluiceway_store_failing"] is True


def test_observers_tell_what_they_dropped() -> None:
    figures = dropped_source(access_log=lambda: 2, inspector=lambda: 0)()
    assert figures == {"sluiceway_observations_dropped_total": {"access_log": 2, "inspector": 0}}


def test_every_figure_that_is_asked_for_is_defined_and_has_a_label_if_it_should() -> None:
    for figures in (
        asked_of_a_gateway(),
        store_source(FakeStore())(),
        dropped_source(feed=lambda: 0)(),
    ):
        for name, figure in figures.items():
            assert DEFINITIONS[name].table == "readings"
            assert bool(DEFINITIONS[name].labels) == isinstance(figure, dict)
