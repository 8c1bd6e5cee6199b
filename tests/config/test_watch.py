"""Ticks when a watched file may have changed. What a change is, and how it is put in force: test_reload."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from sluiceway.config import watch

PATIENCE_S = 30.0

# Between two things that are done; also for the watch to begin, of which nobody hears.
PAUSE_S = 0.5


@contextlib.asynccontextmanager
async def ticking(file: Path) -> AsyncIterator[Callable[[], int]]:
    """How many ticks came so far, while the body runs."""
    count = 0

    async def counting() -> None:
        nonlocal count
        async with contextlib.aclosing(watch.ticks([file])) as ticks:
            async for _ in ticks:
                count += 1

    task = asyncio.create_task(counting())
    try:
        yield lambda: count
    finally:
        task.cancel()
        await asyncio.wait([task])


async def until(true: Callable[[], bool], act: Callable[[], object] = lambda: None) -> None:
    """Do it again and again until it is true."""
    async with asyncio.timeout(PATIENCE_S):
        while not true():
            act()
            await asyncio.sleep(PAUSE_S)


def test_a_change_in_the_folder_is_a_tick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "POLL_MS", 60_000)
    file = tmp_path / "a"

    async def scenario() -> None:
        async with ticking(file) as ticks:
            await asyncio.sleep(PAUSE_S)
            assert ticks() == 0
            await until(lambda: ticks() > 0, lambda: file.write_text("x"))
            await asyncio.sleep(PAUSE_S)
            before = ticks()
            await asyncio.sleep(PAUSE_S)
            assert ticks() == before, "nothing changes any more"

    asyncio.run(scenario())


def test_without_any_change_it_ticks_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "POLL_MS", 250)

    async def scenario() -> None:
        async with ticking(tmp_path / "a") as ticks:
            await until(lambda: ticks() >= 2)

    asyncio.run(scenario())


def test_a_folder_that_is_not_there_yet_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "POLL_MS", 250)
    file = tmp_path / "later" / "a"

    async def scenario() -> None:
        async with ticking(file) as ticks:
            await until(lambda: ticks() > 0)
            file.parent.mkdir()
            monkeypatch.setattr(
                watch, "POLL_MS", 60_000
            )  # from here on the folder is watched, not waited for
            seen = ticks()
            await until(lambda: ticks() > seen + 1, lambda: file.write_text("x"))

    asyncio.run(scenario())
