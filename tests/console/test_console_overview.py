"""How the gateway is, at a glance."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from console_client import FakeStore, console, run
from fleet import fleet

from sluiceway import __version__


def test_it_tells_of_the_process_and_of_the_last_hour() -> None:
    async def scenario() -> None:
        store = FakeStore()
        async with console(store=store, worker=2, workers=4) as client:
            told = (await client.get("/api/overview")).json
            assert (told["version"], told["worker"], told["workers"]) == (__version__, 2, 4)
            assert (told["in_flight"], told["queued"], told["draining"]) == (0, 0, False)
            assert told["upstreams"] == [
                {"name": "one", "circuit": "closed", "drained": False, "in_flight": 0}
            ]
            assert told["last_hour"]["requests"] == 7
            client.deps.gateway.drain()
            assert (await client.get("/api/overview")).json["draining"] is True

    run(scenario())


def test_it_is_told_without_a_store_too() -> None:
    async def scenario() -> None:
        store = FakeStore()
        store.away = True
        for kept in (None, store):
            async with console(store=kept) as client:
                assert (await client.get("/api/overview")).json["last_hour"] is None

    run(scenario())


def test_of_several_it_tells_the_sum() -> None:
    async def scenario() -> None:
        async with fleet() as workers:
            for worker, client in enumerate(workers.clients):
                active: Any = client.deps.gateway.active
                active.update({f"req_{number}": SimpleNamespace() for number in range(worker)})
                client.deps.gateway.upstreams["one"].in_flight = worker
                client.deps.started = 1000.0 + worker
            state = workers.clients[1].deps.gateway.upstreams["one"]
            state.breaker.closed = False
            told = (await workers.clients[2].get("/api/overview")).json
            assert (told["worker"], told["workers"], told["heard"]) == (2, 3, [0, 1, 2])
            assert (told["in_flight"], told["started"]) == (3, 1000.0)
            assert told["upstreams"] == [{"name": "one", "circuit": "open", "drained": False, "in_flight": 3}]
            workers.silent.add(1)
            told = (await workers.clients[2].get("/api/overview")).json
            assert (told["in_flight"], told["heard"]) == (2, [0, 2])
            assert told["upstreams"][0]["circuit"] == "closed"
            for client in workers.clients:
                client.deps.gateway.active.clear()

    run(scenario())
