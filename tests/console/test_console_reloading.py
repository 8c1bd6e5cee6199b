"""Waiting until the configuration was read again."""

from __future__ import annotations

import asyncio

import pytest
from console_client import FakeReloader, console, run

from sluiceway.console import reloading
from sluiceway.console.reloading import reload_now


def test_it_is_waited_for_until_it_is_over() -> None:
    async def scenario() -> None:
        reloader = FakeReloader()
        async with console(reloader=reloader) as client:
            waiting = asyncio.create_task(reload_now(client.deps, "mine"))
            await asyncio.sleep(0.05)
            assert reloader.reasons == ["mine"]
            assert not waiting.done()
            reloader.may_end.set()
            assert await waiting is reloader.last_result

    run(scenario())


def test_where_there_is_nothing_to_read_there_is_no_result() -> None:
    async def scenario() -> None:
        async with console() as client:
            assert await reload_now(client.deps, "mine") is None

    run(scenario())


def test_it_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        monkeypatch.setattr(reloading, "PATIENCE_S", 0.05)
        async with console(reloader=FakeReloader()) as client:
            assert await reload_now(client.deps, "mine") is None

    run(scenario())
