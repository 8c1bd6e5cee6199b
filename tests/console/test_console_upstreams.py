"""Upstreams: what is told of them, and whether they take requests."""

from __future__ import annotations

import asyncio
import time

from console_client import UPSTREAM, console, run


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
