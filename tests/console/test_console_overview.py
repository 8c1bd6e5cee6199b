"""How the gateway is, at a glance."""

from __future__ import annotations

from console_client import FakeStore, console, run

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
