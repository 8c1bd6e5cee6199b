"""Waiting until the configuration was read again."""

from __future__ import annotations

import asyncio

import pytest
from console_client import FakeReloader, console, run

from sluiceway.console import reloading
from sluiceway.console.reloading import reload_now


def test_an_older_result_is_not_taken_for_this_one() -> None:
    async def scenario() -> None:
        reloader = FakeReloader()
        async with console(reloader=reloader) as client:
            waiting = asyncio.create_task(reload_now(client.deps, "mine"))
            await asyncio.sleep(0.05)
            assert reloader.reasons == ["mine"]
            assert not waiting.done()
            result = reloader.reloaded("mine")
            assert await waiting is result

    run(scenario())


def test_one_that_ran_already_is_waited_for_and_then_the_next() -> None:
    async def scenario() -> None:
        reloader = FakeReloader()
        async with console(reloader=reloader) as client:
            waiting = asyncio.create_task(reload_now(client.deps, "mine"))
            await asyncio.sleep(0.05)
            reloader.reloaded("a file changed")
            await asyncio.sleep(0.05)
            assert not waiting.done()
            result = reloader.reloaded("a file changed again")  # which took the place of mine
            assert await waiting is result

    run(scenario())


def test_it_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        monkeypatch.setattr(reloading, "PATIENCE_S", 0.05)
        async with console(reloader=FakeReloader()) as client:
            assert await reload_now(client.deps, "mine") is None

    run(scenario())
