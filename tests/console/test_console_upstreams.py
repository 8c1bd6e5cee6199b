"""Upstreams: what is told of them, and whether they take requests."""

from __future__ import annotations

import asyncio
import time

from console_client import UPSTREAM, console, run
from fleet import fleet

from sluiceway.console.upstreams import drain_these


def test_settings_are_told_without_secrets() -> None:
    async def scenario() -> None:
        upstream = {
            **UPSTREAM,
            "headers": {"x-team-token": "tok-secret"},
            "proxy": "http://u:proxysecret@127.0.0.1:9",
        }
        async with console({"upstreams": [upstream]}) as client:
            answer = await client.get("/api/upstreams")
            (told,) = answer.json["upstreams"]
            assert b"secret" not in answer.body
            assert told["settings"]["api_keys"] == ["…"]
            assert told["settings"]["headers"] == {"x-team-token": "…"}
            assert told["settings"]["stream"]["chat"]["heartbeat_s"] == 10.0
            assert (told["drained"], told["circuit"], told["in_flight"]) == (False, "closed", 0)
            assert told["keys"] == [{"index": 0, "refused_until": None}]

    run(scenario())


def test_a_circuit_and_resting_keys_are_told_by_the_clock_on_the_wall() -> None:
    async def scenario() -> None:
        async with console() as client:
            state, now = client.deps.gateway.upstreams["one"], asyncio.get_running_loop().time()
            for _ in range(5):
                state.breaker.failed(now)
            assert state.ring is not None
            state.ring.cool(0, 401, None, None, now, state.health)
            (told,) = (await client.get("/api/upstreams")).json["upstreams"]
            assert told["circuit"] == "open"
            assert 8 < told["circuit_until"] - time.time() <= 10
            assert 58 < told["keys"][0]["refused_until"] - time.time() <= 60
            assert told["keys_rest_until"] == told["keys"][0]["refused_until"]

    run(scenario())


def test_an_upstream_is_drained_and_enabled() -> None:
    async def scenario() -> None:
        async with console() as client:
            state = client.deps.gateway.upstreams["one"]
            assert (await client.post("/api/upstreams/one/drain", b"")).json["drained"] is True
            assert state.drained
            assert (await client.post("/api/upstreams/one/enable")).json["drained"] is False
            assert (await client.get("/api/upstreams")).json["upstreams"][0]["drained"] is False
            answer = await client.post("/api/upstreams/two/drain")
            assert (answer.status, answer.error["param"]) == (404, "name")

    run(scenario())


def test_of_several_the_sum_and_the_worst_are_told_and_each_by_itself() -> None:
    async def scenario() -> None:
        async with fleet(2) as workers:
            now = asyncio.get_running_loop().time()
            busy, ailing = (client.deps.gateway.upstreams["one"] for client in workers.clients)
            busy.in_flight, ailing.in_flight = 3, 1
            for _ in range(5):
                ailing.breaker.failed(now)
            assert ailing.ring is not None
            ailing.ring.cool(0, 401, None, None, now, ailing.health)
            for client in workers.clients:
                (told,) = (await client.get("/api/upstreams")).json["upstreams"]
                assert (told["in_flight"], told["circuit"]) == (4, "open")
                assert [one["worker"] for one in told["workers"]] == [0, 1]
                assert [one["circuit"] for one in told["workers"]] == ["closed", "open"]
                assert [one["in_flight"] for one in told["workers"]] == [3, 1]
                assert [one["keys"][0]["refused_until"] is None for one in told["workers"]] == [True, False]
                for name in ("circuit_until", "keys_rest_until"):
                    assert told[name] == told["workers"][1][name]
                assert told["keys"] == told["workers"][1]["keys"]

    run(scenario())


def test_where_there_are_several_somebody_else_sees_to_all_of_them() -> None:
    async def scenario() -> None:
        async with fleet(2) as workers:
            asked: list[tuple[str, bool]] = []

            async def set_drained(name: str, drained: bool) -> None:
                asked.append((name, drained))
                for client in workers.clients:
                    drain_these(client.deps.gateway, [name] if drained else [])

            deps = workers.clients[0].deps
            deps.set_drained = set_drained
            told = (await workers.clients[0].post("/api/upstreams/one/drain")).json
            assert [one["drained"] for one in told["workers"]] == [True, True]
            assert (await workers.clients[0].post("/api/upstreams/one/enable")).json["drained"] is False
            assert (await workers.clients[0].post("/api/upstreams/two/enable")).status == 404
            assert asked == [("one", True), ("one", False)]

    run(scenario())


def test_one_is_drained_and_others_stay_as_they_are() -> None:
    async def scenario() -> None:
        upstreams = [{**UPSTREAM, "name": name} for name in ("one", "two", "three")]
        async with console({"upstreams": upstreams}) as client:
            states = client.deps.gateway.upstreams
            await client.post("/api/upstreams/one/drain")
            await client.post("/api/upstreams/two/drain")
            await client.post("/api/upstreams/one/enable")
            assert [name for name, state in states.items() if state.drained] == ["two"]

    run(scenario())
