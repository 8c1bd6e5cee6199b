"""Responses in pieces: kept alive, ended, cut; nothing is kept for a client that does not read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest
from console_client import Client, Exchange, console, run

from sluiceway.config.observe_settings import InspectorSettings
from sluiceway.console import streaming
from sluiceway.console.streaming import MAX_EVENT_STREAMS, SHORTEST_PAUSE_S, sse
from sluiceway.observe.inspector import Inspector

LIVE = {"admin": {"live_s": 0.01}}
PATH = "/api/streams/events"


def inspector() -> Inspector:
    return Inspector(InspectorSettings())


async def watching(
    client: Client, true: Callable[[Exchange], bool] = lambda one: bool(one.pieces)
) -> Exchange:
    exchange = client.begin("GET", PATH)
    await exchange.until(lambda: true(exchange))
    return exchange


def test_an_event_is_one_line_of_data_with_its_name_and_cursor() -> None:
    assert sse("news", b'{"a":1}', "4.2") == b'event: news\nid: 4.2\ndata: {"a":1}\n\n'
    assert sse("news", b"{}") == b"event: news\ndata: {}\n\n"


def test_silence_is_broken_by_comments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "HEARTBEAT_S", 0.05)

    async def scenario() -> None:
        async with console(LIVE, inspector=inspector()) as client:
            exchange = await watching(client, lambda one: one.pieces[1:].count(b": heartbeat\n\n") >= 2)
            exchange.leave()
            await exchange.task

    run(scenario())


def test_a_live_view_ends_when_the_gateway_drains() -> None:
    async def scenario() -> None:
        async with console(LIVE, inspector=inspector()) as client:
            exchange = await watching(client)
            client.deps.gateway.drain()
            async with asyncio.timeout(2):
                await exchange.task
            assert exchange.complete
            assert client.deps.event_streams == 0

    run(scenario())


def test_a_client_that_leaves_is_noticed_at_once() -> None:
    async def scenario() -> None:
        async with console({"admin": {"live_s": 30}}, inspector=inspector()) as client:
            exchange = await watching(client)
            exchange.leave()
            async with asyncio.timeout(2):
                await exchange.task
            assert not exchange.complete

    run(scenario())


def test_a_client_that_does_not_read_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "SLOW_READER_S", 0.05)
    monkeypatch.setattr(streaming, "HEARTBEAT_S", 0.01)

    async def scenario() -> None:
        async with console(LIVE, inspector=inspector()) as client:
            exchange = await watching(client)
            exchange.may_write.clear()
            with pytest.raises(ConnectionAbortedError):
                async with asyncio.timeout(2):
                    await exchange.task
            assert client.deps.event_streams == 0

    run(scenario())


def test_live_views_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with console(LIVE, inspector=inspector()) as client:
            client.deps.event_streams = MAX_EVENT_STREAMS
            answer = await client.get(PATH)
            assert (answer.status, answer.error["code"]) == (503, "gateway_overloaded")
            client.deps.event_streams = 0

    run(scenario())


def test_looking_takes_a_pause_whatever_the_operator_says() -> None:
    async def scenario() -> None:
        looks = 0
        watched = inspector()
        changes = watched.changes

        def counted(since: str = "") -> object:
            nonlocal looks
            looks += 1
            return changes(since)

        watched.changes = counted  # type: ignore[method-assign, assignment]
        async with console({"admin": {"live_s": 0}}, inspector=watched) as client:
            began = time.monotonic()
            exchange = await watching(client)
            await asyncio.sleep(0.2)
            exchange.leave()
            await exchange.task
            assert looks <= 2 + (time.monotonic() - began) / SHORTEST_PAUSE_S

    run(scenario())
