"""Who may, by the settings in force."""

from __future__ import annotations

from typing import Any

import pytest
from console_client import UPSTREAM, console, run

from sluiceway.config.load import settings_from
from sluiceway.console.api import OPERATIONS

KEY = "an-admin-key-of-some-length"
BEARER = {"authorization": f"Bearer {KEY}"}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: str(one.name))
def test_every_operation_asks_who_it_is(operation: Any) -> None:
    async def scenario() -> None:
        path = operation.path.replace("{name}", "one").replace("{request_id}", "req_1")
        async with console({"admin": {"keys": [KEY]}}) as client:
            stranger = await client.ask(operation.method, path, b"{}", peer="203.0.113.9")
            assert (stranger.status, stranger.error["code"]) == (401, "invalid_api_key")
            assert stranger.headers["www-authenticate"].startswith("Bearer")
            page = await client.ask(operation.method, path, b"{}", origin="https://evil.example")
            assert (page.status, page.error["code"]) == (403, "forbidden")

    run(scenario())


def test_an_administrator_may_from_anywhere() -> None:
    async def scenario() -> None:
        async with console({"admin": {"keys": [KEY]}}) as client:
            assert (await client.get("/api/overview", peer="203.0.113.9", **BEARER)).status == 200
            assert (await client.get("/api/overview")).status == 200

    run(scenario())


def test_a_reload_changes_who_may() -> None:
    async def scenario() -> None:
        async with console() as client:
            assert (await client.get("/api/overview", **BEARER)).status == 401
            admin = {"keys": [KEY], "loopback": False}
            client.deps.gateway.apply(settings_from({"upstreams": [UPSTREAM], "admin": admin}, {}))
            assert (await client.get("/api/overview", **BEARER)).status == 200
            assert (await client.get("/api/overview")).status == 401

    run(scenario())


def test_who_guesses_is_slowed_and_stays_so_after_a_reload() -> None:
    async def scenario() -> None:
        server = {"auth_failures_per_minute": 2}
        config = {"upstreams": [UPSTREAM], "server": server, "admin": {"keys": [KEY]}}
        async with console(config) as client:
            for attempt in range(2):
                wrong = {"authorization": f"Bearer guess-{attempt}"}
                assert (await client.get("/api/overview", peer="203.0.113.9", **wrong)).status == 401
            client.deps.gateway.apply(settings_from(config, {}))
            answer = await client.get("/api/overview", peer="203.0.113.9", **BEARER)
            assert (answer.status, answer.error["code"]) == (429, "rate_limited")
            assert int(answer.headers["retry-after"]) <= 60

    run(scenario())
